"""The options of the sites step: NCS restraints, rotamer fitting, flips."""

import hnmref  # noqa: F401  (cctbx's extensions load first)

from types import SimpleNamespace

import numpy as np
import pytest
from cctbx.array_family import flex
from cctbx.geometry_restraints import dihedral_deltas
from scitbx.matrix import rotate_point_around_axis, sqr
from small_run import refine_params, small_refinement
from test_sites import (
    fmodel_of,
    move,
    needs_library,
    own_data,
    parameters,
    part,
    restrained,
)

from hnmref.errors import InputError
from hnmref.refine import reference_data, simulate
from hnmref.refine.arrays import (
    numpy_to_vec3,
    sym_mat3_to_numpy,
    to_double,
    to_numpy,
    vec3_to_numpy,
)
from hnmref.refine.flips import flipped_side_chains
from hnmref.refine.ncs import torsion_ncs_restraints
from hnmref.refine.side_chains import movable_side_chains
from hnmref.refine.sites_step import (
    check_strategy,
    keep_solvent_out,
    run_sites_step,
)

needs_grids = pytest.mark.skipif(
    reference_data.find_rotarama_data() is None,
    reason="no rotamer grids: run hnmref.get_reference_data",
)


def run(fmodel, model, **values):
    params = parameters(optimize_weight=False, **values)
    if params.fit_rotamers or params.ncs_restraints:
        reference_data.use_rotarama_data()
    return run_sites_step(
        fmodel, model, params, nproc=1, macro_cycle=1, random_seed=7
    )


def crystal(path, hierarchy, d_min=2.0):
    """A model in a box, with data of its own, and its sites."""
    hierarchy.atoms().set_b(to_double(np.full(hierarchy.atoms_size(), 20.0)))
    symmetry = simulate.put_in_box(hierarchy)
    model = restrained(path, hierarchy, symmetry)
    fmodel = fmodel_of(model, *own_data(model, np.random.default_rng(2), d_min))
    return model, fmodel, vec3_to_numpy(model.get_sites_cart()).copy()


@pytest.fixture(scope="module")
def helix(tmp_path_factory):
    return crystal(tmp_path_factory.mktemp("step") / "model.pdb", part("resseq 7:22"))


@pytest.fixture
def true(helix):
    """Model and f_model at the true sites."""
    model, fmodel, sites = helix
    return model, place(fmodel, model, sites), sites


def place(fmodel, model, sites):
    model.set_sites_cart(numpy_to_vec3(sites))
    # Unforced, the mask stays as it was where few atoms have moved.
    fmodel.update_xray_structure(
        model.get_xray_structure(),
        update_f_calc=True,
        update_f_mask=True,
        force_update_f_mask=True,
    )
    return fmodel


#: Of Asn, what a flip leaves where it is.
TRUNK = ("N", "CA", "C", "O", "CB", "CG")


def turned(model, number, axis, angle, fixed=("N", "CA", "C", "O", "CB")):
    """The model's sites, a side chain turned about a bond; the atoms that moved."""
    atoms = model.get_hierarchy().atoms()
    chosen = model.selection(f"chain A and resseq {number}").iselection()
    at = {atoms[i].name.strip(): i for i in chosen}
    sites = vec3_to_numpy(model.get_sites_cart()).copy()
    moved = [i for name, i in at.items() if name not in fixed]
    for i in moved:
        ends = (tuple(sites[at[name]]) for name in axis)
        sites[i] = rotate_point_around_axis(*ends, tuple(sites[i]), angle, deg=True)
    return sites, moved


def off(model, sites, atoms):
    """The largest distance (Å) of some atoms from where they should be."""
    shifts = vec3_to_numpy(model.get_sites_cart())[atoms] - sites[atoms]
    return np.linalg.norm(shifts, axis=1).max()


def state(model):
    scatterers = model.get_xray_structure().scatterers()
    return [
        to_numpy(scatterers.extract_u_iso()).copy(),
        sym_mat3_to_numpy(scatterers.extract_u_star()).copy(),
        to_numpy(scatterers.extract_occupancies()).copy(),
        [atom.id_str() for atom in model.get_hierarchy().atoms()],
    ]


