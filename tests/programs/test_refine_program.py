"""The hnmref.refine command, from files to files."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

import json

import iotbx.cli_parser
import iotbx.file_reader
import iotbx.mtz
import iotbx.pdb
import numpy as np
import pytest
from iotbx.data_plots import import_ccp4i_logfile
from libtbx.utils import Sorry

from hnmref.adp.metrics import B_PER_U
from hnmref.programs.refine import run
from hnmref.refine.arrays import sym_mat3_to_numpy
from hnmref.refine.finished_run import read_run
from hnmref.refine.simulate import write_simulated
from hnmref.report.json_report import REQUIRED
from tests.refine.small_run import DOMAINS, QUICK_ARGUMENTS, small_simulation

SUFFIXES = {"pdb", "cif", "mtz", "log", "eff", "json", "html", "hnm.npz"}


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    return write_simulated(small_simulation(), tmp_path_factory.mktemp("input"))


@pytest.fixture(scope="module")
def inputs(simulated):
    """The two files, as a user types them."""
    return [str(simulated["model"]), str(simulated["data"])]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def hnm_run(inputs, tmp_path_factory):
    """The stem of a finished run's files."""
    directory = tmp_path_factory.mktemp("run")
    run([*inputs, *QUICK_ARGUMENTS, f"output.prefix={directory / 'run'}"])
    return directory / "run_001"


def read_json(stem):
    return json.loads(stem.with_name(f"{stem.name}.json").read_text())


def test_writes_every_file_and_no_other(hnm_run):
    names = {path.name for path in hnm_run.parent.iterdir()}
    assert names == {f"run_001.{suffix}" for suffix in SUFFIXES}
    assert all(path.stat().st_size > 0 for path in hnm_run.parent.iterdir())


def test_levels_add_up_and_progress_is_told(inputs, here):
    """Models of the parts of U, and a JSON line for every step."""
    asked = ["output.levels=True", "output.progress=lines.json", "--quiet"]
    run([*inputs, *QUICK_ARGUMENTS, "output.prefix=run", *asked])
    u = {}
    for level in ("", "_whole", "_group", "_local"):
        atoms = iotbx.pdb.input(f"run_001{level}.pdb").construct_hierarchy().atoms()
        u[level] = sym_mat3_to_numpy(atoms.extract_uij())
        if level == "_local":
            b = atoms.extract_b().as_numpy_array()
    assert (u["_local"] == -1).all() and np.abs(u["_whole"]).max() > 0.01
    assert np.abs(u["_whole"] - u["_group"]).max() > 1e-3
    total = u["_group"].copy()
    total[:, :3] += (b / B_PER_U)[:, None]
    assert np.abs(total - u[""]).max() < 3e-4
    lines = [json.loads(line) for line in (here / "lines.json").open()]
    assert [line["event"] for line in lines] == ["start", *4 * ["step"], "final"]
    assert [line["step"] for line in lines[1:-1]] == [
        record["step"] for record in read_json(here / "run_001")["cycles"]
    ]
    assert lines[-1]["files"]["local.pdb"] == "run_001_local.pdb"


def test_a_progress_file_that_cannot_be_written_is_told_first(inputs, here):
    with pytest.raises(Sorry, match="output.progress=no/lines.json cannot be written"):
        run([*inputs, *QUICK_ARGUMENTS, "output.progress=no/lines.json"])


def test_json_holds_the_run(hnm_run):
    run = read_json(hnm_run)
    assert set(REQUIRED) <= set(run)
    for when in ("start", "final"):
        assert 0 < run[when]["r_work"] < run[when]["r_free"] < 0.3
    assert run["final"]["r_free"] < run["start"]["r_free"]
    steps = ["scale", "stage_one", "stage_two", "u_local"]
    assert [record["step"] for record in run["cycles"]] == steps
    assert set(run["cycles"][0]) >= {
        "cycle",
        "step",
        "r_work",
        "r_free",
        "seconds",
        "n_parameters",
        "n_target_evaluations",
    }
    assert run["group_adp"] == "hnm" and run["strategy"] == "adp"
    assert run["random_seed"] == 2679941
    assert {"hnmref", "cctbx", "python", "numpy", "scipy"} <= set(run["versions"])
    assert run["atoms"] == {"assigned": 407, "local_only": 0, "reasons": {}}
    whole, *parts = run["groups"]
    assert [group["selection"] for group in parts] == list(DOMAINS)
    assert whole["modes"] == 8 and whole["parameters"] == 36
    assert {group["modes"] for group in parts} == {7}


