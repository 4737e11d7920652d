"""Harmonic oscillators against the partition function and known limits."""

import numpy as np
import pytest

from hnmref.errors import ModesError
from hnmref.modes.thermodynamics import GAS_CONSTANT, thermodynamics

#: cm^-1 of a unit eigenvalue at 1 kcal mol^-1 Å^-2, and kT at 300 K in cm^-1.
WAVENUMBER = 108.5910
KT_CM = 208.5106


def at(quanta, temperature=300.0):
    """Modes with these h nu / kT at 300 K."""
    return thermodynamics((quanta * KT_CM / WAVENUMBER) ** 2, 1.0, temperature)


def test_against_the_sum_over_states():
    """U, S and G of levels n h nu, summed until they end."""
    quanta = np.array([0.05, 0.5, 1.0, 4.0])
    modes = at(quanta)
    np.testing.assert_allclose(modes.quanta, quanta, rtol=1e-5)
    levels = np.arange(2000)
    for i, x in enumerate(modes.quanta):
        weight = np.exp(-x * levels)
        p = weight / weight.sum()
        kt = GAS_CONSTANT * 300.0
        energy = kt * x * (p @ levels)
        used = p > 0
        entropy = -GAS_CONSTANT * np.sum(p[used] * np.log(p[used]))
        assert modes.internal_energy[i] == pytest.approx(energy, rel=1e-9)
        assert modes.entropy[i] == pytest.approx(1000 * entropy, rel=1e-9)
        assert modes.free_energy[i] == pytest.approx(-kt * np.log(weight.sum()))
        assert modes.zero_point[i] == pytest.approx(kt * x / 2)


def test_textbook_vibration():
    """S of h nu = kT is 1.0407 R (McQuarrie): 2.0680 cal/mol/K."""
    assert at(np.ones(1)).entropy[0] == pytest.approx(1.0407 * 1.98720, rel=1e-4)


def test_schlitter_is_an_upper_bound_that_the_classical_limit_reaches():
    modes = at(np.geomspace(1e-4, 50, 200))
    assert (modes.entropy_schlitter >= modes.entropy).all()
    assert (modes.free_energy_schlitter <= modes.free_energy).all()
    assert modes.entropy_schlitter[0] == pytest.approx(modes.entropy[0], rel=1e-7)
    ratio = modes.entropy_schlitter / modes.entropy
    assert ratio[modes.quanta > 5].min() > 1.05


def test_classical_limit():
    """S = R (1 - ln x), U = RT, G = RT ln x."""
    modes = at(np.array([1e-5]))
    x, kt = modes.quanta[0], GAS_CONSTANT * 300.0
    expected = 1000 * GAS_CONSTANT * (1 - np.log(x))
    assert modes.entropy[0] == pytest.approx(expected, rel=1e-9)
    assert modes.internal_energy[0] == pytest.approx(kt, rel=1e-4)
    assert modes.free_energy[0] == pytest.approx(kt * np.log(x), rel=1e-4)


def test_frozen_modes_have_nothing_and_no_overflow():
    with np.errstate(all="raise", under="ignore"):
        modes = at(np.array([800.0]))
    assert modes.entropy[0] == pytest.approx(0, abs=1e-100)
    assert modes.free_energy[0] == pytest.approx(0, abs=1e-100)


@pytest.mark.parametrize("temperature", [100.0, 300.0, 900.0])
def test_entropy_is_the_slope_of_the_free_energy(temperature):
    quanta, step = np.array([0.3, 1.0, 3.0]), 1e-3
    upper, lower = at(quanta, temperature + step), at(quanta, temperature - step)
    slope = -(upper.free_energy - lower.free_energy) / (2 * step)
    modes = at(quanta, temperature)
    np.testing.assert_allclose(modes.entropy, 1000 * slope, rtol=1e-5)
    np.testing.assert_allclose(
        modes.free_energy,
        modes.internal_energy - temperature * modes.entropy / 1000,
        rtol=1e-9,
        atol=1e-12,
    )


def test_units():
    """1 THz is 33.3564 cm^-1."""
    modes = thermodynamics(np.array([(33.35641 / WAVENUMBER) ** 2]), 1.0)
    assert modes.wavenumbers[0] == pytest.approx(33.35641, rel=1e-4)
    assert modes.frequencies[0] == pytest.approx(1.0, rel=1e-4)


def test_zero_modes_are_refused():
    with pytest.raises(ModesError, match="zero modes out"):
        thermodynamics(np.array([0.0, 1.0]), 1.0)
