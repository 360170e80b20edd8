"""CONTROL: where, when and with which meteorology.

Byte for byte what R-STILT writes, but for the start locations of levels and multipoints (``sources``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.transport.hysplit.sources import start_locations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stilt.config.schema import Config
    from stilt.foundations.simulation import Receptor

OWN_GRIDS_MAX = 12
"""Up to here each met file is announced as a grid of its own, as R-STILT does, so that nested grids work. More
grids than this are refused by NOAA's builds; more files become one grid with many times."""

_GRID = """\
1
0.0 0.0
0.5 0.5
30.0 30.0
./
cdump
1
100
00 00 00 00 00
00 00 00 00 00
00 2 00
1
0.0 0.0 0.0
0.0 0.0 0.0 0.0 0.0
0.0 0.0 0.0
0.0
0.0
"""
"""The concentration grid and the deposition that HYSPLIT insists on and STILT does not use."""


def render_control(receptor: Receptor, config: Config, met_files: Sequence[tuple[str, str]]) -> str:
    """Return the text of CONTROL.

    Parameters
    ----------
    receptor
        Time and places of the release.
    config
        For the length of the run, the emission time, the vertical motion and the model top.
    met_files
        Folder (with its slash) and name of each file, as HYSPLIT is to open them.
    """
    when = receptor.when
    places = start_locations(receptor, config)
    lines = [
        f"{when:%y %m %d %H %M}",
        str(len(places)),
        *(" ".join(map(number, (lat, lon, height))) for lon, lat, height in places),
        str(config.n_hours),
        str(config.w_option),
        _with_decimal(config.z_top),
        _count(len(met_files)),
        *(line for folder, name in met_files for line in (f"{folder} ", name)),
        "1",
        "test",
        "1",
        number(config.emisshrs),
        "00 00 00 00 00",
    ]
    return "\n".join(lines) + "\n" + _GRID


def without_repetitions(text: str, points: int) -> str:
    """Return CONTROL with the locations of its first round only, for what is kept beside every result."""
    when, count, *lines = text.split("\n")
    locations, rest = lines[: int(count)], lines[int(count) :]
    if len(locations) <= points:
        return text
    more = f"({len(locations) - points} more, these {points} in turn)"
    return "\n".join([when, count, *locations[:points], more, *rest])


def number(value: float) -> str:
    """Write a number as R's paste() does: up to 15 significant digits, none that say nothing."""
    return f"{value:.15g}"


def _with_decimal(value: float) -> str:
    return f"{value:.1f}" if value == int(value) else number(value)


def _count(files: int) -> str:
    return str(files) if files <= OWN_GRIDS_MAX else f"1 {files}"