def page_data(stem, name):
    """What the page's scripts are given."""
    text = stem.with_name(f"{stem.name}.html").read_text(encoding="utf-8")
    start = f'<script type="application/json" id="{name}">'
    return json.loads(text.split(start)[1].split("</script>")[0])


def test_page_draws_what_the_json_and_the_restart_file_hold(hnm_run):
    run, charts = read_json(hnm_run), page_data(hnm_run, "charts")
    # Text of pages has up to five digits.
    for trace, key in zip(charts["r-by-shell"]["data"], ("r_free", "r_work")):
        shells = [100 * shell[key] for shell in run["shells"]]
        assert trace["y"] == pytest.approx(shells, rel=1e-4)
    whole, parts = run["motions"][0]["motions"], run["motions"][1:]
    top = max(v for m in run["motions"] for v in m["motions"]["variance"])
    drawn = charts["spectrum"]["data"]
    kept = [v for v in whole["variance"] if v > 1e-4 * top]
    assert drawn[0]["y"] == pytest.approx(kept, rel=1e-3)
    assert [m["label"] for m in parts] == [g["label"] for g in run["groups"][1:]]
    with np.load(f"{hnm_run}.hnm.npz") as file:
        b_group = B_PER_U * file["u_group"][:, :3].mean(axis=1)
        omega = file["group_omega_whole"]
    assert sum(whole["variance"]) == pytest.approx((omega**2).sum(), rel=1e-4)
    hierarchy = iotbx.pdb.input(f"{hnm_run}.pdb").construct_hierarchy()
    numbers = [atom.fetch_labels().resseq_as_int() for atom in hierarchy.atoms()]
    numbers = np.array(numbers)
    means = [b_group[numbers == number].mean() for number in np.unique(numbers)]
    profile = {t["name"]: t for t in charts["profile-0"]["data"]}
    assert profile["group"]["y"] == pytest.approx(means, rel=1e-3)
    view = page_data(hnm_run, "viewer")
    assert len(view["sites"]) == len(means) and len(view["motions"]) == 9
    assert (hnm_run.parent / "run_001.html").stat().st_size < 15e6


def test_json_tells_how_the_model_fits_and_moves(hnm_run):
    run = read_json(hnm_run)
    assert sum(shell["n_work"] for shell in run["shells"]) == run["data"]["n_work"]
    assert run["neighbours"]["b_kl"] > 0
    assert 0 < run["neighbours"]["p_kl_bonded"] < run["neighbours"]["p_kl_near"]
    found = [worst["map_correlation"] for worst in run["worst_residues"]]
    assert found == sorted(found) and len(found) == 20 and found[-1] < 1


def test_model_holds_the_total_u_of_the_restart_file(hnm_run):
    pdb = iotbx.pdb.input(f"{hnm_run}.pdb")
    written = sym_mat3_to_numpy(pdb.construct_hierarchy().atoms().extract_uij())
    with np.load(f"{hnm_run}.hnm.npz") as file:
        total = file["u_group"].copy()
        total[:, :3] += file["u_local"][:, None]
    assert np.abs(written - total).max() < 6e-5


def test_written_model_explains_the_data_as_reported(hnm_run):
    """R from the map coefficients' file is the report's."""
    arrays = {
        array.info().labels[0]: array
        for array in iotbx.mtz.object(f"{hnm_run}.mtz").as_miller_arrays()
    }
    observed, model = arrays["F-obs-filtered"], abs(arrays["F-model"])
    observed, model = observed.common_sets(model)
    free = arrays["R-free-flags"].common_set(observed).data().as_numpy_array() == 1
    observed, model = (a.data().as_numpy_array() for a in (observed, model))
    for which, name in ((~free, "r_work"), (free, "r_free")):
        o, m = observed[which], model[which]
        r = np.abs(o - m * (o @ m) / (m @ m)).sum() / o.sum()
        assert r == pytest.approx(read_json(hnm_run)["final"][name], abs=2e-3)


