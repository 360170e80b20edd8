"""Where ``hycs_std`` and its data tables are."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stilt.foundations.errors import EnvironmentFailure, InputError
from stilt.foundations.ownership import name_owner
from stilt.foundations.paths import stilt_home

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

EXE_NAME = "hycs_std"
VERSION = "v5.1.0"
SHA256 = "37346bee81a62f31d2f273c9813d53a76c54d59cfd5adbf3f76a7f870e3f49f9"
REQUIRED_TABLES = ("ASCDATA.CFG", "LANDUSE.ASC", "ROUGLEN.ASC")
TERRAIN_TABLE = "TERRAIN.ASC"
TABLES = (*REQUIRED_TABLES, TERRAIN_TABLE)
"""Land use, roughness length and terrain by degree, and the file that describes their grid. The terrain is read
only where the meteorology has none."""

INSTALL_HINT = (
    "run 'stilt hysplit install', or 'stilt hysplit use DIR' for a build of your own; "
    "model: native needs none"
)


@dataclass(frozen=True, slots=True)
class Installation:
    """A HYSPLIT that can be run.

    Attributes
    ----------
    exe
        The program.
    tables
        The data tables that it reads from its work directory.
    named_by
        What named it: ``hysplit.exe_dir``, ``STILT_HYSPLIT``, ``stilt hysplit use``, ``stilt hysplit install`` or
        ``PATH``.
    sha256
        Of the program's bytes, in hex.
    version
        HYSPLIT's version; for another build than the pinned one also the start of its digest.
    """

    exe: Path
    tables: tuple[Path, ...]
    named_by: str
    sha256: str
    version: str


def installed_folder() -> Path:
    """Return the folder that ``stilt hysplit install`` fills."""
    return stilt_home().absolute() / "hysplit" / VERSION


def used_link() -> Path:
    """Return the link that ``stilt hysplit use`` sets to the folder of a user's own build."""
    return stilt_home().absolute() / "hysplit" / "used"


def named_places(exe_dir: str | None) -> Iterator[tuple[Path, str]]:
    """Yield the builds of a user's own that are named, and what names them; the first counts."""
    if exe_dir:
        yield Path(exe_dir).expanduser(), "hysplit.exe_dir"
    variable = os.environ.get("STILT_HYSPLIT")
    if variable:
        yield Path(variable).expanduser(), "STILT_HYSPLIT"
    link = used_link()
    if link.is_symlink():
        yield link.resolve(), "stilt hysplit use"


def on_path() -> Path | None:
    """Return the program that a shell would find, if there is one."""
    from shutil import which

    found = which(EXE_NAME)
    return Path(found).resolve() if found else None


def program_of(exe_dir: str | None) -> Path:
    """Return the program that would run, whether or not all is there that it needs."""
    for place, _ in named_places(exe_dir):
        return place if place.is_file() else place / EXE_NAME
    installed = installed_folder() / EXE_NAME
    return installed if installed.is_file() else on_path() or installed


def use(folder: Path) -> Installation:
    """Have a user's own build count before what is installed; return it.

    Raises
    ------
    InputError
        If the folder does not hold what HYSPLIT needs. Nothing is changed then.
    EnvironmentFailure
        If ``STILT_HOME`` cannot be written.
    """
    place = folder.expanduser().absolute()
    if place.is_file():
        if place.name != EXE_NAME:
            raise InputError(
                f"{place} is called otherwise than {EXE_NAME}",
                "give the folder that holds it by that name, or set hysplit.exe_dir in config.yaml",
                code="HYSPLIT_INCOMPLETE",
            )
        place = place.parent
    found = _named(place, "stilt hysplit use")
    link = used_link()
    fresh = link.with_name(f".used-{os.getpid()}")
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(place)
        fresh.replace(link)
    except OSError as error:
        raise EnvironmentFailure(
            f"{link} can't be written: {error.strerror}",
            "set STILT_HOME to a folder that you may write to, or name the build with hysplit.exe_dir",
            code="HYSPLIT_UNWRITABLE",
        ) from error
    return found


