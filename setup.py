"""Install with ``pip install .``; the version stands in hnmref/__init__.py."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
PACKAGE = (HERE / "hnmref" / "__init__.py").read_text(encoding="utf-8")
VERSION = re.search(r'^__version__ = "([^"]+)"$', PACKAGE, re.MULTILINE).group(1)
PROGRAMS = (
    "refine",
    "modes",
    "analyse",
    "compare",
    "ensemble",
    "principal_components",
    "transition",
    "tls_segments",
    "get_reference_data",
    "demo",
    "phenix_refine",
)

setup(
    name="hnmref",
    version=VERSION,
    description="Hierarchical normal-mode refinement of anisotropic displacements",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="BSD-3-Clause",
    license_files=["LICENSE"],
    python_requires=">=3.10",
    install_requires=[
        "cctbx-base",
        "numpy",
        "scipy",
        "threadpoolctl",
        "matplotlib",
        # The page of a run: its JavaScript comes with the package, for a page that
        # opens offline; MIT.
        "plotly",
    ],
    extras_require={
        # XTC, DCD and other trajectories; BSD.
        "trajectories": ["chemfiles"],
        # The regression's refinements on a cluster (its --scheduler); BSD.
        "cluster": ["distributed"],
        "test": ["pytest", "chemfiles", "distributed", "gemmi"],
    },
    packages=find_packages(include=["hnmref", "hnmref.*", "phenix_plugin*"]),
    entry_points={
        "console_scripts": [
            f"hnmref.{name} = hnmref.programs.{name}:run" for name in PROGRAMS
        ]
    },
)
