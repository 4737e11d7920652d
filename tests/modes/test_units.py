"""Physical units against textbook figures."""

import numpy as np
import pytest

from hnmref.errors import ModesError
from hnmref.modes import compute_modes, quanta_in_kt, thermal_variance, wavenumbers

#: kcal mol^-1 Å^-2 in a mdyn per Å (100 N/m).
MDYN = 143.9326


def test_a_mdyn_per_angstrom_on_a_dalton():
    """1302.79 cm^-1 (Wilson, Decius & Cross); 108.59 for a kcal."""
    assert wavenumbers(np.ones(1), MDYN)[0] == pytest.approx(1302.79, rel=1e-5)
    assert wavenumbers(np.ones(1), 1.0)[0] == pytest.approx(108.59, rel=1e-4)


def test_carbon_monoxide():
    """k = 19.02 mdyn/Å gives its harmonic 2170 cm^-1 (Herzberg)."""
    x = np.array([[0.0, 0, 0], [1.128, 0, 0]])
    modes = compute_modes(x, n_modes=6, masses=np.array([12.0, 15.9949]))
    stretch = wavenumbers(modes.eigenvalues, 19.02 * MDYN)
    np.testing.assert_allclose(stretch[:5], 0)
    assert stretch[5] == pytest.approx(2170, abs=3)


def test_quanta():
    """kT at 300 K is 208.51 cm^-1."""
    assert quanta_in_kt(np.array([208.5106]), 300.0)[0] == pytest.approx(1, rel=1e-5)


def test_an_atom_on_a_spring():
    """kT / k: 0.5962 kcal/mol at 300 K."""
    variance = thermal_variance(np.array([1.0, 4.0]), 2.0, 300.0)
    np.testing.assert_allclose(variance, [0.29808, 0.07452], rtol=1e-4)
    with pytest.raises(ModesError, match="zero modes"):
        thermal_variance(np.zeros(1), 1.0)


@pytest.mark.parametrize(
    "call", [lambda: wavenumbers(np.ones(1), 0.0), lambda: quanta_in_kt(np.ones(1), -1)]
)
def test_constants_are_positive(call):
    with pytest.raises(ModesError, match="positive"):
        call()
