"""What the plugin relies on in cctbx, checked before anything is changed.

    python -m phenix_plugin check

Names of functions and parameters can be checked here; that they still mean the
same is what tests/phenix_plugin is for.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator

import iotbx.phil

#: Parameters of ``adp_refinement.manager.__init__`` that the plugin reads.
MANAGER_PARAMETERS = (
    "fmodels",
    "model",
    "all_params",
    "tls_selections",
    "tls_params",
    "refine_tls",
    "refine_adp_individual",
    "refine_adp_group",
    "macro_cycle",
    "log",
)
#: What ``manager.__init__`` calls: the step that is replaced, and its neighbours.
MANAGER_CALLS = ("split_u", "tls_refinement", "refine_adp", "group")
#: Methods, with the parameters that are given by name.
METHODS = {
    "mmtbx.fmodels.fmodel_xray": (),
    "mmtbx.fmodels.update_xray_structure": ("xray_structure", "update_f_calc"),
    "mmtbx.fmodels.create_target_functors": (),
    "mmtbx.model.manager.get_xray_structure": (),
    "mmtbx.model.manager.set_xray_structure": ("xray_structure",),
    "mmtbx.model.manager.get_hierarchy": (),
    "mmtbx.model.manager.selection": (),
    "mmtbx.model.manager.determine_tls_groups": ("selection_strings",),
    "mmtbx.f_model.manager.update": ("target_name",),
    "mmtbx.f_model.manager.target_functor": (),
    "mmtbx.f_model.manager.update_xray_structure": ("xray_structure", "update_f_calc"),
    "cctbx.xray.structure.structure.tidy_us": (),
    "mmtbx.refinement.print_statistics.make_sub_header": ("text", "out"),
}


def changes() -> list[str]:
    """What is not as the plugin knows it, a phrase each; empty where all is."""
    return [*_changes_of_manager(), *_changes_of_scope(), *_changes_of_methods()]


def _changes_of_manager() -> Iterator[str]:
    name = "mmtbx.refinement.adp_refinement.manager"
    manager = _found(name)
    if manager is None:
        yield f"{name} is gone"
        return
    parameters = inspect.signature(manager.__init__).parameters
    for parameter in MANAGER_PARAMETERS:
        if parameter not in parameters:
            yield f"{name} has no parameter {parameter}"
    called = getattr(manager.__init__, "__code__", None)
    for function in MANAGER_CALLS:
        if called is None or function not in called.co_names:
            yield f"{name} does not call {function}"


def _changes_of_scope() -> Iterator[str]:
    name = "mmtbx.refinement.adp_refinement.tls_master_params"
    scope = _found(name)
    if not isinstance(scope, iotbx.phil.libtbx.phil.scope):
        yield f"{name} is not a PHIL scope"
    elif "hnm" in [item.name for item in scope.objects]:
        yield f"{name} has a scope hnm of its own"


def _changes_of_methods() -> Iterator[str]:
    for name, needed in METHODS.items():
        method = _found(name)
        if method is None:
            yield f"{name} is gone"
            continue
        parameters = inspect.signature(method).parameters
        for parameter in needed:
            if parameter not in parameters:
                yield f"{name} has no parameter {parameter}"


def _found(name: str):
    """What a dotted name means, or None: a module, then attributes of it."""
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            thing = getattr(thing, part, None)
        return thing
    return None
