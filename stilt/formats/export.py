"""Which formats there are, and writing one of them: whole, or not at all."""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from stilt.footprint.grid import PLAIN_DEGREES
from stilt.foundations.errors import EnvironmentFailure, InputError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    import pandas as pd
    import xarray as xr

    Tell = Callable[[int, int], None]
    Particles = Callable[[str], pd.DataFrame]


class Write(Protocol):
    """What writes a format into a new folder."""

    def __call__(self, source: Source, folder: Path, **options: Any) -> None:
        """Write all footprints."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is written.

    Attributes
    ----------
    footprints
        As from ``Project.footprints``: (receptor, hour, lat, lon) or (receptor, hour, y, x).
    particles
        What returns the particles of a simulation, where there are some.
    tell
        Called with how many receptors are done, and of how many.
    """

    footprints: xr.DataArray
    particles: Particles | None = None
    tell: Tell | None = None

    def done(self, count: int) -> None:
        """Say that so many receptors are written."""
        if self.tell is not None:
            self.tell(count, self.footprints.sizes["receptor"])


@dataclass(frozen=True, slots=True)
class Format:
    """A format: what it is, where its writer is, and the options that it takes."""

    meaning: str
    module: str
    options: tuple[str, ...] = ()


FORMATS = {
    "geotiff": Format("a GeoTIFF for each receptor, a band for each hour", "geotiff"),
    "zarr": Format("one Zarr v3 store of all receptors", "zarr_store"),
    "by-id": Format("R-STILT's layout: by-id/ID/ID_foot.nc", "by_id"),
    "paris": Format(
        "OpenGHG's (source_format='paris'): a NetCDF file for each site and month",
        "paris",
        ("site", "time_resolved"),
    ),
}


def export(
    footprints: xr.DataArray,
    kind: str,
    output: str | os.PathLike[str],
    *,
    particles: Particles | None = None,
    tell: Tell | None = None,
    **options: Any,
) -> Path:
    """Write footprints in another tool's format; return the folder that has them.

    Parameters
    ----------
    footprints
        From ``Project.footprints`` or ``Results.footprints``; read one receptor after the other.
    kind
        ``geotiff`` (needs rasterio), ``zarr`` (needs zarr), ``by-id`` (R-STILT's layout), or ``paris`` (OpenGHG's).
    output
        A folder that is not there yet, or is empty.
    particles
        What returns the particles of a simulation: ``paris`` has where they leave the grid.
    tell
        Called with how many receptors are done, and of how many.
    **options
        Of ``paris``: ``site``, the name of the receptors' site or the label that has it; ``time_resolved``, for CO2.

    Raises
    ------
    InputError
        If there is no such format, the folder has something in it, or the footprints have no such form.
    EnvironmentFailure
        If a library is not installed.
    """
    if kind not in FORMATS:
        raise InputError(
            f"{kind!r} is no format", f"one of {', '.join(FORMATS)}", code="EXPORT_UNKNOWN"
        )
    strange = sorted(set(options) - set(FORMATS[kind].options))
    if strange:
        raise InputError(
            f"{kind} has no option {strange[0]}", "leave it out", code="EXPORT_UNKNOWN"
        )
    folder = Path(output)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is there already", "name a new folder", code="FILE_EXISTS")
    write: Write = import_module(f"stilt.formats.{FORMATS[kind].module}").write
    source = Source(footprints, particles, tell)
    _into_place(folder, partial(write, source, **options))
    return folder


def _into_place(folder: Path, write: Callable[[Path], None]) -> None:
    """Have a folder written under a name beside its own, which it gets when it is whole."""
    folder.absolute().parent.mkdir(parents=True, exist_ok=True)
    scratch = folder.absolute().parent / f".{folder.name}-{secrets.token_hex(4)}"
    scratch.mkdir()
    try:
        write(scratch)
        scratch.replace(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def needed(module: str, extra: str, what: str) -> Any:
    """Return a library that may not be installed.

    Raises
    ------
    EnvironmentFailure
        If it is not: ``what`` needs it, and it comes with an ``extra``.
    """
    try:
        return import_module(module)
    except ImportError:
        raise EnvironmentFailure(
            f"{what} needs {module}, which is not installed",
            f"pip install 'stilt-hpc[{extra}]'",
            code="PACKAGE_MISSING",
        ) from None


def crs_of(footprints: xr.DataArray) -> str:
    """Return the projection of footprints as PROJ knows it."""
    return str(footprints.attrs.get("crs") or PLAIN_DEGREES)


def is_longlat(footprints: xr.DataArray) -> bool:
    """Whether footprints lie on longitude and latitude."""
    return "lat" in footprints.dims
