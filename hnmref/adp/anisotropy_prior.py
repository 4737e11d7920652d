"""A prior on U_group: without the data's say, displacements are isotropic.

Data of low resolution fix the direction of an anisotropic U better than its size,
which noise makes too large. A Gaussian prior on the part of U without a trace takes
it back in proportion to what the data do not support.
"""

from __future__ import annotations

import numpy as np

from hnmref.adp.restraint import FROBENIUS_WEIGHTS

_TRACE = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
#: (6, 6) second derivatives of :func:`anisotropy_penalty` by the U of one atom.
PRIOR_METRIC = 2.0 * (np.diag(FROBENIUS_WEIGHTS) - np.outer(_TRACE, _TRACE) / 3.0)


def anisotropy_penalty(u: np.ndarray) -> tuple[float, np.ndarray]:
    """Σ_j ‖U_j − tr(U_j)/3 · 1‖² (Å⁴) and its gradient with respect to U, (N, 6).

    :param u: (N, 6) U_group, Å².
    """
    gradient = u @ PRIOR_METRIC
    return float(0.5 * np.sum(gradient * u)), gradient
