"""How sure a difference of two R_free is.

Runs on the same data share their free reflections. Drawing reflections with
replacement, the same ones for every run, gives the distribution of each R_free
and of every difference (a paired bootstrap).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

#: Draws that are worked through at once, so that little memory is taken.
_DRAWS_PER_PIECE = 100


@dataclass(frozen=True)
class FreeSet:
    """The free reflections that several runs share.

    :ivar f_obs: (N,) observed amplitudes.
    :ivar f_model: (N,) model amplitudes of each run, by its name.
    """

    f_obs: np.ndarray
    f_model: dict[str, np.ndarray]


def r_factor(f_obs: np.ndarray, f_model: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """R of weighted reflections, their overall scale fitted by least squares.

    As mmtbx's f_model computes R_free: ``k = Σ Fo Fm / Σ Fm²``,
    ``R = Σ |Fo − k Fm| / Σ Fo``.

    :param f_obs: (N,) amplitudes.
    :param f_model: (N,) amplitudes.
    :param weights: (..., N) how often each reflection counts.
    :returns: (...) R as fractions.
    """
    scale = weights @ (f_obs * f_model) / (weights @ f_model**2)
    deviations = np.abs(f_obs - scale[..., None] * f_model)
    return np.einsum("...i,...i->...", weights, deviations) / (weights @ f_obs)


def resampled_r_free(
    free: FreeSet, rng: np.random.Generator, n_draws: int = 2000
) -> dict[str, np.ndarray]:
    """(n_draws,) R_free of each run; draw i has the same reflections for all."""
    return r_of_weights(free, list(draws(len(free.f_obs), rng, n_draws)))


def chosen_on_one_half(
    free: FreeSet,
    run: str,
    candidates: Sequence[str],
    rng: np.random.Generator,
    n_splits: int = 200,
) -> float:
    """R_free of a run less that of the best candidate, fairly chosen.

    The best of several by R_free is flattered by that same R_free. Here the
    candidate is chosen on a random half of the free set, and the difference is
    taken on the other half; the mean over many splits.
    """
    chosen_on = random_halves(len(free.f_obs), rng, n_splits)
    choice = r_of_weights(free, [chosen_on])
    judged = r_of_weights(free, [1.0 - chosen_on])
    best = np.argmin([choice[name] for name in candidates], axis=0)
    theirs = np.array([judged[name] for name in candidates])
    return float(np.mean(judged[run] - theirs[best, np.arange(n_splits)]))


def random_halves(
    n_reflections: int, rng: np.random.Generator, n_splits: int
) -> np.ndarray:
    """(splits, reflections) 1 for the half of them that is drawn, 0 for the rest."""
    chance = rng.random((n_splits, n_reflections))
    return (chance < np.median(chance, axis=1, keepdims=True)).astype(float)


def draws(
    n_reflections: int, rng: np.random.Generator, n_draws: int
) -> Iterator[np.ndarray]:
    """How often each reflection is drawn: pieces of (draws, reflections)."""
    even = np.full(n_reflections, 1.0 / n_reflections)
    for first in range(0, n_draws, _DRAWS_PER_PIECE):
        size = min(_DRAWS_PER_PIECE, n_draws - first)
        yield rng.multinomial(n_reflections, even, size=size).astype(float)


def r_of_weights(free: FreeSet, pieces: list[np.ndarray]) -> dict[str, np.ndarray]:
    """R_free of each run for pieces (draws, reflections) of weights, joined."""
    return {
        name: np.concatenate([r_factor(free.f_obs, f, piece) for piece in pieces])
        for name, f in free.f_model.items()
    }
