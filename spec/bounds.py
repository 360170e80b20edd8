"""What values may be, for the second reader: from log-format.md (section 3) and chunk-format.md alone."""

import re
from unicodedata import category

NUMBER = (int, float)
LIMITS = {"at": (0, 10**11), "wall_s": (0, 10**9), "likely_wall_s": (0, 10**9), "peak_rss_bytes": (0, 10**16),
          "size": (0, 10**18), "count": (0, 10**8), "seq": (0, 10**8), "task": (0, 10**7), "tasks": (0, 10**7),
          "first_task": (0, 10**7), "attempt": (0, 10**6), "restarts": (0, 10**6), "total": (0, 10**9),
          "project_total": (0, 10**9), "max_fails": (0, 10**9), "cpus": (1, 10**6)}  # fmt: skip
OTHER_NUMBERS = (-(10**19), 10**19)
NAMES = ("sim", "batch", "chunk", "digest", "config", "input")
NAMES_OR_EMPTY = ("met", "receptor")
IMPRINTS = ("imprint", "particles")
WORDS = ("job", "cluster", "clusters", "token", "user")
LONG = ("message", "why")
LONGEST_NAME, LONGEST, LONGEST_LONG, LONGEST_LABEL = 255, 4096, 2**20, 2**24
KEYS_ARE_NAMES = ("transport", "transports", "footprints", "inputs", "programs", "facts")
ELEMENTS = {"chunks": 10**7, "facts": 64}
OTHER_ELEMENTS = 100_000
NOT_PRINTABLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs")
FARTHEST = (360, 90, 10**6)
IMPRINT = re.compile(r"[0-9]{4,}-[0-9]{2,}-[0-9a-f]{8}")
TIME = re.compile(r"[0-9]{4}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])([01][0-9]|2[0-3])[0-5][0-9]")


def all_fit(values):
    """Return whether all values of an event, a header or a manifest are within their bounds."""
    return all(fits(key, value) for key, value in values.items())


def fits(key, value):
    """Return whether the value of a key is within its bounds."""
    if isinstance(value, str):
        return text_fits(key, value)
    if isinstance(value, (int, float)):
        least, most = LIMITS.get(key, OTHER_NUMBERS)
        return least <= value <= most
    if value is None:
        return True
    if len(value) > ELEMENTS.get(key, OTHER_ELEMENTS):
        return False
    if isinstance(value, dict):
        if key in KEYS_ARE_NAMES and not all(map(is_name, value)):
            return False
        value = value.values()
    return all(fits(key.removesuffix("s"), part) for part in value)


def text_fits(key, text):
    """Return whether a text is within the bounds of a key."""
    if key in NAMES:
        return is_name(text)
    if key in NAMES_OR_EMPTY:
        return not text or is_name(text)
    if key in IMPRINTS:
        return text in ("", "plain") or IMPRINT.fullmatch(text) is not None
    if key in WORDS and (text.startswith("-") or not is_printable(text)):
        return False
    return len(text) <= (LONGEST_LONG if key in LONG else LONGEST)


def is_name(text):
    """Return whether a text can be part of the name of a file."""
    return (
        0 < len(text) <= LONGEST_NAME
        and is_printable(text)
        and "/" not in text
        and text not in (".", "..")
    )


def is_printable(text):
    """Return whether all characters of a text are printable."""
    return all(char == " " or category(char) not in NOT_PRINTABLE for char in text)


def are_numbers(values, most):
    """Return whether these are numbers, none of them farther from zero."""
    return isinstance(values, list) and all(
        isinstance(value, NUMBER) and not isinstance(value, bool) and abs(value) <= most
        for value in values
    )
