"""A receptor and the simulation that belongs to it."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Literal

from msgspec import MsgspecError, Struct, json

if TYPE_CHECKING:
    from collections.abc import Mapping

HeightReference = Literal["agl", "asl"]
Point = tuple[float, float, float]

LINE_POINTS = 2
RELEASE_RULE = "release_rule"
"""What an output says of the rule by which particles were released, where it is not the first one."""

_encode = json.Encoder().encode


class Receptor(Struct, frozen=True, omit_defaults=True, gc=False):
    """Where and when air arrives.

    One release point for each element of ``longitudes``, ``latitudes`` and ``heights_m``, which have
    the same length: one for a point; two at one place for an even line between them; three or more at one
    place for levels; several places for a multipoint. Levels and places share the particles equally.

    Attributes
    ----------
    time
        UTC, whole minutes, as ``YYYYMMDDHHMM``.
    longitudes, latitudes
        Degrees east and north.
    heights_m
        Metres above ground (``agl``) or above sea level (``asl``).
    """

    time: str
    longitudes: tuple[float, ...]
    latitudes: tuple[float, ...]
    heights_m: tuple[float, ...]
    reference: HeightReference = "agl"

    @property
    def when(self) -> datetime:
        """The time as an aware datetime in UTC."""
        return datetime.fromisoformat(f"{self.time[:8]}T{self.time[8:]}").replace(tzinfo=UTC)

    @property
    def digest(self) -> str:
        """What tells this receptor from every other one: 16 hexadecimal digits.

        BLAKE2b-64 of the JSON array of time, longitudes, latitudes, heights and reference
        (``spec/log-format.md``). An id is only a name: its receptor can be edited.
        """
        return self.digest_by(self.release_rule)

    @property
    def release_rule(self) -> int:
        """The version of the rule by which its particles are released: 2 for levels and descending lines, else 1."""
        return 2 if self.is_levels or self._descends else 1

    def digest_by(self, release_rule: int) -> str:
        """Return the digest that the receptor has under a version of the rule of release.

        A version above 1 is one more element of the array: results of levels by rule 1, which filled the stretch
        between the last two heights alone, are of another receptor, and so are those of lines that are given from
        above, of which engines and weights did not know alike at which end the first particle is.
        """
        facts = (self.time, self.longitudes, self.latitudes, self.heights_m, self.reference)
        rule = (release_rule,) if release_rule > 1 else ()
        return blake2b(_encode((*facts, *rule)), digest_size=8).hexdigest()

    @property
    def is_line(self) -> bool:
        """Whether two heights at one place make this a line that particles fill evenly."""
        return len(self.heights_m) == LINE_POINTS and not self.is_multipoint

    @property
    def is_levels(self) -> bool:
        """Whether three or more heights at one place are levels, each with its share of the particles.

        Of these alone the rule of release is another than R-STILT's and hycs_std's, which fill the stretch
        between the last two heights.
        """
        return len(self.heights_m) > LINE_POINTS and not self.is_multipoint

    @property
    def _descends(self) -> bool:
        return self.is_line and self.heights_m[0] > self.heights_m[-1]

    @property
    def is_multipoint(self) -> bool:
        """Whether there is more than one place."""
        return len(set(self.longitudes)) > 1 or len(set(self.latitudes)) > 1

    @property
    def release_points(self) -> tuple[Point, ...]:
        """Longitude, latitude and height of each point that gets a share of the particles; of a line its two ends.

        Particle ``i``, counted from 0, belongs to point ``i % len(release_points)``; those of a line lie along it
        from below. They are in ascending order, however the receptor has them: the order of rows means nothing.
        """
        return tuple(sorted(zip(self.longitudes, self.latitudes, self.heights_m, strict=True)))

    @property
    def line_m(self) -> tuple[float, float]:
        """The lower and the upper end of a line."""
        return min(self.heights_m), max(self.heights_m)


class Simulation(Struct, frozen=True, gc=False):
    """One receptor with one meteorology.

    Attributes
    ----------
    sim
        The simulation id, unique in a project: ``{met}_{YYYYMMDDHHMM}_{lon}_{lat}_{zagl}``.
    met
        The name of the meteorology, a key of ``mets`` in config.yaml.
    """

    sim: str
    met: str
    receptor: Receptor

    @property
    def date(self) -> str:
        """The dated folder that its outputs go to, ``YYYY-MM-DD``."""
        time = self.receptor.time
        return f"{time[:4]}-{time[4:6]}-{time[6:8]}"


def receptor_of(said: Mapping[str, str]) -> Receptor | None:
    """Return the receptor that an output says it is of; None if it says none."""
    try:
        return json.decode(said["receptor"], type=Receptor)
    except (KeyError, MsgspecError):
        return None


def receptor_digest(said: Mapping[str, str]) -> str:
    """Return the digest of the receptor that an output says it is of; empty if it says none."""
    receptor = receptor_of(said)
    return "" if receptor is None else receptor.digest_by(int(said.get(RELEASE_RULE) or 1))
