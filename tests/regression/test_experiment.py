"""The command from its options to the page, its refinements stand-ins."""

import csv
import datetime
import io
import json
import shutil
from types import SimpleNamespace

import iotbx.pdb
import pytest
from libtbx import Auto

from benchmarks.entries import Entry
from benchmarks.runs import Record, Run, all_parameters
from regression import entry_report, experiment, judgement
from regression.grid import FULL, mode_pairs
from regression.model_figures import boundary_figures, residue_correlations
from regression.progress import Progress
from regression.protocol import PROTOCOLS, protocol
from regression.task import Task
from tests.regression.small_tasks import (
    GROUPS,
    POINTS,
    STAND_IN,
    make_entry,
    make_tasks,
    prepare,
)


def asked(*args):
    return experiment.parser().parse_args(args)


def test_the_full_grid_is_the_theses():
    names = [point.name for point in FULL.points()]
    assert len(mode_pairs(range(10, 51, 5))) == 45
    assert len(names) == len(set(names)) == 1 + 20 + 45
    assert {"hnm-10-10", "hnm-50-45", "tls-20", "none"} <= set(names)
    assert "hnm-10-15" not in names


def test_options_change_the_grid():
    options = asked(
        *"--modes 20,20 30,10 --groups 2 --weights 0 0.5".split(),
        *"--partition tlsmd tls.selection=all".split(),
    )
    points = {point.name: point for point in experiment.asked_grid(options).points()}
    assert list(points) == [
        *("none", "tls-2", "tlsmd-2", "hnm-20-20-w0", "hnm-20-20-w0.5"),
        *("hnm-30-10-w0", "hnm-30-10-w0.5"),
    ]
    assert "tls.selection=all" in points["tlsmd-2"].parameters
    assert points["tlsmd-2"].family == "tls"
    assert "hnm.restraint_weight=0.5" in points["hnm-30-10-w0.5"].parameters


def test_numbers_found_from_the_data_are_points_too():
    options = asked(*"--grid wide --modes 20,20 Auto,Auto --weights Auto".split())
    points = {point.name: point for point in experiment.asked_grid(options).points()}
    assert list(points) == [
        *("tls-1", "tls-3", "tls-6", "tls-10"),
        *("hnm-20-20-wAuto", "hnm-Auto-Auto-wAuto"),
    ]
    found = all_parameters(points["hnm-Auto-Auto-wAuto"].parameters).extract().hnm
    assert found.n_whole is found.n_substructure is found.restraint_weight is Auto


def test_a_point_that_is_no_number_is_refused(capsys):
    with pytest.raises(SystemExit):
        asked("--modes", "auto,20")
    assert "--modes" in capsys.readouterr().err


@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocols_are_parameters_of_the_program(name):
    """They start flat, and a later number of cycles is the one that counts."""
    how = protocol(name, 4)
    params = all_parameters(how.parameters).extract()
    assert params.main.number_of_macro_cycles == 4
    assert params.start.b_iso == 20
    assert ("sites" in params.strategy) == (how.shake_steps > 0)


