"""A stage as a minimisation over Π: starts, the restraint and its weight."""

import numpy as np
import pytest

from hnmref.adp.basis import ModeBasis, lower_factor
from hnmref.adp.groups import GroupedModes
from hnmref.adp.restraint import FROBENIUS_WEIGHTS, e_nm
from hnmref.refine.stages import Restraint, perturbed, refine_stage

N_ATOMS, N_MODES = 40, 8
#: Of e_nm, whose second derivatives by U are constant.
CURVATURE = np.broadcast_to(2 * np.diag(FROBENIUS_WEIGHTS), (N_ATOMS, 6, 6))


def model_of(seed=1):
    rng = np.random.default_rng(seed)
    atoms = np.arange(N_ATOMS)
    vectors = rng.normal(size=(N_ATOMS, 3, N_MODES))
    halves = (atoms[:20], atoms[20:])
    return GroupedModes([ModeBasis(vectors[half], half) for half in halves], N_ATOMS)


def random_omegas(rng, size=0.2):
    return [np.tril(rng.normal(scale=size, size=(N_MODES, N_MODES))) for _ in range(2)]


def distance_to(u_true):
    """A target that knows the answer."""
    return lambda u: e_nm(u, u_true)


def semidefinite(pi):
    return np.linalg.eigvalsh(pi)[0] >= -1e-12 * np.trace(pi)


@pytest.mark.parametrize("rank", [0, 1, 8])
def test_perturbation_is_small_and_moves_every_mode(rank):
    """Also where Ω is zero, a stationary point that no minimiser would leave."""
    rng = np.random.default_rng(rank)
    factor = rng.normal(size=(N_MODES, max(rank, 1))) * (rank > 0)
    pi = factor @ factor.T
    omega = perturbed(lower_factor(pi), rng)
    assert np.array_equal(omega, np.tril(omega))
    added = omega @ omega.T - pi
    assert semidefinite(added)
    assert np.all(np.diag(added) > 0)
    assert np.trace(added) < 0.1 * max(np.trace(pi[:6, :6]), 1.0)


def test_perturbation_depends_on_the_generator_only():
    omega = np.tril(np.random.default_rng(3).normal(size=(N_MODES, N_MODES)))
    same = [perturbed(omega, np.random.default_rng(4)) for _ in range(2)]
    assert np.array_equal(*same)
    assert not np.array_equal(same[0], perturbed(omega, np.random.default_rng(5)))


@pytest.mark.parametrize("start_size", [0.0, 0.2])
def test_stage_finds_a_known_motion(start_size):
    model = model_of()
    rng = np.random.default_rng(6)
    u_true = model.u(random_omegas(rng))
    result = refine_stage(
        distance_to(u_true),
        model,
        random_omegas(rng, start_size),
        curvature=CURVATURE,
        max_iterations=500,
        rng=rng,
    )
    assert np.abs(result.u_group - u_true).max() < 0.02 * np.abs(u_true).max()
    assert np.array_equal(result.u_group, model.u(result.omegas))
    assert result.value == pytest.approx(e_nm(result.u_group, u_true)[0])
    assert 2 < result.n_evaluations < 40


def run_restrained(weight, max_iterations=60):
    """Data and stage one disagree; the result, its start and both tensors."""
    model = model_of()
    rng = np.random.default_rng(7)
    u_data, u_whole = model.u(random_omegas(rng)), model.u(random_omegas(rng))
    start = random_omegas(rng)
    result = refine_stage(
        distance_to(u_data),
        model,
        start,
        curvature=CURVATURE,
        max_iterations=max_iterations,
        rng=np.random.default_rng(8),
        restraint=Restraint(u_whole, weight),
    )
    rng = np.random.default_rng(8)
    return model, result, [perturbed(o, rng) for o in start], u_data, u_whole


def test_weight_is_a_ratio_of_gradients_at_the_perturbed_start():
    """w = 0.5 ‖∂T/∂Ω‖ / ‖∂E_nm/∂Ω‖, read off the value that was minimised."""
    model, result, start, u_data, u_whole = run_restrained(0.5)
    u, pull_back = model.u_and_pullback(start)
    lengths = [
        np.linalg.norm(model.pack(pull_back(e_nm(u, other)[1])))
        for other in (u_data, u_whole)
    ]
    value, penalty = (e_nm(result.u_group, other)[0] for other in (u_data, u_whole))
    expected = 0.5 * lengths[0] / lengths[1]
    assert (result.value - value) / penalty == pytest.approx(expected)


def test_restraint_pulls_towards_stage_one():
    penalties, values = [], []
    for weight in (0.0, 0.5, 50.0):
        _, result, _, u_data, u_whole = run_restrained(weight, 300)
        values.append(e_nm(result.u_group, u_data)[0])
        penalties.append(e_nm(result.u_group, u_whole)[0])
    assert penalties[0] > penalties[1] > penalties[2]
    assert values[0] < values[1] < values[2]


def test_restraint_is_defined_where_nothing_moves_yet():
    """Stage one and two both at zero: the perturbation makes the ratio finite."""
    model = model_of()
    rng = np.random.default_rng(9)
    zero = [np.zeros((N_MODES, N_MODES))] * 2
    u_true = model.u(random_omegas(rng))
    result = refine_stage(
        distance_to(u_true),
        model,
        zero,
        curvature=CURVATURE,
        max_iterations=50,
        rng=rng,
        restraint=Restraint(np.zeros((N_ATOMS, 6)), 0.5),
    )
    assert np.isfinite(result.value)
    assert e_nm(result.u_group, u_true)[0] < e_nm(np.zeros_like(u_true), u_true)[0]


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0, 4.0])
def test_prior_divides_the_anisotropy(weight):
    """Where data of one curvature fix every component: by 1 + weight."""
    atoms = np.arange(N_ATOMS)
    translations = np.tile(np.eye(3), (N_ATOMS, 1, 1))
    model = GroupedModes([ModeBasis(translations, atoms)], N_ATOMS)
    u_true = np.tile([0.5, 0.7, 0.3, 0.1, -0.05, 0.02], (N_ATOMS, 1))
    result = refine_stage(
        distance_to(u_true),
        model,
        [0.1 * np.eye(3)],
        curvature=CURVATURE,
        max_iterations=100,
        rng=np.random.default_rng(10),
        prior_weight=weight,
    )
    isotropic = 0.5 * np.array([1, 1, 1, 0, 0, 0])
    expected = isotropic + (u_true - isotropic) / (1 + weight)
    assert np.allclose(result.u_group, expected, rtol=0, atol=1e-3)
