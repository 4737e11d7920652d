"""Hierarchical normal-mode refinement of anisotropic displacement parameters.

cctbx and scipy bring different C++ runtimes, and the process dies when scipy's
extensions load first. Importing cctbx's smallest extension here, before
anything else of hnmref can import scipy, keeps the order right. Without cctbx
``hnmref.modes`` and ``hnmref.adp`` work all the same.
"""

import sys

#: Extensions whose earlier import makes cctbx's own extensions crash.
_FOREIGN_RUNTIMES = ("scipy.linalg", "scipy.sparse.linalg", "scipy.spatial")

#: Why cctbx cannot be used in this process, or None where it can.
cctbx_unavailable: str | None = None

if "boost_python_meta_ext" not in sys.modules and any(
    name in sys.modules for name in _FOREIGN_RUNTIMES
):
    cctbx_unavailable = (
        "scipy was imported before hnmref, which cctbx does not survive: "
        "import hnmref first, in a fresh Python process"
    )
else:
    try:
        import boost_adaptbx.boost.python  # noqa: F401
    except ImportError:
        cctbx_unavailable = (
            "cctbx is not installed: pip install cctbx-base (hnmref.modes and "
            "hnmref.adp work without it)"
        )

__version__ = "0.1.0"