def test_time_left_goes_by_atoms(tmp_path):
    tasks = []
    for name, n_atoms in (("small", 10), ("large", 90)):
        model = tmp_path / name
        model.write_text("ATOM\n" * n_atoms)
        run = Run(Entry(name, model, model), "r", (), tmp_path)
        tasks.append(Task(run, tmp_path, "abc"))
    now = iter([0.0, 600.0, 6000.0])
    progress = Progress(tasks, clock=lambda: next(now))
    record = Record("small", "r", [], "h", "abc", 1.0, 1.0)
    assert progress.line(record).startswith("[1/2, 1 h 30 min left] small r: R_work")
    record.entry, record.error = "large", "no"
    assert progress.line(record).startswith("[2/2, 1 failed, 0 min left] large r: fail")


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Runs the command on one entry; with what it prints of ``prepared`` points."""
    entry = make_entry(tmp_path / "pdb" / "1abc")
    for point in POINTS:
        prepare(entry, point, tmp_path / "prepared")
    monkeypatch.setenv("PREPARED", str(tmp_path / "prepared"))
    monkeypatch.setattr("benchmarks.runs.REFINE", STAND_IN)
    for name in ("N_DRAWS", "N_SPLITS", "N_DRAWS_OF_CHOICE"):
        monkeypatch.setattr(judgement, name, 20)

    def run(*args):
        experiment.main(
            [
                *"--grid quick --modes 20,20 --entries 1abc".split(),
                *("--pdb-dir", str(tmp_path / "pdb")),
                *("--results", str(tmp_path / "results" / "day")),
                *("--work-dir", str(tmp_path / "work")),
                *args,
            ]
        )

    return run


def table(tmp_path):
    text = (tmp_path / "results" / "day-entries.csv").read_text()
    return list(csv.DictReader(io.StringIO(text)))


def test_command_refines_judges_and_writes(command, tmp_path, capsys):
    command("--groups", "1")
    (line,) = table(tmp_path)
    assert (line["entry"], line["hnm_row"], line["tls_row"]) == (
        "1abc", "hnm-20-20", "tls-1",
    )
    # Deviations of 15 and 25 %: by far and without a choice better.
    assert float(line["improvement"]) > 5
    assert float(line["improvement"]) == pytest.approx(
        100 * (float(line["tls_r_free"]) - float(line["hnm_r_free"])), abs=1e-3
    )
    improvement = float(line["improvement"])
    assert float(line["on_halves"]) == pytest.approx(improvement, rel=0.1)
    assert (line["hnm_parameters"], line["tls_parameters"]) == ("180", "100")
    # U of one size everywhere, and twice as large beyond the border.
    assert float(line["hnm_b_kl"]) == pytest.approx(1, abs=0.5)
    assert float(line["tls_b_kl"]) > 5
    assert float(line["hnm_map_cc"]) > 0.99
    names = sorted(path.name for path in (tmp_path / "results").iterdir())
    assert names == [
        *("day", "day-b_kl.png", "day-entries.csv", "day-improvement.png"),
        *("day-pairs.csv", "day-points.csv", "day-points.png", "day-residues.csv"),
        *("day-runs.csv", "day.html"),
    ]
    page = (tmp_path / "results" / "day.html").read_text()
    assert page.count("<figure>") == 3 and "Missing" not in page
    assert "R_free with HNM higher in 0 of 1 entries" in capsys.readouterr().out


def test_report_needs_no_files_of_the_runs_once_it_was_made(command, tmp_path):
    command("--groups", "1")
    first = table(tmp_path)
    shutil.rmtree(tmp_path / "work")
    command("--groups", "1", "--report-only")
    assert table(tmp_path) == first


@pytest.mark.parametrize(
    "protocol_and_grid, name", [("quick quick", "quick"), ("fixed wide", "fixed-wide")]
)
def test_results_are_named_by_protocol_and_grid(
    protocol_and_grid, name, tmp_path, monkeypatch
):
    monkeypatch.setattr("benchmarks.options.CHECKOUT", tmp_path)
    results = tmp_path / "regression" / "results"
    results.mkdir(parents=True)
    make_entry(tmp_path / "pdb" / "1abc")
    how, grid = protocol_and_grid.split()
    with pytest.raises(SystemExit):
        experiment.main(
            [
                *("--protocol", how, "--grid", grid, "--report-only"),
                *("--entries", "1abc", "--pdb-dir", str(tmp_path / "pdb")),
            ]
        )
    (page,) = results.glob("*.html")
    today = datetime.date.today().isoformat()
    assert page.name == f"{today}-{name}.html"


def test_missing_points_are_named_and_the_exit_code_tells(command, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        command("--groups", "1", "7")
    assert ended.value.code == 1
    assert "1abc: 1 of 3 runs: tls-7." in capsys.readouterr().out
    # What there is has been judged.
    assert table(tmp_path)[0]["tls_tried"] == "1"
    assert "tls-7" in (tmp_path / "results" / "day.html").read_text()


def test_another_seed_is_another_start_and_another_refinement(
    command, tmp_path, monkeypatch, capsys
):
    assert all_parameters(()).extract().main.random_seed == experiment.SEED
    seeds = []

    def shaken(entry, place, n_steps, seed):
        seeds.append(seed)
        return entry

    monkeypatch.setattr("regression.shake.shaken", shaken)
    command(*"--protocol sites --groups 1 --seed 7".split())
    assert seeds == [7]
    record = json.loads((tmp_path / "results/day/1abc_tls-1.json").read_text())
    assert "main.random_seed=7" in record["parameters"]
    # Its runs are not those of the usual start.
    with pytest.raises(SystemExit):
        command(*"--protocol sites --groups 1 --report-only".split())
    assert "1abc: 2 of 2 runs: tls-1, hnm-20-20." in capsys.readouterr().out


def test_a_moved_residue_loses_its_correlation(tmp_path):
    entry = make_entry(tmp_path / "1abc")
    prepare(entry, POINTS[0], tmp_path)
    directory = tmp_path / POINTS[0].name
    lines = (directory / "run_001.cif").read_text()
    model = iotbx.pdb.input(source_info=None, lines=lines.splitlines())
    right = residue_correlations(model, directory / "run_001.mtz")
    assert list(right) == [f"A {number}" for number in range(4, 14)]
    assert min(right.values()) > 0.99
    hierarchy = model.construct_hierarchy()
    atoms = list(hierarchy.residue_groups())[3].atoms()
    atoms.set_xyz(atoms.extract_xyz() + (2.0, -2.0, 1.0))
    moved = iotbx.pdb.input(
        source_info=None,
        lines=hierarchy.as_pdb_string(
            crystal_symmetry=model.crystal_symmetry()
        ).splitlines(),
    )
    wrong = residue_correlations(moved, directory / "run_001.mtz")
    assert min(wrong, key=wrong.get) == "A 7" and wrong["A 7"] < 0.8


def test_boundary_is_that_of_the_partition(tmp_path):
    """U jumps where the groups meet, and at no other place of a partition."""
    entry = make_entry(tmp_path / "1abc")
    for point in POINTS:
        prepare(entry, point, tmp_path)
    places = {point.name: tmp_path / point.name for point in POINTS}
    right = boundary_figures(places, GROUPS)
    wrong = boundary_figures(places, ("resid 4 through 6", "resid 7 through 13"))
    assert right["tls-1"] > 5 > 2 > right["hnm-20-20"]
    assert wrong["tls-1"] < right["tls-1"] / 3
    nothing = boundary_figures(places, ("resid 4 through 13",))
    assert nothing == dict.fromkeys(places)


def test_entries_of_one_chain_are_left_out(tmp_path):
    entry = make_entry(tmp_path / "1abc")
    assert experiment.n_chains(entry) == 1
    text = entry.model.read_text()
    second = "".join(
        line[:21] + "B" + line[22:] + "\n"
        for line in text.splitlines()
        if line.startswith("ATOM")
    )
    (tmp_path / "2abc").mkdir()
    (tmp_path / "2abc" / "model.pdb").write_text(text.replace("END\n", "") + second)
    (tmp_path / "2abc" / "data.mtz").write_bytes(entry.data.read_bytes())
    assert [e.id for e in experiment.chosen_entries(tmp_path, None)] == ["2abc"]
    named = experiment.chosen_entries(tmp_path, ["2abc", "1abc"])
    assert [e.id for e in named] == ["1abc", "2abc"]


def test_figures_are_computed_again_for_another_best_run(tmp_path, monkeypatch):
    """What is kept belongs to the runs that it names."""
    entry = make_entry(tmp_path / "1abc")
    tasks = make_tasks(tmp_path, entry)
    kept = tmp_path / "results" / "1abc.figures"
    kept.parent.mkdir()
    hnm, tls = POINTS
    records = {
        point.name: SimpleNamespace(parameters_hash="h", r_free=0.3) for point in POINTS
    }
    figures = {"hnm-20-20": {"b_kl": 1.5}, "tls-1": {"b_kl": 3.0}}
    kept.write_text(
        json.dumps(
            {"of": {name: ["h", 0.3] for name in records}, "figures": figures}
        )
    )
    best = {point.name: tasks[point] for point in (hnm, tls)}
    judged = SimpleNamespace(theirs="tls-1")
    assert entry_report._figures(best, records, judged) == figures
    records["tls-1"].r_free = 0.29
    # No files of the runs are there to compute them from.
    assert entry_report._figures(best, records, judged) == {}
