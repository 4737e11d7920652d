"""The optional factorisation gives the same modes, and says when it is missing."""

import sys

import numpy as np
import pytest
from mode_references import ball, flat, helix, same_subspace

from hnmref.errors import ModesError
from hnmref.modes import compute_modes, solver


def test_cholmod_gives_the_same_modes(monkeypatch):
    pytest.importorskip("cvxopt", reason="the optional cvxopt is not installed")
    monkeypatch.setattr(solver, "_DENSE_SIZE", 10)
    x, residues = helix(80)
    lu, cholesky = (
        compute_modes(x, n_modes=20, cutoff=6.0, blocks=residues, factorisation=name)
        for name in ("superlu", "cholmod")
    )
    np.testing.assert_allclose(cholesky.eigenvalues, lu.eigenvalues, rtol=1e-9)
    assert same_subspace(flat(cholesky.vectors), flat(lu.vectors)) > 1 - 1e-10


def test_without_cvxopt_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "cvxopt", None)
    with pytest.raises(ModesError, match="pip install cvxopt"):
        compute_modes(ball(20, 1), n_modes=8, factorisation="cholmod")


def test_progress_is_told(monkeypatch):
    monkeypatch.setattr(solver, "_DENSE_SIZE", 10)
    told = []
    x, residues = helix(80)
    compute_modes(x, n_modes=40, cutoff=6.0, blocks=residues, progress=told.append)
    assert told[0] == "springs of 320 atoms"
    assert told[1] == "factors of a Hessian of 480 coordinates"
    assert told[2] == "50 solves"
