"""One refinement of the table: how it is started, and what is kept of it."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.entries import Entry
from benchmarks.processes import REFINE, Finished, start
from hnmref.files import write_text

#: What all runs have in common beside the defaults.
COMMON = ("strategy=adp", "start.b_iso=20", "main.number_of_macro_cycles=3")

#: The rows of the table and what each asks for.
ROWS = {
    "none": ("group_adp=none",),
    "tls1": ("group_adp=tls", "tls.groups_per_chain=1"),
    "tls3": ("group_adp=tls", "tls.groups_per_chain=3"),
    "tls6": ("group_adp=tls", "tls.groups_per_chain=6"),
    "hnm": ("group_adp=hnm",),
    "hnm6": ("group_adp=hnm", "hnm.n_whole=6", "hnm.n_substructure=6"),
}

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
    """One entry refined as one row of the table asks."""

    entry: Entry
    row: str
    extra: tuple[str, ...]
    work_dir: Path

    @property
    def parameters(self) -> tuple[str, ...]:
        """PHIL arguments, the later ones overriding."""
        return (*COMMON, *ROWS[self.row], *self.extra)

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
        last = text.splitlines()[-1] if text else "it said nothing"
        return f"exit code {exit_code}: {last}"


def mtz_file(work_dir: Path, entry_id: str, row: str) -> Path:
    """The reflections that a run wrote."""
    return work_dir / entry_id / row / "run_001.mtz"


def parameters_hash(parameters: tuple[str, ...]) -> str:
    """Hash of all parameters, so that a changed default is noticed."""
    import iotbx.phil
    from hnmref import params as scopes

    master = iotbx.phil.parse(scopes.REFINE)
    given = [iotbx.phil.parse(text) for text in parameters]
    text = master.fetch(sources=given).as_str()
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:_HASH_LENGTH]


def record_file(results: Path, entry_id: str, row: str) -> Path:
    """Where the record of a run is kept."""
    return results / f"{entry_id}_{row}.json"


def write_record(record: Record, results: Path) -> None:
    """Keep a record."""
    text = json.dumps(asdict(record), indent=1) + "\n"
    write_text(record_file(results, record.entry, record.row), text)


def read_records(results: Path) -> dict[tuple[str, str], Record]:
    """All records in a directory, by entry and row."""
    records = [
        Record(**json.loads(path.read_text(encoding="utf-8")))
        for path in sorted(results.glob("*_*.json"))
    ]
    return {(record.entry, record.row): record for record in records}


def is_finished(run: Run, records: dict[tuple[str, str], Record]) -> bool:
    """Whether the run has ended well with the parameters it would have now."""
    record = records.get((run.entry.id, run.row))
    if record is None or record.error:
        return False
    return record.parameters_hash == parameters_hash(run.parameters)
