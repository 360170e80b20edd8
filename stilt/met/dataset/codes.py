"""ecCodes, the library that reads GRIB: an extra (``pip install 'stilt-hpc[grib]'``), whose wheels bring it whole."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from stilt.met.dataset.levels import INSTALL, DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def library() -> Iterator[Any]:
    """Give ecCodes for a while.

    Its wheel and that of pyproj each bring a PROJ, and what is loaded after ecCodes finds its one: pyproj would have it
    open a database that it does not read. Loaded first, pyproj stays with its own: Python has all names of a library
    looked up when it loads it.

    Raises
    ------
    DatasetError
        If it is not installed, or does not read what it is given.
    """
    import pyproj  # noqa: F401 - see above

    try:
        import eccodes
    except (ImportError, RuntimeError) as error:
        raise DatasetError(f"is GRIB, for which ecCodes is needed: {INSTALL}[grib]'") from error
    eccodes.codes_grib_multi_support_on()  # NOAA puts both parts of the wind into one message
    try:
        yield eccodes
    except eccodes.CodesInternalError as error:
        raise DatasetError(f"does not read as GRIB: {error}") from error
