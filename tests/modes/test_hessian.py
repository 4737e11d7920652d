"""The block-sparse Hessian against energies and dense references."""

import numpy as np
import pytest
from mode_references import ball, dense_hessian
from scipy.spatial import cKDTree

from hnmref.errors import ModesError
from hnmref.modes.hessian import spring_hessian
from hnmref.modes.reduction import reduce_atoms
from hnmref.modes.springs import SpringLaw, springs_within


CONSTANT = SpringLaw()


def springs_of(x, cutoff, law=CONSTANT):
    return springs_within(x, cKDTree(x), cutoff, law)[0]


def energy(x0, x, springs):
    """Harmonic springs with their rest lengths in x0."""
    i, j = springs.first, springs.second
    rest = np.linalg.norm(x0[i] - x0[j], axis=1)
    length = np.linalg.norm(x[i] - x[j], axis=1)
    return 0.5 * np.sum(springs.stiffness * (length - rest) ** 2)


def test_finite_differences_of_the_energy():
    x = ball(12, 1)
    springs = springs_of(x, 3.0, SpringLaw("distance_power"))
    hessian = spring_hessian(x, springs).toarray()
    rng = np.random.default_rng(2)
    h = 1e-3
    for _ in range(30):
        a, b = rng.standard_normal((2, 12, 3))
        numeric = (
            energy(x, x + h * (a + b), springs)
            - energy(x, x + h * (a - b), springs)
            - energy(x, x - h * (a - b), springs)
            + energy(x, x - h * (a + b), springs)
        ) / (4 * h * h)
        assert a.ravel() @ hessian @ b.ravel() == pytest.approx(
            numeric, rel=1e-4, abs=1e-4
        )


@pytest.mark.parametrize(
    "law, stiffness",
    [
        (SpringLaw(), lambda r: 1.0),
        (SpringLaw("distance_power", power=3.0), lambda r: max(r, 1.0) ** -3.0),
        (SpringLaw("hinsen", gaussian_range=2.0), lambda r: np.exp(-r * r / 4.0)),
    ],
)
def test_equals_the_dense_sum_over_pairs(law, stiffness):
    x = ball(25, 3)
    sparse = spring_hessian(x, springs_of(x, 4.0, law)).toarray()
    np.testing.assert_allclose(sparse, dense_hessian(x, 4.0, stiffness), atol=1e-13)


@pytest.mark.parametrize("with_masses", [False, True])
def test_blocks_equal_the_projected_dense_hessian(with_masses):
    """Blocks of one, two (on any line), three and more atoms, interleaved."""
    x = ball(30, 4)
    labels = np.array([0, 1, 1, 2, 2, 2, 3, 3, 3, 3] * 3)
    labels[10:] += 4 * (np.arange(20) // 10 + 1)
    shuffle = np.random.default_rng(5).permutation(30)
    labels = labels[shuffle]
    masses = np.random.default_rng(6).uniform(1, 20, 30) if with_masses else np.ones(30)
    reduction = reduce_atoms(x, masses, labels)
    assert reduction.n_coordinates == 3 * (3 + 5 + 6 + 6)

    p = reduction.displacements(np.eye(reduction.n_coordinates)).reshape(90, -1)
    weighted = np.repeat(np.sqrt(masses), 3)[:, None] * p
    np.testing.assert_allclose(weighted.T @ weighted, np.eye(60), atol=1e-12)
    expected = p.T @ dense_hessian(x, 3.5) @ p
    actual = reduction.without_missing(reduction.hessian(x, springs_of(x, 3.5)))
    np.testing.assert_allclose(actual.toarray(), expected, atol=1e-11)


def test_projection_inverts_displacements():
    x = ball(20, 7)
    masses = np.random.default_rng(8).uniform(1, 20, 20)
    reduction = reduce_atoms(x, masses, np.arange(20) // 3)
    q = np.random.default_rng(9).standard_normal((reduction.n_coordinates, 4))
    np.testing.assert_allclose(
        reduction.project(reduction.displacements(q), masses), q, atol=1e-12
    )


def test_hinsen_fitted_values_and_range():
    law = SpringLaw("hinsen_fitted")
    # 860 * 3.8 - 2390, and 1.28e6 / 8^6, kJ mol^-1 Å^-2
    np.testing.assert_allclose(law.stiffness([3.8, 8.0]), [878.0, 4.8828125])
    with pytest.raises(ModesError, match="C-alpha"):
        law.stiffness([1.5])


@pytest.mark.parametrize(
    "settings", [dict(name="cubic"), dict(name="hinsen", gaussian_range=0.0)]
)
def test_unknown_laws_are_refused(settings):
    with pytest.raises(ModesError):
        SpringLaw(**settings)