def test_log_says_what_the_screen_does(hnm_run):
    log = hnm_run.with_name("run_001.log").read_text()
    assert "407 atoms, 407 of them in 2 substructures" in log
    assert "stage two: 2 x 7 modes, 56 parameters" in log
    for word in ("Start: R_work", "stage_one", "u_local", "Final: R_work"):
        assert word in log


def test_log_has_graphs_for_viewers(hnm_run):
    """As iotbx reads them, which is what Phenix shows."""
    tables = import_ccp4i_logfile(str(hnm_run.with_name("run_001.log")))
    steps, shells = tables
    records = json.loads(hnm_run.with_name("run_001.json").read_text())["cycles"]
    assert steps.data[0] == list(range(1, len(records) + 1))
    assert steps.data[3] == pytest.approx([r["r_free"] for r in records], abs=1e-5)
    assert [len(graph) for graph in steps.graph_columns] == [3, 2]
    assert shells.data[0] == sorted(shells.data[0]) and len(shells.data[0]) > 3
    assert all(0 < value < 1 for column in shells.data[2:] for value in column)


def test_parameter_file_repeats_the_run(hnm_run, here, inputs):
    run([*inputs, f"{hnm_run}.eff", "output.prefix=again"])
    first, again = read_json(hnm_run), read_json(here / "again_001")
    for record in (*first["cycles"], *again["cycles"]):
        del record["seconds"]
    assert again["cycles"] == first["cycles"]
    assert again["final"] == first["final"]


def test_restart_goes_on(hnm_run, here, inputs, monkeypatch):
    opened = []
    any_file = iotbx.file_reader.any_file

    def spy(file_name, *args, **kwargs):
        opened.append(file_name)
        return any_file(file_name, *args, **kwargs)

    monkeypatch.setattr(iotbx.cli_parser, "any_file", spy)
    run(
        [*inputs, *QUICK_ARGUMENTS, "main.number_of_macro_cycles=2"]
        + [f"main.restart_file={hnm_run}.hnm.npz", "output.prefix=more"]
    )
    first, more = read_json(hnm_run), read_json(here / "more_001")
    assert more["cycles"][:4] == first["cycles"]
    assert [record["cycle"] for record in more["cycles"]] == 4 * [1] + 4 * [2]
    assert more["start"] == first["start"]
    # iotbx would take it for a map, and fill the memory with its header.
    assert opened and not any(name.endswith(".npz") for name in opened)
    assert more["final"]["r_work"] < first["final"]["r_work"]
    # The first run's steps were not timed here: no time left is foretold of a cycle
    # until its last step, after which there is none left.
    table = (here / "more_001.log").read_text().split("$TABLE")[0]
    rows = [line.split() for line in table.splitlines()]
    assert [row[-1] for row in rows if row[:1] == ["2"]] == 3 * ["-"] + ["0.0s"]


def test_none_is_a_word_and_its_model_isotropic(here, inputs):
    run([*inputs, *QUICK_ARGUMENTS, "group_adp=none", "output.prefix=n"])
    result = read_json(here / "n_001")
    assert result["group_adp"] == "none" and result["groups"] == []
    assert [record["step"] for record in result["cycles"]] == ["scale", "u_local"]
    assert "ANISOU" not in (here / "n_001.pdb").read_text()


@pytest.mark.parametrize("how", ["--dry-run", "output.dry_run=True"])
def test_dry_run_counts_and_writes_nothing(here, inputs, capsys, how):
    run([*inputs, *QUICK_ARGUMENTS, how])
    said = capsys.readouterr().out
    assert "1996 amplitudes from FOBS,SIGFOBS" in said
    assert "500 in the free set" in said
    assert "stage one: 8 modes, 36 parameters" in said
    assert "stage two: 2 x 7 modes, 56 parameters" in said
    assert "U_local: 407 parameters" in said
    assert not list(here.iterdir())


def test_dry_run_before_modes_are_found(here, inputs, capsys):
    auto = ["hnm.n_whole=Auto", "hnm.n_substructure=Auto", "hnm.restraint_weight=Auto"]
    run([*inputs, *QUICK_ARGUMENTS, *auto, "--dry-run"])
    said = capsys.readouterr().out
    assert "stage one: as many modes as the data ask for (Auto)" in said
    assert "stage two: 2 x as many modes as the data ask for (Auto)" in said
    assert not list(here.iterdir())


