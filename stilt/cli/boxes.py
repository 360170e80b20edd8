"""Boxes of degrees: west east south north in every command, as in config.yaml; or with letters, which tell.

``-115 -108 38 43``, ``-115,-108,38,43`` and ``115W 108W 38N 43N`` are the same box. Other tools have west south east
north; numbers that are a box only that way are never read the other way.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

Wrapped = TypeVar("Wrapped", bound="Callable[..., Any]")

EXAMPLE = "-115 -108 38 43, or 115W 108W 38N 43N"
CORNERS = 4
POLE = 90.0
METAVAR = "W E S N"
_APART = re.compile(r"[,/\s]+")
_LETTERED = re.compile(r"(-?[0-9]+(?:\.[0-9]*)?)°?([WESN])", re.IGNORECASE)


class Box(NamedTuple):
    """Degrees."""

    west: float
    east: float
    south: float
    north: float

    @property
    def has_latitudes(self) -> bool:
        """Whether south and north are latitudes, south below north."""
        return -POLE <= self.south < self.north <= POLE

    @property
    def is_one(self) -> bool:
        """Whether it is a box that goes east, and not over the date line."""
        return self.west < self.east and self.has_latitudes

    @property
    def words(self) -> str:
        """The box with letters, as the command line takes it."""
        lon = [f"{abs(value):g}{'EW'[value < 0]}" for value in (self.west, self.east)]
        lat = [f"{abs(value):g}{'NS'[value < 0]}" for value in (self.south, self.north)]
        return " ".join(lon + lat)


def box_option(
    *names: str, text: str, was_south_second: bool = False
) -> Callable[[Wrapped], Wrapped]:
    """Return an option of four corners, for a ``BoxCommand``: west, east, south, north.

    Parameters
    ----------
    names
        As ``click.option`` takes them.
    text
        For ``--help``.
    was_south_second
        Whether it took west south east north before: numbers that are a box both ways are refused then.
    """

    def read(_: Any, __: Any, value: str | None) -> tuple[float, ...] | None:
        try:
            return None if value is None else _read(value, was_south_second=was_south_second)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    return click.option(*names, metavar=METAVAR, callback=read, help=text)


def _read(value: str, *, was_south_second: bool) -> tuple[float, ...]:
    parts = [part for part in _APART.split(value) if part]
    if len(parts) != CORNERS:
        raise ValueError(f"{value!r} is no box of four: west east south north, {EXAMPLE}.")
    lettered = [found for part in parts if (found := _LETTERED.fullmatch(part))]
    if len(lettered) == CORNERS:
        return _lettered([(float(found[1]), found[2].upper()) for found in lettered])
    try:
        first, second, third, fourth = map(float, parts)
    except ValueError:
        raise ValueError(f"{value!r} is no box: {EXAMPLE}.") from None
    said = f"{first:g} {second:g} {third:g} {fourth:g}"
    box, other = Box(first, second, third, fourth), Box(first, third, second, fourth)
    if was_south_second:
        return _of_either_order(said, box, other)
    if other.is_one and not box.is_one:
        raise ValueError(
            f"{said} is a box as west south east north alone: write {other.words}, "
            "or the numbers as west east south north."
        )
    if other.is_one:
        click.echo(f"the box {said} is {box.words}: west east south north", err=True)
    return tuple(box)


def _lettered(corners: list[tuple[float, str]]) -> tuple[float, ...]:
    lon = [-value if letter == "W" else value for value, letter in corners if letter in "WE"]
    lat = [-value if letter == "S" else value for value, letter in corners if letter in "SN"]
    if len(lon) != len(lat):
        raise ValueError(f"a box has two longitudes and two latitudes: {EXAMPLE}.")
    return tuple(Box(*lon, *sorted(lat)))


def _of_either_order(said: str, box: Box, other: Box) -> tuple[float, ...]:
    if box.has_latitudes and other.has_latitudes:
        raise ValueError(
            f"{said} was west south east north before, and is west east south north in every command now: "
            f"say which, {other.words} or {box.words}."
        )
    if box.has_latitudes:
        return tuple(box)
    if not other.has_latitudes:
        raise ValueError(f"{said} is no box: west east south north, {EXAMPLE}.")
    click.echo(
        f"the box {said} is {other.words}; write west east south north from now on", err=True
    )
    return tuple(other)


class BoxCommand(click.Command):
    """A command whose boxes may be four words, or one with commas."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse words of which four may be one box."""
        return super().parse_args(ctx, self.joined(args))

    def joined(self, args: list[str]) -> list[str]:
        """Return the words with the four of a box as one."""
        names = {name for each in self.params if each.metavar == METAVAR for name in each.opts}
        joined: list[str] = []
        while args:
            word, *args = args
            joined.append(word)
            if word in names and args and not _APART.search(args[0]):
                corners, args = args[:CORNERS], args[CORNERS:]
                joined.append(",".join(corners))
        return joined
