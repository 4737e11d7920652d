"""Physical units: wavenumbers, quanta against kT, displacements at a temperature.

Eigenvalues are stiffness per mass in the spring law's own units. Two choices
make them physical: what a spring of stiffness 1 is worth (kcal mol^-1 Å^-2),
and masses in daltons.
"""

from __future__ import annotations

import numpy as np

from hnmref.errors import ModesError

#: CODATA 2018, exact: Avogadro, Boltzmann (J/K), Planck (J s), light (m/s).
_AVOGADRO = 6.02214076e23
_BOLTZMANN = 1.380649e-23
_PLANCK = 6.62607015e-34
_LIGHT = 299792458.0

_JOULES_PER_KCAL = 4184.0

#: kJ mol^-1 Å^-2, the unit of Hinsen's fitted law, in kcal mol^-1 Å^-2.
KJ_IN_KCAL = 1 / 4.184


def wavenumbers(eigenvalues: np.ndarray, spring_constant: float) -> np.ndarray:
    """Wavenumbers (cm^-1) of modes with masses in daltons.

    ``sqrt(k lambda / m) / (2 pi c)``; 108.59 for k lambda = 1 kcal mol^-1 Å^-2
    and 1 Da.

    Parameters
    ----------
    eigenvalues : (n,) array, zero or positive.
    spring_constant : kcal mol^-1 Å^-2 of a spring of stiffness 1.

    Raises
    ------
    ModesError : a spring constant that is not positive.
    """
    _check_positive(spring_constant, "spring constant (kcal mol^-1 Å^-2)")
    # A dalton in kg is 1e-3 / Avogadro, which cancels the mole; Å^-2 is 1e20.
    square = np.asarray(eigenvalues) * spring_constant * _JOULES_PER_KCAL * 1e20 / 1e-3
    return np.sqrt(square) / (2 * np.pi * 100 * _LIGHT)


def quanta_in_kt(wavenumbers_cm: np.ndarray, temperature: float = 300.0) -> np.ndarray:
    """Energy h nu of a quantum of each mode in units of kT.

    Below 1 a mode is classical.

    Raises
    ------
    ModesError : a temperature (K) that is not positive.
    """
    _check_positive(temperature, "temperature (K)")
    energy = _PLANCK * 100 * _LIGHT * np.asarray(wavenumbers_cm)
    return energy / (_BOLTZMANN * temperature)


def thermal_variance(
    eigenvalues: np.ndarray, spring_constant: float, temperature: float = 300.0
) -> np.ndarray:
    """Mean square ``kT / (k lambda)`` of each mode's coordinate (classical).

    In Å² (Å² Da with masses in daltons): ``sum_m V V^T variance_m`` over the modes
    beyond the zero ones is U in Å².

    Raises
    ------
    ModesError : a zero mode, whose displacement has no bound; a constant or a
        temperature (K) that is not positive.
    """
    _check_positive(spring_constant, "spring constant (kcal mol^-1 Å^-2)")
    _check_positive(temperature, "temperature (K)")
    eigenvalues = np.asarray(eigenvalues)
    if not (eigenvalues > 0).all():
        raise ModesError(
            "a mode without stiffness has no thermal displacement: leave the zero "
            "modes out"
        )
    kt = _BOLTZMANN * temperature * _AVOGADRO / _JOULES_PER_KCAL
    return kt / (spring_constant * eigenvalues)


def _check_positive(value: float, what: str) -> None:
    if not (np.isfinite(value) and value > 0):
        raise ModesError(f"the {what} must be a positive number, not {value}")
