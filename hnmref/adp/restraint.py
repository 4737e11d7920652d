"""E_nm: stage two's U_group held to stage one's (thesis, eq. 17)."""

from __future__ import annotations

import numpy as np

#: ‖U‖ is Frobenius: an off-diagonal component stands in two places.
FROBENIUS_WEIGHTS = np.array([1.0, 1.0, 1.0, 2.0, 2.0, 2.0])


def e_nm(u: np.ndarray, u_whole: np.ndarray) -> tuple[float, np.ndarray]:
    """Σ_j ‖U_j − U_whole,j‖² (Å⁴) and its gradient with respect to U, (N, 6).

    :param u: (N, 6) U_group of stage two, Å².
    :param u_whole: (N, 6) U_group of stage one, Å².
    """
    difference = u - u_whole
    weighted = FROBENIUS_WEIGHTS * difference
    return float(np.sum(weighted * difference)), 2.0 * weighted
