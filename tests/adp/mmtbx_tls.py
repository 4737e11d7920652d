"""U of TLS groups as mmtbx makes it: an independent reference."""

from __future__ import annotations

import hnmref  # noqa: F401  (cctbx's extensions load first)

import mmtbx.tls.tools
import numpy as np
from cctbx.array_family import flex

from hnmref.refine.arrays import numpy_to_vec3, sym_mat3_to_numpy


def u_of_mmtbx(sites: np.ndarray, tls: tuple, origin: np.ndarray) -> np.ndarray:
    """(N, 6) U in Å² of one group: T in Å², L in degree², S in Å·degree."""
    tlso = mmtbx.tls.tools.tlso(*(tuple(values) for values in (*tls, origin)))
    u = mmtbx.tls.tools.u_cart_from_tls(
        sites_cart=numpy_to_vec3(sites),
        selections=[flex.size_t_range(len(sites))],
        tlsos=[tlso],
    )
    return sym_mat3_to_numpy(u)
