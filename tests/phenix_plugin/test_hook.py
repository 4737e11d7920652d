"""Installing and uninstalling; off is exactly mmtbx."""

import functools

import numpy as np
import pytest
from mmtbx.den import refinement as den_refinement
from mmtbx.refinement import adp_refinement

import phenix_plugin
from hnmref.refine import arrays
from hnmref.refine.displacements import use_both_parts
from tests.phenix_plugin.driving import (
    QUICK,
    QUICK_TLS,
    phenix_params,
    prepare,
    refine,
)

ORIGINAL = adp_refinement.manager.__init__
SCOPE_TEXT = adp_refinement.tls_master_params.as_str(attributes_level=3)


def test_there_and_back_twice():
    for _ in range(2):
        phenix_plugin.install()
        phenix_plugin.install()
        assert phenix_plugin.installed()
        names = [o.name for o in adp_refinement.tls_master_params.objects]
        assert names.count("hnm") == 1
        assert adp_refinement.manager.__init__.__wrapped__ is ORIGINAL
        phenix_plugin.uninstall()
        phenix_plugin.uninstall()
        assert not phenix_plugin.installed()
        assert adp_refinement.manager.__init__ is ORIGINAL
        text = adp_refinement.tls_master_params.as_str(attributes_level=3)
        assert text == SCOPE_TEXT


def test_reaches_code_that_imported_the_class_before(plugin):
    imported_earlier = den_refinement.adp_refinement.manager
    assert imported_earlier.__init__ is not ORIGINAL


def test_scope_is_off_by_default_and_has_hnmrefs_parameters(plugin):
    hnm = phenix_params().tls.hnm
    assert hnm.enabled is False
    assert (hnm.n_whole, hnm.n_substructure, hnm.restraint_weight) == (20, 20, 0.5)
    assert hnm.network.cutoff == 8.0


def test_parameters_come_from_phil(plugin):
    params = phenix_params("tls.hnm.n_whole=9", "tls.hnm.substructure='chain A'")
    assert params.tls.hnm.n_whole == 9
    assert params.tls.hnm.substructure == ["chain A"]


def test_another_wrapper_above_is_not_torn_off(monkeypatch):
    phenix_plugin.install()
    hook = adp_refinement.manager.__init__

    @functools.wraps(hook)
    def other(self, *args, **kwargs):
        hook(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(adp_refinement.manager, "__init__", other)
        phenix_plugin.install()
        assert adp_refinement.manager.__init__ is other
        with pytest.raises(phenix_plugin.PluginError, match="wrapped"):
            phenix_plugin.uninstall()
    phenix_plugin.uninstall()
    assert not phenix_plugin.installed()


def tls_result(files, params):
    """Every number that a TLS step leaves behind."""
    case = prepare(files)
    # mmtbx's split_u dies of the marks that isotropic atoms carry as u_star.
    use_both_parts(case.structure)
    result = refine(case, params)
    scatterers = case.structure.scatterers()
    tlso = case.model.tls_groups.tlsos[1]
    return [
        np.array([*tlso.t, *tlso.l, *tlso.s]),
        arrays.sym_mat3_to_numpy(scatterers.extract_u_star()),
        arrays.to_numpy(scatterers.extract_u_iso()),
        np.array([case.r_free(), case.fmodels.fmodel_xray().target_w()]),
        arrays.sym_mat3_to_numpy(case.model.get_atoms().extract_uij()),
        np.array(sorted(vars(result))),
    ]


def test_off_is_bit_for_bit_what_it_was(files):
    """Without the plugin; installed, but off; without its scope; uninstalled."""
    before = tls_result(files, phenix_params(*QUICK_TLS))
    no_scope = phenix_params(*QUICK_TLS)
    phenix_plugin.install()
    try:
        off = tls_result(files, phenix_params(*QUICK_TLS, "tls.hnm.enabled=False"))
        scopeless = tls_result(files, no_scope)
        enabled = phenix_params(*QUICK_TLS, *QUICK)
    finally:
        phenix_plugin.uninstall()
    gone = tls_result(files, enabled)
    assert np.abs(before[1]).max() > 0
    for after in (off, scopeless, gone):
        assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
