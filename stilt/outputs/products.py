"""The products of a simulation: what they are called, and the names of their files."""

from __future__ import annotations

from stilt.foundations.paths import plain_and_imprint

PARTICLES, ERROR_PARTICLES, FOOTPRINTS = "particles", "error_particles", "footprints"
ERROR_SUFFIX = ".error.parquet"

_SUFFIXES = {PARTICLES: ".parquet", ERROR_PARTICLES: ERROR_SUFFIX}


def footprint_product(name: str) -> str:
    """Return the product that the footprints of a name are."""
    return f"{FOOTPRINTS}/{name}"


def file_of(product: str, sim: str) -> str:
    """Return the plain name of an output's own file."""
    return f"{sim}{_SUFFIXES.get(product, '.nc')}"


def product_and_date(relative: str) -> tuple[str, str]:
    """Return to which product, and which dated folder, an output's own file belongs."""
    folder, _, file = relative.rpartition("/")
    product, _, date = folder.rpartition("/")
    if product == PARTICLES and plain_and_imprint(file)[0].endswith(ERROR_SUFFIX):
        product = ERROR_PARTICLES
    return product, date


def folder_of(product: str, date: str) -> str:
    """Return the dated folder, relative to the output root, of the own files of a product's outputs."""
    return f"{PARTICLES if product == ERROR_PARTICLES else product}/{date}"
