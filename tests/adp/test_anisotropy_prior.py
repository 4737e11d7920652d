"""The prior on anisotropy against its definition with full matrices."""

import numpy as np
import pytest

from hnmref.adp.anisotropy_prior import PRIOR_METRIC, anisotropy_penalty
from hnmref.adp.metrics import as_matrices


@pytest.fixture
def tensors():
    return np.random.default_rng(1).normal(size=(25, 6))


def test_value_is_that_of_the_part_without_a_trace(tensors):
    matrices = as_matrices(tensors)
    traces = np.trace(matrices, axis1=1, axis2=2)
    deviators = matrices - traces[:, None, None] / 3 * np.eye(3)
    assert anisotropy_penalty(tensors)[0] == pytest.approx(np.sum(deviators**2))


def test_isotropic_displacements_cost_nothing(tensors):
    isotropic = np.outer(tensors[:, 0], [1, 1, 1, 0, 0, 0])
    value, gradient = anisotropy_penalty(isotropic)
    assert abs(value) < 1e-14 and np.abs(gradient).max() < 1e-14


def test_gradient_and_metric_are_the_derivatives(tensors):
    change = np.random.default_rng(2).normal(size=tensors.shape)
    higher, here, lower = (
        anisotropy_penalty(tensors + step * change)[0] for step in (1, 0, -1)
    )
    _, gradient = anisotropy_penalty(tensors)
    assert np.sum(gradient * change) == pytest.approx((higher - lower) / 2)
    second = np.einsum("ja,ab,jb->", change, PRIOR_METRIC, change)
    assert second == pytest.approx(higher - 2 * here + lower)
