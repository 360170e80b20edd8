"""Tables of receptors in files: CSV and R's own ``.rds``."""

from __future__ import annotations

import bz2
import csv
import lzma
import zlib
from typing import TYPE_CHECKING, Any

from stilt.foundations.errors import InputError
from stilt.foundations.inside import read_input
from stilt.migrate.r_values import Frame, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MOST_BYTES = 256 << 20
"""Of a table when it is inflated: a million receptors are 40 MB."""

_COMPRESSED: dict[bytes, Callable[[], Any]] = {
    b"\x1f\x8b": lambda: zlib.decompressobj(wbits=31),
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ": lambda: lzma.LZMADecompressor(memlimit=256 << 20),
}

RDATA_HINT = (
    "pip install 'stilt-hpc[rds]', or in R: write.csv(readRDS('receptors.rds'), 'receptors.csv')"
)


def read_csv(path: Path) -> Frame:
    """Read a table of texts."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    if not rows:
        raise UnreadableError(f"{path} is empty")
    columns = list(zip(*rows[1:], strict=False)) or [() for _ in rows[0]]
    return Frame(
        {name.strip(): list(column) for name, column in zip(rows[0], columns, strict=False)}
    )


def read_rds(path: Path) -> Frame:
    """Read a data frame that R saved.

    Raises
    ------
    InputError
        If the package that reads such files is not installed.
    UnreadableError
        If the file holds something else.
    """
    try:
        import rdata
    except ImportError:
        raise InputError(
            f"{path}: reading .rds files needs the package rdata", RDATA_HINT
        ) from None
    try:
        data = rdata.conversion.convert(
            rdata.parser.parse_data(
                inflated(path), extension=".rds", altrep_constructor_dict=_bounded_sequences()
            )
        )
    except UnreadableError:
        raise
    except Exception as error:  # a parser of a binary format: anything may come
        raise UnreadableError(f"{path} is not a readable .rds file: {error}") from error
    if isinstance(data, dict) and "receptor" in data:  # what R-STILT saves with its particles
        data = data["receptor"]
    columns = data.to_dict("list") if hasattr(data, "to_dict") else data
    if not columns or not isinstance(columns, dict):
        raise UnreadableError(f"{path} holds no table")
    return Frame({str(name): _plain(values) for name, values in columns.items()})


def inflated(path: Path) -> bytes:
    """Return the bytes of a file that may be compressed, as R saves it.

    Raises
    ------
    UnreadableError
        If they are more than a table of receptors has, or compressed twice.
    """
    data = read_input(path, MOST_BYTES)
    kind = next((kind for magic, kind in _COMPRESSED.items() if data.startswith(magic)), None)
    if kind is None:
        return data
    content: bytes = kind().decompress(data, MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise UnreadableError(f"{path} is more than {MOST_BYTES:,} bytes when it is inflated")
    if content.startswith(tuple(_COMPRESSED)):
        raise UnreadableError(f"{path} is compressed twice")
    return content


def _bounded_sequences() -> dict[bytes, Callable[[Any], Any]]:
    """Return how sequences are read that R stores as their length: no more of them than a file may have bytes."""
    from rdata.parser import DEFAULT_ALTREP_MAP

    left = MOST_BYTES // 8

    def bounded(construct: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def constructed(state: Any) -> Any:
            nonlocal left
            left -= int(state.value[0])
            if left < 0:
                raise UnreadableError("a sequence in it is longer than a table of receptors")
            return construct(state)

        return constructed

    return {
        name: bounded(construct) if name.startswith(b"compact_") else construct
        for name, construct in DEFAULT_ALTREP_MAP.items()
    }


def _plain(values: Any) -> list[Any]:
    """Return a column as plain Python values; one that holds several heights a row keeps them as lists."""
    if hasattr(values, "tolist"):
        values = values.tolist()
    if not isinstance(values, list | tuple):
        values = [values]
    return [value.tolist() if hasattr(value, "tolist") else value for value in values]