def locate(exe_dir: str | None = None) -> Installation:
    """Find the program: as ``named_places`` has it, else what was installed, else on PATH.

    Whose it is, if it is somebody else's, is said.

    Raises
    ------
    InputError
        If the place that was named does not hold what HYSPLIT needs.
    EnvironmentFailure
        If nothing is installed, or what is installed is damaged.
    """
    found = _find(exe_dir)
    name_owner(found.exe, "HYSPLIT's program")
    return found


def _find(exe_dir: str | None) -> Installation:
    for place, named_by in named_places(exe_dir):
        return _named(place, named_by)
    found = on_path()
    if found is not None and not (installed_folder() / EXE_NAME).is_file():
        return _named(found, "PATH")
    return _installed()


def handed_over(files: Mapping[str, Path]) -> Installation:
    """Return the program and tables that a batch was handed over with; nothing else is looked at.

    Raises
    ------
    EnvironmentFailure
        If one of them is not on this machine.
    """
    exe = files.get(EXE_NAME, Path(EXE_NAME))
    for path in files.values():
        if not path.is_file():
            raise EnvironmentFailure(
                f"the batch was handed over with {path}, which is not on this node",
                "install HYSPLIT where all nodes see it (STILT_HOME, hysplit.exe_dir), then `stilt run` again",
                code="HYSPLIT_NOT_ON_NODE",
            )
    digest = file_sha256(exe)
    tables = tuple(path for name, path in files.items() if name != EXE_NAME)
    return Installation(exe, tables, "the batch", digest, _version(exe, digest))


def _installed() -> Installation:
    folder = installed_folder()
    exe = folder / EXE_NAME
    if not exe.is_file():
        raise EnvironmentFailure(
            f"HYSPLIT is not installed: there is no {exe}", INSTALL_HINT, code="HYSPLIT_ABSENT"
        )
    digest = file_sha256(exe)
    missing = [name for name in TABLES if not (folder / name).is_file()]
    if digest != SHA256 or missing or not os.access(exe, os.X_OK):
        raise EnvironmentFailure(
            f"the HYSPLIT in {folder} is damaged",
            "run 'stilt hysplit install' again",
            code="HYSPLIT_DAMAGED",
        )
    tables = tuple(folder / name for name in TABLES)
    return Installation(exe, tables, "stilt hysplit install", digest, VERSION)


def _named(path: Path, named_by: str) -> Installation:
    """Check a build of the user's: a folder with the program, or the program itself."""
    exe = path if path.is_file() else path / EXE_NAME
    if not exe.is_file():
        raise InputError(
            f"{named_by}: there is no {EXE_NAME} in {path}",
            "name its folder",
            code="HYSPLIT_INCOMPLETE",
        )
    if not os.access(exe, os.X_OK):
        raise InputError(
            f"{named_by}: {exe} is not executable", f"chmod +x {exe}", code="HYSPLIT_NOT_STARTED"
        )
    folders = (exe.parent, exe.parent.parent / "bdyfiles")  # the second as NOAA packs it
    found = {
        name: next((folder / name for folder in folders if (folder / name).is_file()), None)
        for name in TABLES
    }
    missing = [name for name in REQUIRED_TABLES if found[name] is None]
    if missing:
        raise InputError(
            f"{named_by}: {exe.parent} has no {', '.join(missing)}",
            f"put HYSPLIT's data tables beside {EXE_NAME}",
            code="HYSPLIT_INCOMPLETE",
        )
    digest = file_sha256(exe)
    tables = tuple(table.resolve() for table in found.values() if table is not None)
    return Installation(exe.resolve(), tables, named_by, digest, _version(exe, digest))


def _version(exe: Path, digest: str) -> str:
    """Read the version out of the program's own text; two builds of one version stay apart."""
    if digest == SHA256:
        return VERSION
    words = re.search(rb"hysplit\.(v\d+\.\d+\.\d+)", exe.read_bytes())
    return f"{words[1].decode() if words else 'unknown'}+{digest[:8]}"


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
