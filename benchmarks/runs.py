"""Refinements: how one is started, what is kept of it, and going on with many."""

from __future__ import annotations

import functools
import hashlib
import json
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.conditions import source_version
from benchmarks.entries import Entry
from benchmarks.processes import REFINE, Finished, run_all, start
from hnmref.files import write_text

#: Digits of the parameters' hash that are kept.
_HASH_LENGTH = 12


@dataclass
class Record:
    """What is kept of a run, in ``ENTRY_ROW.json``.

    :ivar parameters_hash: of all parameters, defaults included.
    :ivar source: commit of the checkout.
    :ivar seconds: wall time of the process.
    :ivar peak_mb: peak memory of the process in MB.
    :ivar start: r_work and r_free (fractions) before the first macro-cycle.
    :ivar n_parameters: by step, in the last macro-cycle.
    :ivar error: why there are no figures, or empty.
    """

    entry: str
    row: str
    parameters: list[str]
    parameters_hash: str
    source: str
    seconds: float
    peak_mb: float
    error: str = ""
    r_work: float = 0.0
    r_free: float = 0.0
    start: dict[str, float] = field(default_factory=dict)
    n_parameters: dict[str, int] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """One entry refined as one row of a table asks.

    :ivar row: what the run is called in the table; part of file names.
    :ivar parameters: PHIL arguments, the later ones overriding.
    """

    entry: Entry
    row: str
    parameters: tuple[str, ...]
    work_dir: Path

    @property
    def directory(self) -> Path:
        """Where the run writes its files."""
        return self.work_dir / self.entry.id / self.row

    @property
    def output(self) -> Path:
        """What the program said."""
        return self.directory / "output.txt"

    def launch(self) -> subprocess.Popen:
        """Start it."""
        self.directory.mkdir(parents=True, exist_ok=True)
        command = [
            *REFINE,
            str(self.entry.model.resolve()),
            str(self.entry.data.resolve()),
            *self.parameters,
            "output.prefix=run",
            "output.overwrite=True",
        ]
        return start(command, self.output, self.directory)

    def record(self, finished: Finished, source: str) -> Record:
        """What is to be kept, of a run that ended well or badly."""
        record = Record(
            entry=self.entry.id,
            row=self.row,
            parameters=list(self.parameters),
            parameters_hash=parameters_hash(self.parameters),
            source=source,
            seconds=round(finished.seconds, 1),
            peak_mb=round(finished.peak_mb),
        )
        if finished.exit_code:
            record.error = self._last_words(finished.exit_code)
            return record
        text = (self.directory / "run_001.json").read_text(encoding="utf-8")
        result = json.loads(text)
        record.r_work = result["final"]["r_work"]
        record.r_free = result["final"]["r_free"]
        record.start = result["start"]
        record.n_parameters = {
            step["step"]: step["n_parameters"]
            for step in result["cycles"]
            if step["n_parameters"]
        }
        record.versions = result["versions"]
        return record

    def _last_words(self, exit_code: int) -> str:
        text = self.output.read_text(encoding="utf-8", errors="replace").strip()
        place = text.rfind("Sorry:")
        if place >= 0:
            last = " ".join(text[place:].split())
        else:
            last = text.splitlines()[-1] if text else "it said nothing"
        return f"exit code {exit_code}: {last}"


def mtz_file(work_dir: Path, entry_id: str, row: str) -> Path:
    """The reflections that a run wrote."""
    return work_dir / entry_id / row / "run_001.mtz"


def all_parameters(parameters: Sequence[str]):
    """The libtbx.phil scope of a run: defaults, and what was given."""
    import iotbx.phil
    from hnmref import params as scopes

    given = [iotbx.phil.parse(text) for text in parameters]
    return iotbx.phil.parse(scopes.REFINE).fetch(sources=given)


def parameters_hash(parameters: Sequence[str]) -> str:
    """Hash of all parameters, so that a changed default is noticed."""
    return _hash_of(tuple(parameters))


@functools.lru_cache(maxsize=None)
def _hash_of(parameters: tuple[str, ...]) -> str:
    text = all_parameters(parameters).as_str()
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:_HASH_LENGTH]


def record_file(results: Path, entry_id: str, row: str) -> Path:
    """Where the record of a run is kept."""
    return results / f"{entry_id}_{row}.json"


def free_model_file(results: Path, entry_id: str, row: str) -> Path:
    """Where the model amplitudes of a run's free reflections are kept."""
    return results / f"{entry_id}_{row}.npz"


def write_record(record: Record, results: Path) -> None:
    """Keep a record; amplitudes of an earlier run under the same name go."""
    free_model_file(results, record.entry, record.row).unlink(missing_ok=True)
    write_record_file(record, record_file(results, record.entry, record.row))


def write_record_file(record: Record, path: Path) -> None:
    """A record as JSON, whole or not at all."""
    write_text(path, json.dumps(asdict(record), indent=1) + "\n")


def read_record(path: Path) -> Record:
    """Read what :func:`write_record_file` wrote."""
    return Record(**json.loads(path.read_text(encoding="utf-8")))


def read_records(results: Path) -> dict[tuple[str, str], Record]:
    """All records in a directory, by entry and row."""
    records = [read_record(path) for path in sorted(results.glob("*_*.json"))]
    return {(record.entry, record.row): record for record in records}


def select_records(
    results: Path, entries: Iterable[str], rows: Iterable[str]
) -> dict[tuple[str, str], Record]:
    """The records of a table.

    :raises SystemExit: there is none.
    """
    wanted = {(entry, row) for entry in entries for row in rows}
    records = read_records(results)
    chosen = {key: record for key, record in records.items() if key in wanted}
    if not chosen:
        raise SystemExit(
            f"{results} has no records of these entries: name another with --results"
        )
    return chosen


def is_finished(run: Run, records: dict[tuple[str, str], Record]) -> bool:
    """Whether the run has ended well with the parameters it would have now."""
    record = records.get((run.entry.id, run.row))
    if record is None or record.error:
        return False
    return record.parameters_hash == parameters_hash(run.parameters)


def refine_all(
    runs: Sequence[Run],
    results: Path,
    n_at_once: int,
    kept: Callable[[Record], None] | None = None,
) -> None:
    """Make the runs that are not finished, and keep a record of each.

    :param kept: called with every new record, after it was written.
    """
    results.mkdir(parents=True, exist_ok=True)
    records = read_records(results)
    missing = [run for run in runs if not is_finished(run, records)]
    print(f"{len(runs) - len(missing)} runs are finished, {len(missing)} to do")
    source = source_version()

    def keep(run: Run, finished: Finished) -> None:
        record = run.record(finished, source)
        write_record(record, results)
        print(f"{run.entry.id} {run.row}: {in_short(record)}", flush=True)
        if kept is not None:
            kept(record)

    run_all(missing, Run.launch, keep, n_at_once)


def in_short(record: Record) -> str:
    """How a run ended, for those who watch."""
    if record.error:
        return f"failed, {record.error}"
    return (
        f"R_work {record.r_work:.4f}, R_free {record.r_free:.4f}, "
        f"{record.seconds:.0f} s, {record.peak_mb:.0f} MB"
    )
