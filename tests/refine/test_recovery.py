"""A known two-level motion comes back from noisy data at 3 Å.

The truth is made of other modes than those refined (another cut-off and law, and
more of them), and U_local is refined with it, which takes up what those modes
cannot express.
"""

import hnmref  # noqa: F401  (cctbx's extensions load first)

import iotbx.phil
import numpy as np
import pytest

from hnmref.adp.metrics import match_mean_u_eq
from hnmref.params import REFINE
from hnmref.programs.demo import FULL, QUICK, Recovery, compare, simulate_example
from hnmref.refine.inputs import read_inputs
from hnmref.refine.macro_cycle import Refinement
from hnmref.refine.simulate import write_simulated


def recovered(example, directory, n_cycles, *assignments):
    """Simulate, refine from one B for all atoms; the truth, and the refinement."""
    simulation = simulate_example(example, 3.0, seed=1)
    files = write_simulated(simulation, directory)
    texts = [f"hnm.substructure='{domain}'" for domain in example.domains]
    texts += ["strategy=adp", f"main.number_of_macro_cycles={n_cycles}", *assignments]
    sources = [iotbx.phil.parse(text) for text in texts]
    params = iotbx.phil.parse(REFINE).fetch(sources=sources).extract()
    inputs = read_inputs(str(files["model"]), str(files["data"]), [], params)
    refinement = Refinement(inputs, params)
    refinement.run()
    return simulation, refinement


def compared(simulation, refinement) -> dict[str, Recovery]:
    """U_group as it is, with its mean U_eq matched to the truth's, and total U."""
    parts, truth = refinement.group_adp.displacements, simulation.u_group
    return {
        "u_group": compare(parts.u_group, truth),
        "u_group_matched": compare(match_mean_u_eq(parts.u_group, truth), truth),
        "total": compare(parts.total(), simulation.u_total),
    }


def record(record_property, simulation, refinement) -> dict[str, Recovery]:
    """The same, printed and kept with the test's results."""
    found = compared(simulation, refinement)
    for name, recovery in found.items():
        for measure, value in vars(recovery).items():
            record_property(f"{name}_{measure}", round(value, 4))
            print(f"{name} {measure} {value:.4f}")
    for name, value in refinement.r_factors().items():
        record_property(name, round(value, 4))
        print(f"{name} {value:.4f}")
    return found


def test_known_motion_comes_back(tmp_path, record_property):
    """One short macro-cycle of the small structure, one weight for U_local."""
    simulation, refinement = recovered(
        QUICK, tmp_path, 1, "u_local.optimize_weight=False", "hnm.max_iterations=15"
    )
    found = record(record_property, simulation, refinement)
    assert found["u_group"].six_components >= 0.95
    assert found["u_group_matched"].six_components >= 0.95
    assert found["total"].six_components >= 0.95
    assert found["u_group"].deviatoric >= 0.8
    # Nothing of the truth was in the start.
    flat = np.tile([0.38, 0.38, 0.38, 0.0, 0.0, 0.0], (len(simulation.u_local), 1))
    assert compare(flat, simulation.u_group).six_components < 0.95
    noise, _ = simulation.r_factors()
    assert refinement.r_factors()["r_work"] < 2 * noise < refinement.start["r_work"]


@pytest.mark.long
@pytest.mark.parametrize("example", [QUICK, FULL], ids=["quick", "full"])
def test_known_motion_comes_back_with_defaults(example, tmp_path, record_property):
    simulation, refinement = recovered(example, tmp_path, 3)
    found = record(record_property, simulation, refinement)
    assert found["u_group"].six_components >= 0.95
    assert found["u_group_matched"].six_components >= 0.95
    assert found["u_group"].deviatoric >= 0.8