@needs_library
@needs_grids
@pytest.mark.parametrize("number", [12, 16])
def test_a_side_chain_in_a_wrong_rotamer_comes_back(true, number):
    model, fmodel, sites = true
    before = state(model)
    wrong, moved = turned(model, number, ("CA", "CB"), 120)
    place(fmodel, model, wrong)
    run(fmodel, model)
    assert off(model, sites, moved) > 1.5
    place(fmodel, model, wrong)
    step = run(fmodel, model, fit_rotamers=True)
    assert off(model, sites, moved) < 0.5
    (label,) = step.changes["fitted_side_chains"]
    assert label.startswith(f"A {number} ")
    for old, new in zip(before, state(model), strict=True):
        assert np.array_equal(old, new)


@needs_library
def test_the_solvent_is_kept_out_of_both_places_of_a_side_chain(true):
    model, fmodel, sites = true
    wrong, moved = turned(model, 12, ("CA", "CB"), 120)

    def mask():
        return to_numpy(fmodel.f_masks()[0].data()).copy()

    own, both = [], []
    for here, there in ((sites, wrong), (wrong, sites)):
        place(fmodel, model, here)
        own.append(mask())
        structure, r_work = fmodel.xray_structure, fmodel.r_work()
        keep_solvent_out(fmodel, [SimpleNamespace(atoms=moved, sites=there[moved])])
        both.append(mask())
        assert fmodel.xray_structure is structure
        assert place(fmodel, model, here).r_work() == pytest.approx(r_work, abs=1e-6)
    size = np.abs(own[0]).max()
    assert np.allclose(both[0], both[1], rtol=0, atol=1e-9 * size)
    assert np.abs(own[0] - own[1]).max() > 1e-3 * size
    assert np.abs(own[0] - both[0]).max() > 1e-3 * size


@needs_library
@needs_grids
def test_right_side_chains_stay(true):
    model, fmodel, sites = true
    step = run(fmodel, model, fit_rotamers=True, max_iterations=1)
    assert step.changes == {"fitted_side_chains": []}
    assert off(model, sites, np.arange(model.size())) < 0.2


@needs_library
def test_without_options_nothing_is_told_or_changed(true):
    model, fmodel, _ = true
    step = run(fmodel, model, max_iterations=1)
    assert step.changes == {}
    assert not any("NCS" in line or "fitted" in line for line in step.details)
    assert model.restraints_manager.geometry.ncs_dihedral_manager is None


@pytest.mark.long
@needs_library
def test_a_flipped_asparagine_comes_back_alone(tmp_path):
    model, fmodel, sites = crystal(tmp_path / "model.pdb", part("resseq 14:30"))
    before = state(model)
    # What is right for a fragment need not be so for the structure it is from.
    for side_chain, flipped in flipped_side_chains(model):
        sites[side_chain.atoms] = flipped
    place(fmodel, model, sites)
    wrong, moved = turned(model, 22, ("CB", "CG"), 180, fixed=TRUNK)
    place(fmodel, model, wrong)
    step = run(fmodel, model, flip_nqh=True, max_iterations=1)
    assert step.changes == {"flipped_side_chains": ["A 22 ASN"]}
    assert off(model, sites, moved) < 0.5
    for old, new in zip(before, state(model), strict=True):
        assert np.array_equal(old, new)


@needs_library
def test_parts_of_residues_are_no_obstacle(tmp_path):
    """2jee's chains end in the N of a valine; 3ifx has conformers that share their N."""
    hierarchy = part("resseq 14:24")
    groups = hierarchy.only_chain().residue_groups()
    keep_n_alone(groups[-1])
    whole = groups[2].only_atom_group()
    conformers = [whole.detached_copy() for _ in range(2)]
    for altloc, conformer in zip("AB", conformers):
        conformer.altloc = altloc
        conformer.remove_atom(conformer.get_atom("N"))
        conformer.atoms().set_occ(flex.double(conformer.atoms_size(), 0.5))
        groups[2].append_atom_group(conformer)
    for atom in whole.atoms():
        if atom.name.strip() != "N":
            whole.remove_atom(atom)
    model, _, _ = crystal(tmp_path / "model.pdb", hierarchy)
    labels = [side_chain.label for side_chain, _ in flipped_side_chains(model)]
    assert set(labels) <= {"A 22 ASN"}


