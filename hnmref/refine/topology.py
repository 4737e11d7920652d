"""Which atoms of a model are bonded, for the geometry terms of normal modes.

Angles and dihedrals follow from the bonds (``hnmref.modes.topology_from_bonds``):
every one of them is held, whatever a library has to say on it, since MGR's
terms are at rest in the model's own geometry.
"""

from __future__ import annotations

import numpy as np
from cctbx.array_family import flex
from cctbx.crystal import distance_based_connectivity

from hnmref.errors import InputError
from hnmref.modes import Topology, topology_from_bonds
from hnmref.refine.arrays import numpy_to_vec3, to_numpy


def restraint_bonds(model) -> np.ndarray:
    """Bonds (n, 2) that the model's geometry restraints hold, links among them.

    Bonds across symmetry elements are left out.

    :param model: with a full restraints manager.
    :raises InputError: it has none.
    """
    manager = model.restraints_manager
    if manager is None:
        raise InputError(
            "The model has no geometry restraints to take its bonds from: process "
            "them first, or take bonds from distances"
        )
    simple, by_symmetry = manager.geometry.get_covalent_bond_proxies(
        sites_cart=model.get_sites_cart()
    )
    bonds = [proxy.i_seqs for proxy in simple]
    bonds += [
        (proxy.i_seq, proxy.j_seq)
        for proxy in by_symmetry
        if proxy.rt_mx_ji.is_unit_mx() and proxy.i_seq != proxy.j_seq
    ]
    return np.array(bonds, dtype=np.intp).reshape(-1, 2)


def distance_bonds(hierarchy, atoms: np.ndarray | None = None) -> np.ndarray:
    """Bonds (n, 2) between atoms nearer than their covalent radii allow for.

    :param hierarchy: iotbx hierarchy.
    :param atoms: indices of the atoms looked at, as of one conformer; None: all.
    :returns: indices of atoms of the hierarchy.
    """
    every = hierarchy.atoms()
    if atoms is None:
        atoms = np.arange(len(every))
    sites = np.array(every.extract_xyz(), dtype=float).reshape(-1, 3)[atoms]
    elements = list(every.extract_element())
    sets = distance_based_connectivity.build_simple_two_way_bond_sets(
        sites_cart=numpy_to_vec3(sites),
        elements=flex.std_string([elements[i] for i in atoms]),
    )
    neighbours = [to_numpy(flex.size_t(list(found))) for found in sets]
    counts = [len(found) for found in neighbours]
    first = np.repeat(np.arange(len(sites)), counts)
    second = np.concatenate([*neighbours, np.empty(0)]).astype(np.intp)
    bonds = np.stack([first, second], axis=1)[first < second]
    return atoms[bonds]


def topology_of(bonds: np.ndarray, atoms: np.ndarray, n_atoms: int) -> Topology:
    """Bonds, angles and dihedrals within some atoms (sorted indices of n_atoms).

    Numbered by their place among those atoms.
    """
    kept = Topology(bonds=bonds).within(atoms, n_atoms)
    return topology_from_bonds(kept.bonds, len(atoms))
