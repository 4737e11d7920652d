"""The installed cctbx is as the plugin knows it; another one is refused."""

import functools
import inspect

import iotbx.phil
import mmtbx
import pytest
from mmtbx.refinement import adp_refinement

import phenix_plugin
from phenix_plugin import contract
from phenix_plugin.__main__ import main

ORIGINAL = adp_refinement.manager.__init__


def test_installed_cctbx_fits(capsys):
    assert contract.changes() == []
    assert main(["check"]) is None
    assert "as phenix_plugin knows it" in capsys.readouterr().out


def test_parameters_may_be_added_but_not_lost():
    """So 2025.9, 2025.10 and 2025.11 have it."""
    parameters = list(inspect.signature(ORIGINAL).parameters)
    assert set(contract.MANAGER_PARAMETERS) < set(parameters)
    assert parameters[:4] == ["self", "fmodels", "model", "all_params"]


def renamed_parameter(patch):
    @functools.wraps(ORIGINAL)
    def changed(self, fmodels, model, all_params, log=None):
        raise NotImplementedError

    del changed.__wrapped__
    patch.setattr(adp_refinement.manager, "__init__", changed)
    return "manager has no parameter tls_params"


def lost_class(patch):
    patch.delattr(adp_refinement, "manager")
    return "adp_refinement.manager is gone"


def own_scope(patch):
    scope = iotbx.phil.parse("hnm { enabled = False\n .type = bool\n }")
    patch.setattr(adp_refinement, "tls_master_params", scope)
    return "tls_master_params has a scope hnm of its own"


def not_a_scope(patch):
    patch.setattr(adp_refinement, "tls_master_params", "text")
    return "tls_master_params is not a PHIL scope"


def lost_method(patch):
    patch.delattr(mmtbx.fmodels, "create_target_functors")
    return "mmtbx.fmodels.create_target_functors is gone"


def other_parameter(patch):
    patch.setattr(mmtbx.fmodels, "update_xray_structure", lambda self, structure: None)
    return "mmtbx.fmodels.update_xray_structure has no parameter xray_structure"


def moved_step(patch):
    def changed(self, *args, **kwargs):
        raise NotImplementedError

    changed.__signature__ = inspect.signature(ORIGINAL)
    patch.setattr(adp_refinement.manager, "__init__", changed)
    return "manager does not call tls_refinement"


@pytest.mark.parametrize(
    "change",
    [
        renamed_parameter,
        own_scope,
        not_a_scope,
        lost_method,
        other_parameter,
        moved_step,
    ],
)
def test_a_change_upstream_is_named_and_nothing_is_installed(monkeypatch, change):
    with monkeypatch.context() as patch:
        words = change(patch)
        before = adp_refinement.manager.__init__
        with pytest.raises(phenix_plugin.PluginError, match=words):
            phenix_plugin.install()
        assert adp_refinement.manager.__init__ is before
    assert not phenix_plugin.installed()


def test_a_class_that_is_gone_is_named(monkeypatch):
    with monkeypatch.context() as patch:
        words = lost_class(patch)
        with pytest.raises(phenix_plugin.PluginError, match=words):
            phenix_plugin.install()