@needs_library
def test_ions_are_no_obstacle_and_stay_in_their_place(tmp_path):
    """CD is a nucleotide in CCP4's monomer library, not the cadmium of 1y1l."""
    hierarchy = part("resseq 18:24")
    chain = hierarchy.only_chain()
    chain.insert_residue_group(3, ion("CD", chain, 6.0))
    chain.append_residue_group(ion("ZN", chain, 10.0))
    model, _, _ = crystal(tmp_path / "model.pdb", hierarchy)
    wrong, _ = turned(model, 22, ("CB", "CG"), 180, fixed=TRUNK)
    labels = []
    for sites in (vec3_to_numpy(model.get_sites_cart()).copy(), wrong):
        model.set_sites_cart(numpy_to_vec3(sites))
        labels.append([side_chain.label for side_chain, _ in flipped_side_chains(model)])
    # One of the two ways is the right one.
    assert sorted(labels) == [[], ["A 22 ASN"]]


def ion(name, chain, distance):
    """A residue of one atom, so far (Å) from the chain's first."""
    result = chain.residue_groups()[0].detached_copy()
    keep_n_alone(result)
    result.resseq = f"{900 + len(chain.residue_groups())}"
    residue = result.only_atom_group()
    residue.resname = name
    (atom,) = residue.atoms()
    x, y, z = atom.xyz
    atom.set_name(name).set_element(name).set_xyz((x, y, z + distance)).set_hetero(True)
    return result


def keep_n_alone(group):
    """Leave a residue of one conformer its N and nothing more."""
    residue = group.only_atom_group()
    for atom in residue.atoms():
        if atom.name.strip() != "N":
            residue.remove_atom(atom)


def two_copies(path, *, truncated=()):
    """Two like chains, apart, with data to low resolution.

    :param truncated: numbers of residues that have their N alone.
    """
    hierarchy = part("resseq 7:18")
    for group in hierarchy.residue_groups():
        if group.resseq_as_int() in truncated:
            keep_n_alone(group)
    chain = hierarchy.only_chain().detached_copy()
    chain.id = "B"
    hierarchy.only_model().append_chain(chain)
    hierarchy.atoms().reset_i_seq()
    sites = vec3_to_numpy(hierarchy.atoms().extract_xyz()).copy()
    half = len(sites) // 2
    turn = np.array(sqr((0, -1, 0, 1, 0, 0, 0, 0, 1)).as_list_of_lists())
    sites[half:] = sites[half:] @ turn.T + (40.0, 0.0, 5.0)
    hierarchy.atoms().set_xyz(numpy_to_vec3(sites))
    return crystal(path, hierarchy, d_min=3.5)


def ncs_deviation(model):
    """Root mean square deviation of related torsions from each other, degrees."""
    reference_data.use_rotarama_data()
    with torsion_ncs_restraints(model):
        manager = model.restraints_manager.geometry.ncs_dihedral_manager
        deltas = dihedral_deltas(
            sites_cart=model.get_sites_cart(), proxies=manager.ncs_dihedral_proxies
        )
    return np.sqrt(np.mean(to_numpy(deltas) ** 2))


