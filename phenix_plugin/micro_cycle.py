"""One call of mmtbx's ADP manager with HNM on: normal modes, then mmtbx's own.

mmtbx's order is TLS, individual B, group B. Stage one and stage two stand in the
TLS step's place; the other two are the original's, with U_group held.
"""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass, field

import iotbx.phil
from libtbx.utils import Sorry
from mmtbx.refinement import print_statistics
from threadpoolctl import threadpool_limits

from hnmref.errors import HnmrefError, InputError
from hnmref.params import MAIN
from hnmref.refine import arrays
from hnmref.refine.macro_cycle import cycle_generator
from phenix_plugin.collective import (
    Collective,
    known_collective,
    remember,
    remembered_selections,
)
from phenix_plugin.restart import (
    begin_or_restart,
    restart_files,
    restart_path,
    write_restart,
)
from phenix_plugin.substructures import check_tls_selections, tls_strings


@dataclass
class HnmRefinement:
    """What stands in the manager's ``tls_refinement_manager``.

    :ivar fmodel: with the refined structure, as mmtbx's own has it.
    :ivar tlsos: no TLS tensors.
    :ivar groups: selection, atoms, modes and parameters of every group.
    """

    fmodel: object
    groups: list[dict]
    tlsos: list = field(default_factory=list)


def refine_displacements(manager, original, arguments: dict, hnm) -> None:
    """The work of ``adp_refinement.manager.__init__`` where ``hnm.enabled``.

    :param manager: mmtbx's manager, which gets the original's attributes.
    :param original: mmtbx's ``__init__``.
    :param arguments: its arguments by name, without self.
    :raises Sorry: a sentence for the user.
    """
    model, fmodels = arguments["model"], arguments["fmodels"]
    if not arguments["refine_tls"] and known_collective(model) is None:
        original(manager, **arguments)
        return
    log = arguments["log"] = arguments["log"] or sys.stdout
    with _sorry():
        _check(model, fmodels)
        if arguments["refine_tls"]:
            check_tls_selections(arguments["tls_selections"])
            print_statistics.make_sub_header(text="HNM refinement", out=log)
        collective = _collective(model, fmodels, arguments, hnm, log)
        if arguments["refine_tls"]:
            manager.tls_refinement_manager = _refine_u_group(
                collective, fmodels, arguments, log
            )
    structure = fmodels.fmodel_xray().xray_structure
    _hand_over(fmodels, model, structure)
    with collective.modes.hold(structure), _isotropic(model, collective.assigned):
        original(manager, **{**arguments, "refine_tls": False})
    structure = fmodels.fmodel_xray().xray_structure
    collective.modes.absorb(structure)
    _hand_over(fmodels, model, structure)
    path = restart_path(arguments["all_params"])
    if path is not None:
        write_restart(path, collective)
        print(f"HNM: U_group and U_local are kept in {path}", file=log)


@contextlib.contextmanager
def _sorry():
    try:
        yield
    except HnmrefError as error:
        raise Sorry(f"HNM: {error}") from error


def _check(model, fmodels) -> None:
    """What can be seen before any work is done."""
    if fmodels.fmodel_xray() is None:
        raise InputError("there are no X-ray data: leave tls.hnm.enabled at False")
    n_scatterers = fmodels.fmodel_xray().xray_structure.scatterers().size()
    n_atoms = model.get_hierarchy().atoms_size()
    if n_scatterers != n_atoms:
        raise InputError(
            f"{n_scatterers} scatterers stand for {n_atoms} atoms (interatomic "
            "scatterers?): leave those out, or tls.hnm.enabled at False"
        )


def _collective(model, fmodels, arguments: dict, hnm, log) -> Collective:
    """Modes with U_group put back, taken from a restart file, or begun anew."""
    structure = fmodels.fmodel_xray().xray_structure
    collective = known_collective(model)
    if collective is not None and collective.go_on(structure):
        return collective
    collective = Collective(model, hnm, _tls_selections(model, hnm, arguments))
    files = restart_files(model, hnm, arguments["all_params"])
    # A later macro-cycle may have other waters than the file that it began with.
    is_first = (arguments["macro_cycle"] or 1) == 1
    must_fit = hnm.restart_file is not None and is_first
    for line in begin_or_restart(collective, structure, files, must_fit=must_fit):
        print(f"HNM: {line}", file=log)
    for note in collective.modes.notes:
        print(f"HNM: {note}", file=log)
    # No TLS tensors, or the writers would write zeros as if they were refined.
    model.tls_groups = None
    remember(model, collective)
    return collective


def _tls_selections(model, hnm, arguments: dict) -> list[str]:
    """The user's TLS selections, where they are needed."""
    if any(text is not None for text in hnm.substructure):
        return []
    if model.tls_groups is None and remembered_selections(model) is not None:
        return remembered_selections(model)
    return tls_strings(model, arguments["all_params"], arguments["tls_selections"])


def _refine_u_group(collective, fmodels, arguments: dict, log) -> HnmRefinement:
    """Stage one and stage two."""
    fmodel = fmodels.fmodel_xray()
    rng, _ = cycle_generator(
        _random_seed(arguments["all_params"]), arguments["macro_cycle"] or 1
    )
    _show(log, "start", fmodel)
    with threadpool_limits(limits=1, user_api="blas"):
        for step in collective.modes.steps(fmodel, rng):
            fmodel.update_xray_structure(
                xray_structure=fmodel.xray_structure, update_f_calc=True
            )
            for line in step.details():
                print(line, file=log)
            _show(log, step.name, fmodel, f", {step.n_parameters} parameters")
    return HnmRefinement(fmodel, collective.modes.groups())


def _random_seed(all_params) -> int:
    """phenix.refine's ``main.random_seed``; a caller without it gets the default."""
    main = getattr(all_params, "main", None)
    seed = getattr(main, "random_seed", None)
    return iotbx.phil.parse(MAIN).extract().main.random_seed if seed is None else seed


def _show(log, step: str, fmodel, more: str = "") -> None:
    print(
        f"HNM: {step}: r_work={fmodel.r_work():.4f} r_free={fmodel.r_free():.4f}{more}",
        file=log,
    )


@contextlib.contextmanager
def _isotropic(model, atoms):
    """Atoms with U_group are refined individually as isotropic, in this context.

    Else an atom read with ANISOU, which phenix.refine may refine individually as
    anisotropic, would have its anisotropy twice.
    """
    flags = model.refinement_flags
    aniso = getattr(flags, "adp_individual_aniso", None)
    iso = getattr(flags, "adp_individual_iso", None)
    if aniso is None:
        yield
        return
    selected = arrays.to_numpy(aniso).copy()
    moved = selected.copy()
    selected[atoms] = False
    moved &= ~selected
    flags.adp_individual_aniso = arrays.to_bool(selected)
    if iso is None:
        flags.adp_individual_iso = arrays.to_bool(moved)
    else:
        flags.adp_individual_iso = iso | arrays.to_bool(moved)
    try:
        yield
    finally:
        flags.adp_individual_aniso, flags.adp_individual_iso = aniso, iso


def _hand_over(fmodels, model, structure) -> None:
    """The structure to f_models and model, as mmtbx's TLS step ends."""
    fmodels.update_xray_structure(xray_structure=structure, update_f_calc=True)
    fmodels.create_target_functors()
    model.set_xray_structure(structure)
