"""The hook: mmtbx's ADP refinement, wrapped in place.

``mmtbx.refinement.adp_refinement.manager`` does all its work in ``__init__``.
Replacing that one function of the class also reaches code that imported the
class earlier. Nothing heavy is imported before a refinement with HNM begins.
"""

from __future__ import annotations

import functools
import inspect

import hnmref  # noqa: F401  (cctbx's extensions must load before scipy's)

from hnmref.errors import HnmrefError


class PluginError(HnmrefError):
    """The plugin and the cctbx that is installed do not fit."""


def install() -> None:
    """Let ``tls.hnm.enabled`` choose between TLS and normal modes.

    Doing it again does nothing. Call it before anything includes
    ``tls_master_params`` in its own parameters, as phenix.refine does when it is
    imported.

    :raises PluginError: cctbx is not there or is not as the plugin knows it.
    """
    if installed():
        return
    if hnmref.cctbx_unavailable is not None:
        raise PluginError(hnmref.cctbx_unavailable)
    from mmtbx.refinement import adp_refinement

    from phenix_plugin import contract, scope

    changes = contract.changes()
    if changes:
        raise PluginError(
            f"this cctbx is not as phenix_plugin knows it ({'; '.join(changes)}): "
            "install a version of hnmref made for it, or use hnmref.refine"
        )
    scope.add_to(adp_refinement.tls_master_params)
    adp_refinement.manager.__init__ = _with_hnm(adp_refinement.manager.__init__)


def uninstall() -> None:
    """Take hook and scope away again. Doing it again does nothing.

    :raises PluginError: someone else has wrapped the hook since.
    """
    from mmtbx.refinement import adp_refinement

    from phenix_plugin import scope

    hook = adp_refinement.manager.__init__
    if not _is_hook(hook):
        if installed():
            raise PluginError(
                "other code has wrapped mmtbx's adp_refinement.manager since "
                "phenix_plugin did: undo that first"
            )
        return
    adp_refinement.manager.__init__ = hook.__wrapped__
    scope.remove_from(adp_refinement.tls_master_params)


def installed() -> bool:
    """Whether the hook is in place, below others perhaps."""
    from mmtbx.refinement import adp_refinement

    manager = getattr(adp_refinement, "manager", None)
    function = getattr(manager, "__init__", None)
    while function is not None and not _is_hook(function):
        function = getattr(function, "__wrapped__", None)
    return function is not None


def _is_hook(function) -> bool:
    # Another's functools.wraps copies the mark; only the innermost one is ours.
    return getattr(function, "is_hnmref_hook", False) and not hasattr(
        function.__wrapped__, "is_hnmref_hook"
    )


def _with_hnm(original):
    """mmtbx's ``manager.__init__`` that gives way where HNM is asked for."""
    signature = inspect.signature(original)

    @functools.wraps(original)
    def initialise(self, *args, **kwargs) -> None:
        call = signature.bind(self, *args, **kwargs)
        hnm = getattr(call.arguments.get("tls_params"), "hnm", None)
        if hnm is None or not hnm.enabled:
            original(self, *args, **kwargs)
            return
        from phenix_plugin.micro_cycle import refine_displacements

        call.apply_defaults()
        arguments = dict(call.arguments)
        del arguments["self"]
        refine_displacements(self, original, arguments, hnm)

    initialise.is_hnmref_hook = True
    return initialise