def test_what_was_found_is_in_json_and_restart(here, inputs, simulated):
    """And the finished run is read again, although its .eff has Auto."""
    run([*inputs, *QUICK_ARGUMENTS, "hnm.n_whole=Auto", "output.prefix=f"])
    cycles = read_json(here / "f_001")["cycles"]
    recorded = [record["choices"] for record in cycles if "choices" in record]
    ((choice,),) = recorded
    assert choice["parameter"] == "hnm.n_whole"
    assert {"value", "r_apart", "above_best", "standard_error"} == set(
        choice["trials"][0]
    )
    assert "n_whole = Auto" in (here / "f_001.eff").read_text()
    finished = read_run("f_001.hnm.npz", simulated["model"], "f_001.eff")
    assert finished.modes.settings.n_whole == choice["value"]


def test_dry_run_counts_tls(here, inputs, capsys):
    run([*inputs, "group_adp=tls", "tls.groups_per_chain=3", "--dry-run"])
    assert "TLS: 3 groups, 60 parameters" in capsys.readouterr().out


def test_existing_output_is_left_alone(here, inputs):
    old = here / "model_hnmref_001.pdb"
    old.write_text("mine")
    with pytest.raises(Sorry, match="model_hnmref_001.pdb.*output.overwrite=True"):
        run([*inputs, *QUICK_ARGUMENTS])
    assert old.read_text() == "mine" and list(here.iterdir()) == [old]


def without_free_flags(data, path):
    dataset = iotbx.mtz.object(str(data)).as_miller_arrays()[0].as_mtz_dataset("FOBS")
    dataset.mtz_object().write(str(path))
    return str(path)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["MODEL", "again.pdb", "DATA"], "one model and got 2: .*again.pdb"),
        (["MODEL", "DATA", "again.mtz"], "one reflection file and got 2"),
        (["DATA"], "one model and got 0"),
        (["MODEL"], "one reflection file and got 0"),
        (["MODEL", "no_flags.mtz"], "free.*data.generate_free_flags"),
        (["MODEL", "DATA", "hnm.n_wole=9"], "did you mean hnm.n_whole"),
        (["MODEL", "DATA", "hnm.n_whole=5"], "hnm.n_whole=5 .*of at least 6"),
        (["MODEL", "DATA", "absent.pdb"], "absent.pdb"),
        (
            ["MODEL", "DATA", "hnm.substructure=resseq 4:20"]
            + ["hnm.substructure=resseq 20:60"],
            'overlaps hnm.substructure="resseq 4:20"',
        ),
        (["MODEL", "DATA", "hnm.substructure=chain Q"], "selects no atom"),
        (["MODEL", "DATA", "hnm.substructure=chan A"], "not an atom selection"),
        (
            ["MODEL", "DATA", "hnm.substructure=resseq 4 and (name CA or name C)"],
            "at least three",
        ),
        (["MODEL", "DATA", "output.prefix=nowhere/run"], "nowhere .*does not exist"),
        (["MODEL", "DATA", "hnm.modes_file=absent.npz"], "absent.npz"),
        (["MODEL", "DATA", "main.restart_file=absent.npz"], "absent.npz"),
    ],
)
def test_bad_input_is_a_sentence_and_no_file(here, simulated, arguments, words):
    (here / "again.pdb").write_text(simulated["model"].read_text())
    (here / "again.mtz").write_bytes(simulated["data"].read_bytes())
    without_free_flags(simulated["data"], here / "no_flags.mtz")
    given = {"MODEL": str(simulated["model"]), "DATA": str(simulated["data"])}
    before = sorted(here.iterdir())
    with pytest.raises(Sorry, match=f"(?s){words}"):
        run([given.get(argument, argument) for argument in arguments])
    assert sorted(here.iterdir()) == before


def test_more_modes_than_there_are_is_a_note(here, inputs):
    """A substructure of three residues has 18 degrees of freedom."""
    run(
        [*inputs, "hnm.substructure=resseq 4:57", "hnm.substructure=resseq 58:60"]
        + ["hnm.n_whole=8", "hnm.n_substructure=20", "hnm.max_iterations=2"]
        + ["u_local.optimize_weight=False", "u_local.max_iterations=2"]
        + ["main.number_of_macro_cycles=1", "output.prefix=small"]
    )
    result = read_json(here / "small_001")
    assert [group["modes"] for group in result["groups"]] == [8, 20, 18]
    assert any("20 were asked for" in note for note in result["notes"])
