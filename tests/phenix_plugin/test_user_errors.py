"""What a user may get wrong is a sentence; what is unusual works."""

import numpy as np
import pytest
from cctbx.array_family import flex
from libtbx.utils import Sorry

from hnmref.refine import arrays
from phenix_plugin.collective import known_collective
from tests.phenix_plugin.driving import (
    QUICK,
    phenix_params,
    prepare,
    refine,
    set_groups,
)


@pytest.mark.parametrize(
    "assignment, words",
    [
        ("tls.hnm.enabledd=True", "enabledd"),
        ("tls.hnm.n_whole=six", "tls.hnm.n_whole"),
        ("tls.hnm.n_whole=3", "tls.hnm.n_whole"),
        ("tls.hnm.target=mle", "tls.hnm.target"),
    ],
)
def test_typing_errors_name_the_parameter(plugin, assignment, words):
    """By PHIL's own means, which phenix.refine shows."""
    with pytest.raises((Sorry, RuntimeError), match=words):
        phenix_params(assignment)


def empty(n_atoms):
    return [flex.size_t(range(10)), flex.size_t()]


def overlapping(n_atoms):
    return [flex.size_t(range(10)), flex.size_t(range(5, n_atoms))]


@pytest.mark.parametrize(
    "selections, words",
    [
        (lambda n: None, "no TLS group.*refine.adp.tls"),
        (lambda n: [], "no TLS group.*refine.adp.tls"),
        (empty, "TLS group 2 holds no atom.*refine.adp.tls"),
        (overlapping, "TLS group 2 overlaps .* in 5 atoms.*refine.adp.tls"),
    ],
)
def test_tls_groups_that_cannot_be(case, params, selections, words):
    with pytest.raises(Sorry, match=words):
        refine(case, params, tls_selections=selections(case.model.size()))


def test_tls_group_too_small_for_modes(case, params):
    set_groups(case.model, ["resseq 4 and name CA", "resseq 5:60"])
    with pytest.raises(Sorry, match='^HNM: refine.adp.tls="resseq 4 and name CA"'):
        refine(case, params)


@pytest.mark.parametrize(
    "assignment, words",
    [
        ("tls.hnm.substructure='resseq 900'", 'hnm.substructure="resseq 900"'),
        ("tls.hnm.substructure='cahin A'", 'hnm.substructure="cahin A"'),
        ("tls.hnm.modes_file=absent.npz", "absent.npz"),
        ("tls.hnm.restart_file=absent.hnm.npz", "absent.hnm.npz"),
    ],
)
def test_own_parameters_that_do_not_fit(case, plugin, assignment, words):
    with pytest.raises(Sorry, match=words):
        refine(case, phenix_params(*QUICK, assignment))


def test_tls_groups_without_selection_strings(case, params):
    """As in a copy of a model that HNM has refined."""
    case.model.tls_groups = None
    with pytest.raises(Sorry, match="no selection strings.*tls.hnm.substructure"):
        refine(case, params)


def test_scatterers_that_are_no_atoms(case, params):
    structure = case.fmodels.fmodel_xray().xray_structure
    structure.add_scatterer(structure.scatterers()[0].customized_copy(label="IS1"))
    with pytest.raises(Sorry, match="scatterers stand for"):
        refine(case, params)


def test_without_xray_data(case, params):
    case.fmodels.fmodel_x = None
    with pytest.raises(Sorry, match="no X-ray data"):
        refine(case, params)


def test_a_failure_leaves_the_model_without_half_a_state(case, params):
    u_iso = arrays.to_numpy(case.structure.scatterers().extract_u_iso())
    with pytest.raises(Sorry):
        refine(case, params, tls_selections=[])
    assert known_collective(case.model) is None
    after = arrays.to_numpy(case.structure.scatterers().extract_u_iso())
    assert np.array_equal(after, u_iso)
    assert case.model.tls_groups is not None


def test_twin_law(files, plugin, params):
    case = prepare(files, "data.twin_law='-h,-k,l'")
    before = case.fmodels.fmodel_xray().target_name
    refine(case, params)
    fmodel = case.fmodels.fmodel_xray()
    assert fmodel.twin_law is not None and fmodel.target_name == before
    u_group = known_collective(case.model).modes.displacements.u_group
    assert np.isfinite(fmodel.r_free()) and np.abs(u_group).max() > 0.01


def test_alternate_conformers(files, plugin, params, tmp_path):
    """Both conformers of a residue move with its substructure."""
    lines = files["model"].read_text().splitlines()
    doubled = []
    for line in lines:
        if line.startswith("ATOM") and line[22:26].strip() == "20":
            for altloc in "AB":
                doubled.append(line[:16] + altloc + line[17:54] + "  0.50" + line[60:])
        elif not line.startswith("ANISOU"):
            doubled.append(line)
    path = tmp_path / "model.pdb"
    path.write_text("\n".join(doubled) + "\n")
    case = prepare({**files, "model": path})
    refine(case, params, refine_adp_individual=True)
    both = arrays.to_numpy(case.model.selection("resseq 20"))
    assert both.sum() == 2 * arrays.to_numpy(
        case.model.selection("resseq 20 and altloc A")
    ).sum() > 0
    u_group = known_collective(case.model).modes.displacements.u_group
    assert (np.abs(u_group[both]).max(axis=1) > 1e-3).all()
