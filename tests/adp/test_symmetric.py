"""Vectors of symmetric matrices, their products and roots."""

import numpy as np
import pytest

from hnmref.adp.symmetric import (
    congruence,
    n_components,
    pack_symmetric,
    root,
    unpack_symmetric,
)


def symmetric(rng, n):
    matrix = rng.normal(size=(n, n))
    return matrix + matrix.T


def test_vectors_keep_inner_products():
    rng = np.random.default_rng(1)
    a, b = symmetric(rng, 5), symmetric(rng, 5)
    assert len(pack_symmetric(a)) == n_components(5) == 15
    assert np.allclose(unpack_symmetric(pack_symmetric(a)), a, atol=1e-15)
    assert pack_symmetric(a) @ pack_symmetric(b) == pytest.approx(np.trace(a @ b))


@pytest.mark.parametrize("n", range(1, 60))
def test_a_vector_tells_the_size_of_its_matrix(n):
    assert unpack_symmetric(np.ones(n_components(n))).shape == (n, n)


def test_congruence():
    rng = np.random.default_rng(2)
    m, v = symmetric(rng, 4), symmetric(rng, 4)
    product = congruence(m)
    assert np.allclose(unpack_symmetric(product @ pack_symmetric(v)), m @ v @ m)
    assert np.allclose(product, product.T)


def test_root_has_the_rank_of_the_matrix():
    factor = np.random.default_rng(3).normal(size=(6, 3))
    matrix = factor @ factor.T
    found = root(matrix)
    assert found.shape == (6, 3)
    assert np.allclose(found @ found.T, matrix, atol=1e-12)
    assert root(np.zeros((4, 4))).shape == (4, 0)
