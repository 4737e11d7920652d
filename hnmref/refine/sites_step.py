"""The sites step: side chains fitted and flipped, then all coordinates refined."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field

import numpy as np

from hnmref.errors import InputError, ReferenceDataError
from hnmref.refine.arrays import numpy_to_vec3, to_bool, vec3_to_numpy
from hnmref.refine.ncs import torsion_ncs_restraints
from hnmref.refine.reference_data import use_rotarama_data
from hnmref.refine.scaling import refresh
from hnmref.refine.sites import refine_sites, set_sites

#: Options of the sites scope that are steps of their own, by whether they judge side
#: chains and backbones by rotamer and Ramachandran grids.
_NEEDS_GRIDS = {"fit_rotamers": True, "flip_nqh": False, "ncs_restraints": True}


@dataclass
class SitesStep:
    """What the step did.

    :ivar details: lines for the log.
    :ivar changes: for the report; of the options that are on, ``fitted_side_chains``
        and ``flipped_side_chains`` (labels of residues), and ``ncs_groups`` (atom
        selections of each group).
    """

    n_parameters: int = 0
    details: list[str] = field(default_factory=list)
    changes: dict = field(default_factory=dict)


def check_strategy(params) -> None:
    """Refuse a strategy without ADPs, and options of sites that cannot be followed.

    :param params: all parameters of :mod:`hnmref.params`, extracted.
    :raises InputError: ADPs are not refined; there are options for sites that are not
        refined; or rotamer and Ramachandran grids are needed and not at hand.
    """
    if "adp" not in params.strategy:
        raise InputError(
            f"strategy={'+'.join(params.strategy) or None} leaves out the ADPs, which "
            "every run refines: give strategy=adp or strategy=sites+adp"
        )
    wanted = [name for name in _NEEDS_GRIDS if getattr(params.sites, name)]
    if wanted and "sites" not in params.strategy:
        raise InputError(
            f"sites.{wanted[0]}=True does nothing without strategy=sites+adp"
        )
    for name in wanted:
        if _NEEDS_GRIDS[name]:
            try:
                use_rotarama_data()
            except ReferenceDataError as error:
                raise InputError(f"sites.{name}: {error}") from error


def run_sites_step(
    fmodel,
    model,
    params,
    *,
    nproc: int,
    macro_cycle: int,
    random_seed: int,
    on_trial: Callable[[], None] = lambda: None,
) -> SitesStep:
    """Fit and flip side chains if asked, then refine all coordinates.

    Nothing but coordinates changes.

    The arguments are those of :func:`hnmref.refine.sites.refine_sites`. Call
    :func:`check_strategy` first.
    """
    step = SitesStep()
    if params.fit_rotamers:
        _fit_side_chains(fmodel, model, step)
    # Last, because the map alone would turn amides and rings either way.
    if params.flip_nqh:
        _flip_side_chains(fmodel, model, step)
    with_ncs = params.ncs_restraints
    with torsion_ncs_restraints(model) if with_ncs else nullcontext([]) as groups:
        if with_ncs:
            step.changes["ncs_groups"] = groups
            step.details += _ncs_lines(groups)
        step.n_parameters, details = refine_sites(
            fmodel,
            model,
            params,
            nproc=nproc,
            macro_cycle=macro_cycle,
            random_seed=random_seed,
            on_trial=on_trial,
        )
    step.details += details
    return step


def _fit_side_chains(fmodel, model, step: SitesStep) -> None:
    """Take over those fitted side chains, one after the other, that lower R_work."""
    # It loads the grids that check_strategy has made known.
    from hnmref.refine.rotamers import fitted_side_chains

    structure = fmodel.xray_structure
    sites = vec3_to_numpy(structure.sites_cart()).copy()
    start = fmodel.r_work()
    fitted = fitted_side_chains(fmodel, model)
    keep_solvent_out(fmodel, fitted)
    lowest = fmodel.r_work()
    kept = []
    for side_chain in fitted:
        trial = sites.copy()
        trial[side_chain.atoms] = side_chain.sites
        structure.set_sites_cart(numpy_to_vec3(trial))
        refresh(fmodel)
        r_work = fmodel.r_work()
        if r_work < lowest:
            sites, lowest = trial, r_work
            kept.append(side_chain.label)
    set_sites(fmodel, model, numpy_to_vec3(sites))
    step.changes["fitted_side_chains"] = kept
    step.details.append(
        f"side chains fitted: {len(kept)} of {len(fitted)} that mmtbx would move, "
        f"R_work {start:.4f} to {fmodel.r_work():.4f}"
    )
    if kept:
        step.details.append("  " + ", ".join(kept))


def keep_solvent_out(fmodel, fitted) -> None:
    """Give f_model a mask of the places of all side chains, present and fitted.

    With a mask of its own for each trial, R_work would judge how the mask falls as
    much as the side chain; with that of the present ones, staying would be favoured.

    :param fitted: side chains with ``atoms``, indices, and ``sites``, (n, 3) in Å.
    """
    structure = fmodel.xray_structure
    places = structure.deep_copy_scatterers()
    sites = vec3_to_numpy(structure.sites_cart()).copy()
    moved = np.zeros(len(sites), bool)
    for side_chain in fitted:
        sites[side_chain.atoms] = side_chain.sites
        moved[side_chain.atoms] = True
    places.set_sites_cart(numpy_to_vec3(sites))
    fmodel.update_xray_structure(
        xray_structure=structure.concatenate(places.select(to_bool(moved))),
        update_f_mask=True,
        force_update_f_mask=True,
    )
    fmodel.update_xray_structure(xray_structure=structure, update_f_calc=True)


def _flip_side_chains(fmodel, model, step: SitesStep) -> None:
    """Turn the Asn, Gln and His round whose contacts ask for it."""
    # Slow to import, and for this option alone.
    from hnmref.refine.flips import flipped_side_chains

    sites = vec3_to_numpy(model.get_sites_cart()).copy()
    labels = []
    for side_chain, flipped in flipped_side_chains(model):
        sites[side_chain.atoms] = flipped
        labels.append(side_chain.label)
    if labels:
        set_sites(fmodel, model, numpy_to_vec3(sites))
    step.changes["flipped_side_chains"] = labels
    step.details.append(f"Asn, Gln and His flipped: {', '.join(labels) or 'none'}")


def _ncs_lines(groups: list[list[str]]) -> list[str]:
    if not groups:
        return ["NCS restraints: no chains are alike, none are made"]
    return [
        f"NCS restraints: {len(groups)} group(s) of like chains",
        *("  " + " ~ ".join(group) for group in groups),
    ]
