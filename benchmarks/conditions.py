"""What figures depend on beside the program's input."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess

import hnmref

from benchmarks.entries import CHECKOUT

_PACKAGES = ("cctbx-base", "numpy", "scipy")


def source_version() -> str:
    """Commit of the checkout, with "-dirty" where files have changed since."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip() or "unknown"


def conditions() -> str:
    """Versions and machine, in a line."""
    packages = [f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES]
    return ", ".join(
        [
            f"hnmref {hnmref.__version__} ({source_version()})",
            *packages,
            f"Python {platform.python_version()}",
            f"{os.cpu_count()} cores, {platform.machine()}",
        ]
    )