@needs_library
@needs_grids
def test_ncs_restraints_draw_copies_together(tmp_path):
    model, fmodel, sites = two_copies(tmp_path / "model.pdb")
    move(model, np.random.default_rng(8).normal(scale=0.1, size=sites.shape))
    shaken = vec3_to_numpy(model.get_sites_cart()).copy()
    free = run(place(fmodel, model, shaken), model, max_iterations=15)
    without = ncs_deviation(model)
    place(fmodel, model, shaken)
    step = run(fmodel, model, max_iterations=15, ncs_restraints=True)
    assert ncs_deviation(model) < 0.6 * without
    (group,) = step.changes["ncs_groups"]
    assert [name in selection for name, selection in zip("AB", group)] == [True] * 2
    assert any("NCS restraints: 1 group" in line for line in step.details)
    assert free.n_parameters == step.n_parameters
    # Nothing is left for the steps that follow.
    assert model.restraints_manager.geometry.ncs_dihedral_manager is None
    assert model.get_ncs_groups() is None


@needs_library
@needs_grids
def test_ncs_restraints_leave_out_residues_without_backbone(tmp_path):
    """Chains often end in a residue of which the map shows no more than N."""
    reference_data.use_rotarama_data()
    count = {}
    for truncated in ((), (12,), (18,)):
        model, _, _ = two_copies(tmp_path / "model.pdb", truncated=truncated)
        with torsion_ncs_restraints(model) as groups:
            assert len(groups) == 1
            manager = model.restraints_manager.geometry.ncs_dihedral_manager
            count[truncated] = manager.get_n_proxies()
    # In mid-chain the torsions of the next peptide are lost as well.
    assert 0 < count[12,] < count[18,] < count[()]


@needs_library
@needs_grids
def test_a_model_without_ncs_is_refined_and_told(true):
    model, fmodel, _ = true
    step = run(fmodel, model, ncs_restraints=True, max_iterations=1)
    assert step.changes["ncs_groups"] == []
    assert any("no chains are alike" in line for line in step.details)


@needs_library
def test_side_chains_that_must_not_move(tmp_path):
    hierarchy = part("resseq 20:30")
    groups = {g.resseq_as_int(): g for g in hierarchy.residue_groups()}
    groups[21].atoms()[-1].set_occ(0)
    groups[22].atom_groups()[0].altloc = "A"
    symmetry = simulate.put_in_box(hierarchy)
    model = restrained(tmp_path / "model.pdb", hierarchy, symmetry)
    numbers = {int(s.label.split()[1]) for s in movable_side_chains(model)}
    assert numbers == set(range(20, 31)) - {21, 22}


@pytest.mark.parametrize("option", ["fit_rotamers", "ncs_restraints"])
def test_without_grids_there_is_one_sentence(monkeypatch, option):
    monkeypatch.setattr(reference_data, "_rotarama_repository", lambda: None)
    wanted = refine_params("strategy=sites+adp", f"sites.{option}=True")
    with pytest.raises(InputError, match=f"sites.{option}: No rotamer"):
        check_strategy(wanted)
    check_strategy(refine_params("strategy=sites+adp", "sites.flip_nqh=True"))


@pytest.mark.parametrize("option", ["fit_rotamers", "ncs_restraints", "flip_nqh"])
def test_options_without_sites_are_refused(option):
    with pytest.raises(InputError, match=f"sites.{option}=True does nothing"):
        check_strategy(refine_params("strategy=adp", f"sites.{option}=True"))


@pytest.mark.parametrize("given, named", [("sites", "sites"), ("None", "None")])
def test_a_strategy_without_adps_is_refused(given, named):
    with pytest.raises(InputError, match=f"strategy={named} leaves out the ADPs"):
        check_strategy(refine_params(f"strategy={given}"))


@pytest.mark.long
@needs_library
@needs_grids
def test_a_run_with_all_options_tells_what_they_did(files):
    refinement = small_refinement(
        files,
        "strategy=sites+adp",
        "sites.optimize_weight=False",
        *(f"sites.{name}=True" for name in ("ncs_restraints", "fit_rotamers")),
        "sites.flip_nqh=True",
    )
    refinement.run()
    told = {r.step: r.as_dict().get("changes") for r in refinement.records}
    assert list(told.pop("sites")) == [
        *("fitted_side_chains", "flipped_side_chains", "ncs_groups"),
    ]
    assert set(told.values()) == {None}
