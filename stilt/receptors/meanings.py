"""Columns of ``receptors.csv`` that say how others are to be read: as labels they would be believed to count."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from stilt.receptors.table import Table

_HEIGHT = r"(alt|altitude|height|hgt|z|elev|elevation|level|vertical|v)"
_REFERENCE_NAME = re.compile(rf"{_HEIGHT}_?(ref|reference|datum)|datum|agl_or_asl|agl_asl")
_UNIT_NAME = re.compile(rf"({_HEIGHT}_)?units?")
_ZONE_NAME = re.compile(r"time_?zone|tz|tz_?(name|info|offset)|(utc|gmt|time)_?offset|offset_?utc")

_AGL = frozenset(["agl", "ground", "m agl", "above ground", "magl"])
_ASL = frozenset(["asl", "msl", "amsl", "sea level", "above sea level", "m asl", "masl"])
_WORDS = frozenset(["agl", "asl", "msl", "amsl"])
"""Values that tell by themselves what a column is about."""

_OTHER_UNITS = frozenset(
    ["ft", "feet", "foot", "kft", "fl", "km", "cm", "yd", "mi", "hpa", "mb", "mbar", "pa", "kpa"]
)
_UTC = re.compile(r"utc|gmt|z|zulu|etc/utc|(utc|gmt)?[-+]?0+(\.0*|:?00)?")
_ZONE = re.compile(r"(america|europe|asia|africa|australia|atlantic|pacific|indian|us)/[a-z_/]+")
_HAS_ZONE = r"(Z|UTC|GMT|[0-9][-+][0-9]{2}(:?[0-9]{2})?)$"


def misread(table: Table) -> Iterator[str]:
    """Yield what is wrong with columns that would be labels and change what heights or times mean.

    They are told by their names and values; those that say what is done anyway are labels as others.
    """
    says_references = "reference" in table.columns
    for name, texts in table.labels.items():
        plain = name.strip().lower().replace(" ", "_").replace("-", "_")
        if not says_references and (others := _of_references(plain, texts, table)):
            yield _words(name, others, "what heights are above", "altitude_ref: agl or asl")
        elif _UNIT_NAME.fullmatch(plain) and (others := _values(texts) & _OTHER_UNITS):
            yield _words(name, others, "a unit", "altitude, in metres")
        elif (others := _of_zones(plain, texts)) and not _has_zones(table):
            ours = "time, in UTC or with its offset (2015-12-10 07:00-07:00)"
            yield _words(name, others, "a time zone", ours)


def _of_references(plain: str, texts: pa.Array, table: Table) -> set[str]:
    """Return which of the values say something else of heights than the name of their column."""
    own = _ASL if "asl" in table.columns else _AGL
    if plain == "datum":
        own |= {"wgs84"}
    if _REFERENCE_NAME.fullmatch(plain):
        return _values(texts) - own
    is_one = _first(texts) in _WORDS and _values(texts) <= _WORDS
    return _values(texts) - own if is_one else set()


def _of_zones(plain: str, texts: pa.Array) -> set[str]:
    """Return which of the values are zones other than UTC."""
    if not _ZONE_NAME.fullmatch(plain) and not _ZONE.fullmatch(_first(texts)):
        return set()
    return {each for each in _values(texts) if not _UTC.fullmatch(each)}


def _words(name: str, values: set[str], what: str, ours: str) -> str:
    return (
        f"header: column {name!r} says {what} ({min(values)}) and would not count: that belongs into {ours}; "
        f"or leave {name!r} out"
    )


def _first(texts: pa.Array) -> str:
    return str(texts[0].as_py()).lower() if len(texts) else ""


def _values(texts: pa.Array) -> set[str]:
    return {text.lower() for text in texts.unique().to_pylist() if text}


def _has_zones(table: Table) -> bool:
    """Tell whether every time names its own offset."""
    import pyarrow.compute as pc

    found: bool = pc.all(pc.match_substring_regex(table.columns["time"], _HAS_ZONE)).as_py()
    return found
