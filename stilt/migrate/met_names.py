"""How the met files of a folder are named, found from their names."""

from __future__ import annotations

import os
import re
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

_MOST_FILES = 20_000
_TIME = re.compile(
    r"(?<!\d)(?P<Y>(?:19|20)\d\d)(?P<a>[-_.]?)(?P<m>0[1-9]|1[0-2])(?:(?P<b>[-_.]?)(?P<d>0[1-9]|[12]\d|3[01])"
    r"(?:(?P<c>[-_.T]?)(?P<H>[01]\d|2[0-3]))?)?(?!\d)"
)
_FEWEST = 2


def naming(directory: Path) -> tuple[str, str] | None:
    """Return ``file_format`` and ``file_tres`` of a folder's files; None if their names do not tell.

    The step is the shortest from one file to the next, so that files which are missing do not count. Names by the
    month give 1d: a file that is found twice is used once.
    """
    names = _names(directory)
    forms: Counter[str] = Counter()
    times: dict[str, set[datetime]] = {}
    for name in names:
        found = _read(name)
        if found is not None:
            form, time = found
            forms[form] += 1
            times.setdefault(form, set()).add(time)
    if not forms:
        return None
    form, count = forms.most_common(1)[0]
    if count < _FEWEST or count < len(names) / 2:
        return None
    if "%d" not in form:
        return form, "1d"
    steps = [int((b - a).total_seconds()) // 3600 for a, b in pairwise(sorted(times[form]))]
    shortest = min(steps, default=0)
    if shortest <= 0:
        return None
    return form, f"{shortest // 24}d" if shortest % 24 == 0 else f"{shortest}h"


def _names(directory: Path) -> list[str]:
    """Return names of files in a folder and below it; none of a folder that cannot be read."""
    names: list[str] = []
    for _, folders, files in os.walk(directory):
        folders.sort()
        names += [name for name in files if not name.startswith(".") and _is_data(name)]
        if len(names) > _MOST_FILES:
            break
    return names


def _is_data(name: str) -> bool:
    return not name.lower().endswith((".gz", ".idx", ".txt", ".md", ".nc", ".lock", ".part"))


def _read(name: str) -> tuple[str, datetime] | None:
    """Return a name with its time as codes, and the time; what follows a time with hours may differ (``00-05``)."""
    match = _TIME.search(name)
    if match is None:
        return None
    hour, day = match["H"], match["d"]
    codes = f"%Y{match['a']}%m"
    if day:
        codes += f"{match['b']}%d"
    if hour:
        codes += f"{match['c']}%H"
    tail = name[match.end() :]
    tail = re.sub(r"^-\d\d(?=_)", "-..", tail)  # 20190701_00-05_hrrr: the last hour of the file
    form = re.escape(name[: match.start()]).replace("%", "%%") + codes + _escaped(tail)
    try:
        time = datetime(int(match["Y"]), int(match["m"]), int(day or 1), int(hour or 0), tzinfo=UTC)
    except ValueError:
        return None
    return form.replace("\\-", "-").replace("\\_", "_"), time


def _escaped(tail: str) -> str:
    return ("-.." + re.escape(tail[3:])) if tail.startswith("-..") else re.escape(tail)


def found_from(directory: str, folder: Path) -> str:
    """Return a folder so that it is the same one from elsewhere: below ``folder`` if it is there and not absolute."""
    path = Path(directory).expanduser()
    below = folder / path
    return str(below.resolve()) if not path.is_absolute() and below.is_dir() else directory
