"""Atoms gathered into residues and chains."""

import numpy as np
import pytest

from hnmref.errors import HnmrefError
from hnmref.report.residues import chain_summaries, chain_traces, check_per_atom


def test_a_residue_is_the_mean_of_its_atoms(atoms):
    chain = chain_traces(check_per_atom(atoms))[1]
    assert chain.name == "B"
    assert chain.residues == [str(i) for i in range(5, 25)]
    members = (atoms["chain_id"] == "B") & (atoms["residue"] == "   9 ")
    assert chain.b_local[4] == pytest.approx(atoms["b_local"][members].mean())
    assert chain.b_group[4] == pytest.approx(atoms["b_group_eq"][members].mean())
    alpha = members & (atoms["atom_name"] == " CA ")
    np.testing.assert_array_equal(chain.sites[4], atoms["sites"][alpha][0])
    np.testing.assert_array_equal(chain.u_group[4], atoms["u_group"][alpha][0])


def test_calcium_and_water_are_not_on_the_trace(atoms):
    first = chain_traces(check_per_atom(atoms))[0]
    assert "900" not in first.residues and len(first.residues) == 20


def test_a_gap_cuts_the_chain(atoms):
    number = np.char.strip(atoms["residue"]).astype(int)
    kept = ~((atoms["chain_id"] == "A") & np.isin(number, (12, 13)))
    gapped = {key: values[kept] for key, values in atoms.items()}
    first, second = chain_traces(check_per_atom(gapped))
    assert first.pieces == [slice(0, 7), slice(7, 18)]
    assert first.residues[6:8] == ["11", "14"]
    assert second.pieces == [slice(0, 20)]


def test_alternate_conformers_are_one_residue(atoms):
    place = np.flatnonzero((atoms["chain_id"] == "B") & (atoms["atom_name"] == " CA "))
    order = np.sort(np.append(np.arange(len(atoms["chain_id"])), place[3]))
    doubled = {key: values[order] for key, values in atoms.items()}
    assert len(chain_traces(check_per_atom(doubled))[1].residues) == 20


def test_summary_counts_every_atom_of_a_chain(atoms):
    first, second = chain_summaries(check_per_atom(atoms))
    assert (first.n_atoms, first.n_assigned) == (86, 80)
    assert (second.n_atoms, second.n_assigned) == (80, 80)
    members = atoms["chain_id"] == "A"
    assert first.b_total == pytest.approx(atoms["b_total"][members].mean())


def test_chains_keep_the_order_of_the_model(atoms):
    atoms["chain_id"] = np.where(atoms["chain_id"] == "A", "Z", "C")
    assert [chain.name for chain in chain_summaries(atoms)] == ["Z", "C"]


def test_arrays_that_do_not_fit_are_named(atoms):
    with pytest.raises(HnmrefError, match="u_group.*shape"):
        check_per_atom({**atoms, "u_group": atoms["u_group"][:, :5]})
    with pytest.raises(HnmrefError, match="b_local.*finite"):
        check_per_atom({**atoms, "b_local": np.full_like(atoms["b_local"], np.nan)})
    del atoms["sites"]
    with pytest.raises(HnmrefError, match="sites"):
        check_per_atom(atoms)


def test_an_atom_with_no_motion_counts_as_round(atoms):
    atoms["anisotropy"][2] = np.nan
    checked = check_per_atom(atoms)
    assert checked["anisotropy"][2] == 1.0
    np.testing.assert_array_equal(checked["anisotropy"][3:], atoms["anisotropy"][3:])
