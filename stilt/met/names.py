"""What names of met files look like."""

from __future__ import annotations

import re
from functools import lru_cache

from stilt.foundations.durable import TEMPORARY_PREFIX

FETCHED = ".fetched.json"
"""In a folder whose files come from a distance: what they were there."""

_CODES = {"Y": r"\d{4}", "j": r"\d{3}", "b": r"[^\W\d_]+", "B": r"[^\W\d_]+", "%": "%"}


@lru_cache(maxsize=64)
def name_pattern(file_format: str) -> re.Pattern[str]:
    """Return what a ``file_format`` matches at any time: digits in place of its strftime codes."""
    parts = re.split(r"%-?(.)", file_format)
    codes = [_CODES.get(code, r"\d{1,6}") for code in parts[1::2]] + [""]
    try:
        return re.compile("".join(map("".join, zip(parts[::2], codes, strict=True))))
    except re.error:  # a name in which signs of regular expressions stand for themselves
        literal = map(re.escape, parts[::2])
        return re.compile("".join(map("".join, zip(literal, codes, strict=True))))


def is_met_name(name: str) -> bool:
    """Tell whether a file can be one of meteorology: ``.lock`` files are none, as in R-STILT, nor what stilt keeps."""
    return not (name.endswith(".lock") or name.startswith(TEMPORARY_PREFIX) or name == FETCHED)
