"""Frequencies, free energy and entropy of harmonic modes.

With ``x = h nu / kT`` of a mode (McQuarrie, Statistical Mechanics; ΔΔPT's
equations 7 and 8), energies from the mode's ground state:

    internal energy   U = kT x / (e^x - 1)
    free energy       G = kT ln(1 - e^-x)
    entropy           S = k [x / (e^x - 1) - ln(1 - e^-x)]

Schlitter (1993) takes ``S' = k/2 ln(1 + (e / x)^2)`` instead, an upper bound
that the classical limit reaches, from variances alone: ``<Q^2> = kT / omega^2``.
``G' = U - T S'`` is the lower bound of G that goes with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hnmref.errors import ModesError
from hnmref.modes.units import quanta_in_kt, wavenumbers

#: Molar gas constant, kcal mol^-1 K^-1 (CODATA 2018, 4184 J a kcal).
GAS_CONSTANT = 8.314462618 / 4184.0

#: THz in a cm^-1.
THZ_PER_WAVENUMBER = 0.0299792458


@dataclass(frozen=True)
class Thermodynamics:
    """Each mode's part, arrays (n,); the whole is their sum.

    wavenumbers : cm^-1; frequencies : THz.
    quanta : h nu / kT.
    zero_point : h nu / 2, kcal mol^-1; in none of the other energies.
    internal_energy, free_energy, free_energy_schlitter : kcal mol^-1.
    entropy, entropy_schlitter : cal mol^-1 K^-1.
    temperature : K.
    """

    wavenumbers: np.ndarray
    frequencies: np.ndarray
    quanta: np.ndarray
    zero_point: np.ndarray
    internal_energy: np.ndarray
    free_energy: np.ndarray
    free_energy_schlitter: np.ndarray
    entropy: np.ndarray
    entropy_schlitter: np.ndarray
    temperature: float


def thermodynamics(
    eigenvalues: np.ndarray, spring_constant: float, temperature: float = 300.0
) -> Thermodynamics:
    """Harmonic thermodynamics of modes with masses in daltons.

    Parameters
    ----------
    eigenvalues : (n,) array, positive: zero modes are translation and rotation,
        which are no vibrations.
    spring_constant : kcal mol^-1 Å^-2 of a spring of stiffness 1.
    temperature : K.

    Raises
    ------
    ModesError : a zero mode; a constant or temperature that is not positive.
    """
    eigenvalues = np.asarray(eigenvalues, dtype=float)
    if not (eigenvalues > 0).all():
        raise ModesError(
            "a mode without stiffness is no vibration and has no such entropy: leave "
            "the zero modes out"
        )
    cm = wavenumbers(eigenvalues, spring_constant)
    x = quanta_in_kt(cm, temperature)
    kt = GAS_CONSTANT * temperature
    # x / (e^x - 1) without overflow at large x or loss of digits at small x.
    occupied = x * np.exp(-x) / -np.expm1(-x)
    log_term = np.log(-np.expm1(-x))
    schlitter = 0.5 * np.log1p((np.e / x) ** 2)
    to_cal = 1000 * GAS_CONSTANT
    return Thermodynamics(
        wavenumbers=cm,
        frequencies=THZ_PER_WAVENUMBER * cm,
        quanta=x,
        zero_point=0.5 * kt * x,
        internal_energy=kt * occupied,
        free_energy=kt * log_term,
        free_energy_schlitter=kt * (occupied - schlitter),
        entropy=to_cal * (occupied - log_term),
        entropy_schlitter=to_cal * schlitter,
        temperature=temperature,
    )
