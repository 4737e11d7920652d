"""E_nm against its definition with full matrices."""

import numpy as np
import pytest

from hnmref.adp.metrics import as_matrices
from hnmref.adp.restraint import e_nm


@pytest.fixture
def tensors():
    rng = np.random.default_rng(1)
    return rng.normal(size=(2, 25, 6))


def test_value_is_the_frobenius_norm(tensors):
    u, u_whole = tensors
    difference = as_matrices(u) - as_matrices(u_whole)
    expected = sum(np.linalg.norm(matrix, "fro") ** 2 for matrix in difference)
    assert e_nm(u, u_whole)[0] == pytest.approx(expected, rel=1e-13)


def test_value_does_not_depend_on_the_axes(tensors):
    u, u_whole = tensors
    rng = np.random.default_rng(2)
    axes = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turned = (axes @ as_matrices(tensors.reshape(-1, 6)) @ axes.T)[
        :, [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]
    ].reshape(2, -1, 6)
    assert e_nm(*turned)[0] == pytest.approx(e_nm(u, u_whole)[0], rel=1e-12)


def test_gradient_is_the_derivative(tensors):
    u, u_whole = tensors
    change = np.random.default_rng(3).normal(size=u.shape)
    _, gradient = e_nm(u, u_whole)
    difference = e_nm(u + change, u_whole)[0] - e_nm(u - change, u_whole)[0]
    assert np.sum(gradient * change) == pytest.approx(difference / 2, rel=1e-12)


def test_nothing_at_stage_ones_own_tensors(tensors):
    value, gradient = e_nm(tensors[0], tensors[0])
    assert value == 0 and not gradient.any()
