"""Real entries through mmtbx's two callers: the same numbers as hnmref.refine."""

import io

import iotbx.phil
import pytest

from hnmref.params import REFINE
from hnmref.refine.inputs import read_inputs
from hnmref.refine.macro_cycle import Refinement, cycle_generator
from hnmref.refine.scaling import refresh
from tests.phenix_plugin.driving import den_caller, phenix_params, refine, scaled
from tests.shared_pdb import require_entry

pytestmark = pytest.mark.long

#: A flat start, since the DEN refinement makes every ADP isotropic.
START = "start.b_iso=20"
HNM = (
    "hnm.n_whole=12",
    "hnm.n_substructure=10",
    "hnm.max_iterations=5",
    "hnm.prior_weight=0",
)


def hnmref_params():
    sources = [iotbx.phil.parse(text) for text in (START, *HNM)]
    return iotbx.phil.parse(REFINE).fetch(sources=sources).extract()


def r_free_of_hnmref(entry) -> float:
    """After stage two of the first macro-cycle, from the first scaling's start."""
    params = hnmref_params()
    run = Refinement(read_inputs(entry.model, entry.data, [], params), params)
    rng, _ = cycle_generator(params.main.random_seed, 1)
    for _ in run.group_adp.steps(run.fmodel, rng):
        refresh(run.fmodel)
    return run.fmodel.r_free()


@pytest.mark.parametrize("caller", ["phenix.refine", "den"])
@pytest.mark.parametrize("entry_id", ["5xsl", "3kyi"])
def test_r_free_as_from_hnmref_refine(plugin, entry_id, caller):
    """To 1e-4, whoever calls mmtbx's manager; no TLS selection, so chains."""
    entry = require_entry(entry_id)
    expected = r_free_of_hnmref(entry)
    params = hnmref_params()
    case = scaled(read_inputs(entry.model, entry.data, [], params), params, [])
    start = case.r_free()
    phenix = phenix_params("tls.hnm.enabled=True", *(f"tls.{text}" for text in HNM))
    if caller == "den":
        case.model.refinement_flags.individual_adp = False
        den = den_caller(case, phenix)
        den.adp_refinement(log=io.StringIO())
    else:
        refine(case, phenix)
    print(f"{entry_id} {caller}: {start:.5f} {case.r_free():.5f} {expected:.5f}")
    assert abs(case.r_free() - expected) < 1e-4
    assert abs(case.r_free() - start) > 1e-3
