"""Receptors from Python, by the rules of ``receptors.csv``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.foundations.errors import InputError
from stilt.foundations.simulation import Receptor as Checked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HINT = "stilt.Receptor('2015-12-10 07:00', [-111.85], [40.77], [10.0])"


class _Checking(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Checked)


class Receptor(metaclass=_Checking):
    """Where and when air arrives: what is made is what a row of receptors.csv, or those of one ``r_idx``, make.

    Parameters
    ----------
    time
        Text as in receptors.csv, or a datetime; UTC unless it has an offset. Seconds are cut.
    longitudes, latitudes
        Degrees east (-180 to 180, or 0 to 360) and north: one, or one for each release point.
    heights_m
        Metres above ground (``agl``) or above sea level (``asl``), as many.
    reference
        ``agl`` or ``asl``, or a word that receptors.csv takes for one of them.

    Raises
    ------
    InputError
        With all that is wrong.
    """

    def __new__(  # type: ignore[misc]
        cls,
        time: object,
        longitudes: float | Iterable[float],
        latitudes: float | Iterable[float],
        heights_m: float | Iterable[float],
        reference: str = "agl",
    ) -> Checked:
        """Return a receptor of the type that all of stilt has, once it is looked over."""
        from stilt.receptors.rows import REFERENCES, checked_numbers

        wrong: list[str] = []
        is_asl = REFERENCES.get(str(reference).strip().lower())
        if is_asl is None:
            wrong.append(f"height reference {reference!r} is neither agl nor asl")
        minute = _minute(time, wrong)
        lon = checked_numbers("longitude", longitudes, wrong)
        lat = checked_numbers("latitude", latitudes, wrong)
        heights = checked_numbers("asl" if is_asl else "agl", heights_m, wrong)
        wrong += _wrong_points(lon, lat, heights)
        if wrong:
            raise InputError(f"receptor: {'; '.join(wrong)}", HINT, code="RECEPTORS_WRONG")
        return Checked(minute, lon, lat, heights, "asl" if is_asl else "agl")


def _minute(time: object, wrong: list[str]) -> str:
    import numpy as np

    from stilt.receptors.times import parse_time, write_times

    try:
        return str(write_times(np.array([parse_time(str(time)) // 60]))[0])
    except ValueError as error:
        wrong.append(f"time {str(time)!r} {error}")
        return ""


def _wrong_points(*columns: tuple[float, ...]) -> Iterator[str]:
    counts = [len(column) for column in columns]
    if len(set(counts)) > 1 or not counts[0]:
        yield "there are {} longitudes, {} latitudes and {} heights: as many of each are needed".format(
            *counts
        )
    elif len(set(zip(*columns, strict=True))) < counts[0]:
        yield "the same point is there twice"
