"""Geometry restraints of a whole model, built by mmtbx from a monomer library.

The full manager also holds what the ADP restraints of
:mod:`hnmref.refine.adp_restraints` act on: neighbours and covalent bonds.
"""

from __future__ import annotations

import textwrap
from typing import NamedTuple

import numpy as np
from cctbx.array_family import flex
from libtbx.utils import Sorry, null_out

from hnmref.errors import InputError
from hnmref.refine.arrays import vec3_to_numpy
from hnmref.refine.reference_data import use_monomer_library

#: An error names this many residues and counts the rest.
MAX_NAMED_RESIDUES = 8

#: What to do about a residue that cannot be restrained.
_WAY_OUT = "give a restraint CIF file for it on the command line, or use strategy=adp"


class Rmsd(NamedTuple):
    """Root mean square deviations from ideal geometry, hydrogens left out.

    :ivar bonds: Å; ``angles``: degrees.
    """

    bonds: float
    angles: float


def process_restraints(model, log=None) -> None:
    """Give the model mmtbx's full restraints manager.

    Glycans, disulphides, nucleic acid and ligands are linked by mmtbx's own
    rules; alternate conformers and atoms of zero occupancy are restrained like
    all others. The restraint files given to ``read_model`` go before the
    library. The model's X-ray structure stays the same object, with its ADPs,
    flags and scattering table.

    :param model: from ``read_model``.
    :param log: gets mmtbx's account of the restraints.
    :raises ReferenceDataError: no monomer library was found.
    :raises InputError: residues that the library and the restraint files do not
        describe, or a model that mmtbx cannot interpret.
    """
    use_monomer_library()
    structure = model.get_xray_structure()
    sites = model.get_hierarchy().atoms().extract_xyz()
    model.set_log(log or null_out())
    try:
        model.process(
            pdb_interpretation_params=_interpretation(model), make_restraints=True
        )
    except (Sorry, RuntimeError, ValueError) as error:
        # mmtbx tells of bad bonds and conflicting definitions with all three.
        raise InputError(
            f"No geometry restraints for this model ({_one_line(error)}): correct "
            "the model or its restraint CIF files, or use strategy=adp"
        ) from error
    except KeyError as error:
        # CCP4's library has fewer modifications of end groups than mmtbx knows.
        raise InputError(
            f"No geometry restraints for this model: its hydrogens or end groups "
            f"need the modification {error}, which the monomer library lacks: "
            "remove the hydrogens of the chains' first residues, or use strategy=adp"
        ) from error
    _check_order(sites, model.get_hierarchy().atoms().extract_xyz())
    _check_types(model)
    model.set_xray_structure(structure)


def rmsd_from_ideal(model, sites_cart) -> Rmsd:
    """Deviations of coordinates from the model's restraints.

    :param model: with a full restraints manager.
    :param sites_cart: flex.vec3_double of all atoms, Å.
    """
    heavy = ~model.get_hd_selection()
    geometry = model.restraints_manager.geometry.select(selection=heavy)
    energies = geometry.energies_sites(
        sites_cart=sites_cart.select(heavy), compute_gradients=False
    )
    return Rmsd(energies.bond_deviations()[2], energies.angle_deviations()[2])


def _interpretation(model):
    """mmtbx's defaults, but for what would move or swap atoms."""
    scope = model.get_default_pdb_interpretation_params()
    scope.pdb_interpretation.flip_symmetric_amino_acids = False
    scope.pdb_interpretation.use_neutron_distances = model.is_neutron()
    return scope


def _one_line(error: Exception) -> str:
    """mmtbx lists all that it complains of: the first of it is enough."""
    return textwrap.shorten(str(error), 300, placeholder=" ...")


def _check_order(before: flex.vec3_double, after: flex.vec3_double) -> None:
    """mmtbx moves atoms that stand apart from their residue to the rest of it."""
    # Coordinates go through fractional ones: the last digits may differ.
    if not np.allclose(vec3_to_numpy(before), vec3_to_numpy(after), rtol=0, atol=1e-6):
        raise InputError(
            "Atoms of one residue stand apart from each other in the model file: "
            "put the atoms of each residue together"
        )


def _check_types(model) -> None:
    """Every atom has a type, by which alone contacts and bonds are restrained."""
    types = model.restraints_manager.geometry.nonbonded_types
    unknown = (types == "").iselection()
    if unknown.size() == 0:
        return
    model.unset_restraints_manager()
    raise InputError(
        f"No geometry restraints for {unknown.size()} atoms, in "
        f"{_named_residues(model.get_hierarchy().atoms().select(unknown))}: {_WAY_OUT}"
    )


def _named_residues(atoms) -> str:
    """``LIG A 1 (C1, C2)`` for each residue of the atoms, up to some number."""
    names: dict[str, list[str]] = {}
    for atom in atoms:
        labels = atom.fetch_labels()
        words = (labels.resname, labels.chain_id, labels.resid())
        residue = " ".join(word.strip() for word in words if word.strip())
        names.setdefault(residue, []).append(atom.name.strip())
    described = [
        f"{residue} ({', '.join(unknown[:3])}{', ...' if len(unknown) > 3 else ''})"
        for residue, unknown in names.items()
    ]
    more = len(described) - MAX_NAMED_RESIDUES
    return "; ".join(described[:MAX_NAMED_RESIDUES]) + (
        f"; and {more} more residues" if more > 0 else ""
    )
