"""Transitions between two structures along normal modes of the first.

``linear``: one step along the modes, each atom on a straight line, with the
amplitudes that come nearest to the target.
``nonlinear``: many small steps, each with the best amplitudes where the structure
is by then, in which blocks move on screws (Grudinin, Laine & Hoffmann 2020,
Biophys. J. 118, 2513, algorithm 1).
``iterative``: the modes are computed again where they led to, and so on (its
algorithm 2): contacts that have opened hold nothing any more.

The target is known, so a transition shows what the modes are able to describe. How
far it comes is the *coverage*, the share of the RMSD that is gone at its end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from hnmref.errors import ModesError
from hnmref.modes.analysis import collectivity
from hnmref.modes.mode_set import ModeSet
from hnmref.modes.nonlinear import (
    BlockMotions,
    advance,
    block_displacements,
    block_motions,
)
from hnmref.modes.progress import Progress, tell_nobody
from hnmref.modes.relaxation import geometry_of, relax
from hnmref.modes.rigid import rigid_body_modes
from hnmref.modes.superpose import rmsd, superpose

METHODS = ("linear", "nonlinear", "iterative")

#: A path ends where a step gains less than this share of the RMSD at the start.
_TOLERANCE = 1e-6

#: Steps with one set of modes at the most.
_MAX_STEPS = 1000

#: A step that does not come nearer is halved so many times before the path ends.
_HALVINGS = 6

#: Structures nearer than this (Å) have no transition between them.
_SAME = 1e-3

#: Where modes computed with blocks other than these carry less of their energy
#: rigidly, a note says so.
_RIGID = 0.99

#: Computes modes of the structure at (N, 3) coordinates.
ModesOf = Callable[[np.ndarray], ModeSet]


@dataclass(frozen=True)
class Transition:
    """A path from a structure towards another one.

    method : ``linear``, ``nonlinear`` or ``iterative``.
    frames : (n_frames, N, 3) array, Å: structures along the path, the first the
        start, the last the end, each laid on the target.
    target : (M, 3) array, Å: fitted atoms of the target, laid on the start.
    fitted : (M,) int array: the atoms of the start that they belong to.
    rmsd : (n_steps + 1,) array, Å: distance to the target over the fitted atoms,
        superposed, from the start on.
    rounds : (n_steps + 1,) int array: which computation of modes made a step,
        from 1; 0 for the start.
    frame_steps : (n_frames,) int array: the step that each frame is of.
    frame_rmsd : (n_frames,) array, Å: distance of each frame, which may have been
        relaxed, to the target.
    amplitudes : for each round, (n,) sums of the steps along each mode.
    collectivity : share of the fitted atoms that take part in the transition.
    notes : what there is to know of it, a sentence each.
    """

    method: str
    frames: np.ndarray
    target: np.ndarray
    fitted: np.ndarray
    rmsd: np.ndarray
    rounds: np.ndarray
    frame_steps: np.ndarray
    frame_rmsd: np.ndarray
    amplitudes: list[np.ndarray]
    collectivity: float
    notes: list[str] = field(default_factory=list)

    @property
    def coverage(self) -> float:
        """Share of the RMSD that is gone at the end: 0 none, 1 all of it."""
        return float(1.0 - self.rmsd[-1] / self.rmsd[0])


def find_transition(
    start: np.ndarray,
    target: np.ndarray,
    modes_of: ModesOf,
    *,
    method: str = "nonlinear",
    fitted: np.ndarray | None = None,
    blocks: np.ndarray | Sequence | None = None,
    n_iterations: int = 5,
    n_frames: int = 20,
    max_step: float = 0.1,
    bonds: np.ndarray | None = None,
    progress: Progress | None = None,
) -> Transition:
    """Go from start towards target along all modes beyond the zero ones.

    Parameters
    ----------
    start : (N, 3) array, Å: the atoms that move.
    target : (M, 3) array, Å: where some of them are in the other structure.
    modes_of : called with (N, 3) coordinates, gives their modes; only
        ``iterative`` calls it again. ``lambda _: modes`` for modes that are there.
    method : one of ``METHODS``.
    fitted : (M,) indices of the start's atoms that target holds; None: all.
    blocks : (N,) labels of the rigid blocks; ``linear`` does without.
    n_iterations : computations of modes, the first one counted, of ``iterative``.
    n_frames : structures of the path at the most, 2 or more.
    max_step : root-mean-square displacement (Å) of a step at the most.
    bonds : (n, 2) pairs of atoms: bonds and angles are relaxed in every frame,
        and at the end of each round before modes are computed again. None: blocks
        move and nothing else.
    progress : called with a short text before each computation of modes.

    Raises
    ------
    ModesError : input that has no transition; an unknown method.
    """
    _check_settings(method, blocks, n_iterations, n_frames, max_step)
    start = np.array(start, dtype=float)
    fitted = np.arange(len(start)) if fitted is None else np.asarray(fitted)
    aim = _Aim(_placed(start, target, fitted), fitted)
    progress = progress or tell_nobody
    path = _Path([start], [aim.distance(start)], [0])
    geometry = None if bonds is None else geometry_of(start, bonds)
    if method == "linear":
        progress("modes of the start")
        _go_straight(path, aim, _inner(modes_of(start)), n_frames)
    else:
        for number in range(1, n_iterations + 1 if method == "iterative" else 2):
            progress(f"modes, {number}. time, {path.rmsd[-1]:.2f} Å from the target")
            modes = _inner(modes_of(path.frames[-1]))
            if not _follow(path, aim, modes, blocks, max_step, number):
                break
            if geometry is not None:
                x = relax(path.frames[-1], geometry)
                path.add(x, aim.distance(x), number)
    kept = _spread(path.frames, n_frames)
    frames = [path.frames[i] for i in kept]
    if geometry is not None:
        frames = [frames[0], *(relax(x, geometry) for x in frames[1:])]
    return Transition(
        method=method,
        frames=np.array([aim.lay(x) for x in frames]),
        target=aim.target,
        fitted=fitted,
        rmsd=np.array(path.rmsd),
        rounds=np.array(path.rounds),
        frame_steps=kept,
        frame_rmsd=np.array([aim.distance(x) for x in frames]),
        amplitudes=path.amplitudes,
        collectivity=_collectivity(start[fitted], aim.target),
        notes=path.notes,
    )


@dataclass
class _Path:
    """What has been gone through so far."""

    frames: list[np.ndarray]
    rmsd: list[float]
    rounds: list[int]
    amplitudes: list[np.ndarray] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, x: np.ndarray, distance: float, number: int) -> None:
        self.frames.append(x)
        self.rmsd.append(distance)
        self.rounds.append(number)


@dataclass(frozen=True)
class _Aim:
    """Where some atoms ought to go: target (M, 3), Å, of the atoms fitted (M,)."""

    target: np.ndarray
    fitted: np.ndarray

    def distance(self, x: np.ndarray) -> float:
        """RMSD (Å) of (N, 3) coordinates, superposed."""
        return superpose(self.target, x[self.fitted]).rmsd

    def lay(self, x: np.ndarray) -> np.ndarray:
        """(N, 3) coordinates superposed on the target."""
        return superpose(x[self.fitted], self.target).apply(x)

    def amplitudes(self, x: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """Amplitudes (n,) of (M, 3, n) displacements that come nearest (eq. 12).

        Rigid-body motions of the fitted atoms stand beside the modes: seen on
        these atoms alone, or where blocks have moved, modes are not free of them.
        """
        here = x[self.fitted]
        gap = superpose(self.target, here).apply(self.target) - here
        columns = np.concatenate([vectors, rigid_body_modes(here)], axis=2)
        columns = columns.reshape(here.size, -1)
        best = np.linalg.lstsq(columns, gap.ravel(), rcond=1e-8)[0]
        return best[: vectors.shape[2]]


def _go_straight(path: _Path, aim: _Aim, modes: ModeSet, n_frames: int) -> None:
    """All atoms on straight lines along the modes, in equal parts."""
    start = path.frames[0]
    best = aim.amplitudes(start, modes.vectors[aim.fitted])
    displacement = modes.vectors @ best
    for part in np.linspace(0, 1, n_frames)[1:]:
        x = start + part * displacement
        path.add(x, aim.distance(x), 1)
    path.amplitudes.append(best)


def _follow(
    path: _Path,
    aim: _Aim,
    modes: ModeSet,
    blocks: np.ndarray | Sequence,
    max_step: float,
    number: int,
) -> bool:
    """Small steps of the blocks while they come nearer; whether one did."""
    x = path.frames[-1]
    motions = block_motions(x, blocks, modes.vectors, modes.masses)
    if number == 1 and motions.rigid_share.min() < _RIGID:
        path.notes.append(
            f"rigid blocks carry only {100 * motions.rigid_share.min():.0f}% of a "
            f"mode's motion: compute the modes with the same blocks"
        )
    total = np.zeros(modes.n_modes)
    for _ in range(_MAX_STEPS):
        vectors = block_displacements(motions, x, aim.fitted)
        best = aim.amplitudes(x, vectors)
        size = np.sqrt(np.mean(np.sum((vectors @ best) ** 2, axis=1)))
        best *= min(1.0, max_step / size) if size > 0 else 0.0
        taken = _nearer(path.rmsd[-1], aim, motions, x, best)
        if taken is None:
            break
        x, motions, distance, part = taken
        gain = path.rmsd[-1] - distance
        path.add(x, distance, number)
        total += part * best
        if gain < _TOLERANCE * path.rmsd[0]:
            break
    path.amplitudes.append(total)
    return bool(total.any())


def _nearer(
    distance: float,
    aim: _Aim,
    motions: BlockMotions,
    x: np.ndarray,
    amplitudes: np.ndarray,
) -> tuple[np.ndarray, BlockMotions, float, float] | None:
    """The step, or its half and so on, that ends nearer than distance, or None.

    With it the motions and the distance there, and which part of the step it is.
    """
    for part in 0.5 ** np.arange(_HALVINGS):
        moved, turned = advance(motions, x, part * amplitudes)
        new = aim.distance(moved)
        if new < distance:
            return moved, turned, new, part
    return None


def _inner(modes: ModeSet) -> ModeSet:
    """The modes beyond the zero ones."""
    if modes.n_modes == modes.n_zero:
        raise ModesError(
            f"all {modes.n_modes} modes are rigid-body motions, which are no "
            f"transition: ask for more modes"
        )
    return ModeSet(
        modes.eigenvalues[modes.n_zero :],
        modes.vectors[:, :, modes.n_zero :],
        0,
        modes.coordinates,
        modes.masses,
    )


def _placed(start: np.ndarray, target: np.ndarray, fitted: np.ndarray) -> np.ndarray:
    """The target laid on the start; raise ModesError where they are the same."""
    target = np.asarray(target, dtype=float)
    if len(fitted) < 3 or target.shape != (len(fitted), 3):
        raise ModesError(
            f"a transition needs three atoms or more that both structures have, not "
            f"{len(fitted)} of the start and {len(target)} of the target: match their "
            f"atoms first"
        )
    fit = superpose(target, start[fitted])
    if fit.rmsd < _SAME:
        raise ModesError(
            f"the structures are the same (RMSD {fit.rmsd:.4f} Å, superposed): there "
            f"is no transition between them"
        )
    return fit.apply(target)


def _collectivity(start: np.ndarray, end: np.ndarray) -> float:
    """Share of the atoms that take part in a displacement."""
    change = ModeSet(
        np.zeros(1), (end - start)[:, :, None], 0, start, np.ones(len(start))
    )
    return float(collectivity(change)[0])


def _spread(frames: list[np.ndarray], n_frames: int) -> np.ndarray:
    """Numbers of frames (n_frames at the most) at about equal distances."""
    legs = [rmsd(a, b) for a, b in zip(frames, frames[1:])]
    travelled = np.concatenate([[0.0], np.cumsum(legs)])
    wanted = np.linspace(0, travelled[-1], n_frames)
    nearest = np.searchsorted((travelled[1:] + travelled[:-1]) / 2, wanted)
    nearest[-1] = len(frames) - 1
    return np.unique(nearest)


def _check_settings(
    method: str, blocks, n_iterations: int, n_frames: int, max_step: float
) -> None:
    """Raise ModesError for settings that make no sense."""
    if method not in METHODS:
        raise ModesError(
            f"unknown method {method!r} of a transition: use one of "
            f"{', '.join(METHODS)}"
        )
    if method != "linear" and blocks is None:
        raise ModesError(
            f"a {method} transition moves rigid blocks: give blocks, or use the "
            f"method linear"
        )
    if n_iterations < 1 or n_frames < 2 or not max_step > 0:
        raise ModesError(
            f"a transition needs at least one computation of modes ({n_iterations}), "
            f"two frames ({n_frames}) and a step above 0 Å ({max_step})"
        )
