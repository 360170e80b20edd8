"""Which fields of a met file feed the columns, and reading them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, chain
from typing import TYPE_CHECKING

import numpy as np

from stilt.met.analysis import HEIGHT, HYBRID, PRESSURE, SIGMA, STAGGERED_MODEL
from stilt.transport.native.arl import AnalysisIndex
from stilt.transport.native.boundary_layer import (
    EXCHANGE,
    FRICTION_VELOCITY,
    HEAT_FLUX,
    NO_FLUX,
    STRESS,
    TEMPERATURE_SCALE,
)
from stilt.transport.native.columns import (
    HEIGHT_KIND,
    HYBRID_KIND,
    PRESSURE_KIND,
    SIGMA_KIND,
    ColumnSettings,
    RawFields,
)
from stilt.transport.native.remap import (
    HEIGHT_MOTION,
    NO_HUMIDITY,
    NO_MOTION,
    PRESSURE_MOTION,
    RELATIVE,
    SPECIFIC,
)
from stilt.transport.native.terrain import TerrainSource, terrain_of_pressure_levels
from stilt.transport.protocol import Reason, TransportError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from stilt.met.analysis import Analysis
    from stilt.transport.native.levels import VerticalGrid
    from stilt.transport.native.projection import MapGrid
    from stilt.transport.native.roughness import Roughness

    Record = tuple[str, int]
    """A variable's name, and its level."""


BY_ENERGY = 2
"""``kmixd`` of a mixed layer that is told by turbulent energy."""


@dataclass(frozen=True, slots=True)
class BoundaryOptions:
    """Settings of the surface layer and the mixed layer.

    Attributes
    ----------
    kbls
        1: fluxes of the file where it has them; 2: from the profiles.
    kmixd, kmix0
        HYSPLIT's method of the mixed-layer height and its smallest value, m.
    """

    kbls: int = 1
    kmixd: int = 3
    kmix0: float = 150.0


class FieldSource:
    """Knows the variables of one analysis and reads rectangles of them.

    Attributes
    ----------
    reader
        Of the analysis.
    grid
        Where its points lie.
    momentum_names, heat_name
        Which variables the fluxes come from; none where the analysis has no such flux.
    """

    def __init__(
        self,
        index: Analysis,
        grid: MapGrid,
        roughness: Roughness,
        terrain: TerrainSource,
        *,
        has_energy: bool = False,
    ) -> None:
        self.index = index
        self.grid = grid
        self._roughness = roughness
        self._terrain = terrain
        self.reader = index.reader()
        self._levels = range(1, len(index.levels))
        self._has_energy = has_energy
        self._motion = self._vertical_motion()
        self._require("UWND", "VWND", "TEMP")
        self._momentum, self.momentum_names = self._momentum_source()
        self._heat, self.heat_name = self._heat_source()
        volumes = self._volumes()
        self._flat = self._surface_names()
        self._wanted = tuple(chain(*volumes.values(), ((name, 0) for name in self._flat)))
        ends = list(accumulate(map(len, volumes.values()), initial=0))
        self._places = dict(zip(volumes, map(slice, ends, ends[1:]), strict=False))

    @property
    def has_fluxes(self) -> bool:
        """Whether there are fluxes of both momentum and heat: else both come from the profiles."""
        return NO_FLUX not in {self._momentum, self._heat}

    @property
    def has_motion(self) -> bool:
        """Whether there is vertical motion: else it is that of the wind's divergence."""
        return self._motion != NO_MOTION

    def settings(
        self, vertical: VerticalGrid, options: BoundaryOptions, zi_factor: float
    ) -> ColumnSettings:
        """Return what the columns of this analysis are computed with."""
        index = self.index
        hpa, share = index.hybrid
        kind = {PRESSURE: PRESSURE_KIND, HYBRID: HYBRID_KIND, HEIGHT: HEIGHT_KIND}.get(
            index.grid.level_type, SIGMA_KIND
        )
        return ColumnSettings(
            sigma_levels=vertical.sigma,
            file_levels=np.array([level.height for level in index.levels[1:]]),
            hybrid_hpa=hpa,
            hybrid_share=share,
            pressure_offset=index.grid.pressure_offset,
            kind=kind,
            humidity=np.array([float(self._humidity_kind(level)) for level in self._levels]),
            motion=self._motion,
            motion_between=int(
                index.grid.model == STAGGERED_MODEL and index.grid.level_type == SIGMA
            ),
            momentum=self._momentum,
            heat=self._heat,
            top_m=vertical.top_m,
            surface_layer=vertical.surface_layer,
            uses_profile_fluxes=int(options.kbls != 1 or not self.has_fluxes),
            kmixd=options.kmixd,
            kmix0=options.kmix0,
            zi_factor=zi_factor,
        )

    def read(self, rows: tuple[int, int], columns: tuple[int, int]) -> RawFields:
        """Read the fields of rows and columns ``[start, stop)``, all at once: a call costs as much as a small field."""
        planes = self.reader.stack(self._wanted, rows, columns)
        volume = {name: planes[place] for name, place in self._places.items()}
        motion, lost = volume["vertical"], volume.pop("lost")
        if lost.size:
            motion += lost
        flat = dict(zip(self._flat, planes[len(planes) - len(self._flat) :], strict=True))
        surface = self._surface(rows, columns, flat, volume["altitude"], volume["temperature"])
        none = np.zeros((0, 0, 0), np.float32)
        return RawFields(**volume, surface=np.stack(surface), motion=none)

    def _volumes(self) -> dict[str, list[Record | None]]:
        """Return the records of each field on levels, the lowest first; none where it is not in use.

        Of the vertical motion what its packing lost (DIFW) counts where that comes after it in the file: hycs_std reads
        records in their order and adds DIFW to what is there, and a later WWND replaces both.
        """

        def of(*names: str) -> list[Record | None]:
            return [self._named(names, level) for level in self._levels]

        level_type = self.index.grid.level_type
        # Of pressure and hybrid files hycs_std takes the pressures from the levels, whatever PRES says.
        has_pressure = level_type in {SIGMA, HEIGHT} and self.reader.has("PRES", 1)
        motion = "WWND" if self._motion == PRESSURE_MOTION else "DZDT"
        lost: list[Record | None] = [
            ("DIFW", level) if self.reader.is_before(motion, "DIFW", level) else None
            for level in self._levels
        ]
        return {
            "east": of("UWND"),
            "north": of("VWND"),
            "vertical": of(motion),
            "humidity": of("SPHU", "RELH"),
            "temperature": of("TEMP"),
            "pressure": of("PRES") if has_pressure else [],
            "altitude": of("HGTS") if level_type == PRESSURE else [],
            "energy": of("TKEN") if self._has_energy and self.reader.has("TKEN", 1) else [],
            "lost": lost if any(lost) else [],
        }

    def _surface_names(self) -> tuple[str, ...]:
        """Return the surface variables that are in use and there."""
        first_of, last_of = self.reader.first_of, self.reader.last_of
        names = [
            "PRSS",
            first_of("SHGT", "TERR"),
            last_of("T02M", "TMPS"),
            "U10M",
            "V10M",
            *self.momentum_names,
            self.heat_name,
            first_of("PBLH", "HPBL", "MXHT"),
            first_of("LHTF", "WFLX"),
            "DSWF",
            "TCLD",
            "LCLD",
        ]
        there = (name for name in names if name is not None and self.reader.has(name))
        return tuple(dict.fromkeys(there))

    def _require(self, *names: str) -> None:
        level_type = self.index.grid.level_type
        more = {PRESSURE: ("HGTS",), HEIGHT: ("PRES",)}.get(level_type, ())
        for name in (*names, *more):
            if not self.reader.has(name, 1):
                self._refuse(f"no {name} at the lowest level", by_all=name != "HGTS")
        if not self.reader.has_any("SHGT", "TERR", "PRSS"):
            what = "neither a surface pressure (PRSS) nor a terrain height (SHGT)"
            self._refuse(what, by_all=True)
        if not self.reader.has_any("SHGT", "TERR") and level_type != PRESSURE:
            self._terrain.require()
        if level_type == HEIGHT and self._motion == HEIGHT_MOTION:
            self._refuse("DZDT on height levels, which hycs_std takes for hPa/s")

    def _refuse(self, what: str, *, by_all: bool = False) -> None:
        remedy = "" if by_all and self.index.remedy.startswith("use ") else f"; {self.index.remedy}"
        raise TransportError(Reason.MET_COVERAGE, f"{self.index.path}: {what}{remedy}")

    def _vertical_motion(self) -> int:
        """Tell which kind the file holds; of both the one that comes last, as hycs_std has one place for them.

        Of ARL files without any it is that of the wind's divergence, as there. Of other kinds of files, which hycs_std
        does not read, somebody has left it out; of WRF the wind is not where the divergence is.
        """
        for level in (1, 2):
            name = self.reader.last_of("WWND", "DZDT", level=level)
            if name is not None:
                return PRESSURE_MOTION if name == "WWND" else HEIGHT_MOTION
        if not isinstance(self.index, AnalysisIndex) or self.index.grid.model[1:] == "WRF":
            self._refuse("no vertical motion (WWND or DZDT)")
        return NO_MOTION

    def _momentum_source(self) -> tuple[int, tuple[str, ...]]:
        """Choose the flux of momentum.

        Without VMOF the northward stress is none; EXCO after UMOF is taken in its place (found by trial).
        """
        if self.reader.has("USTR"):
            return FRICTION_VELOCITY, ("USTR",)
        if self.reader.has("UMOF"):
            return STRESS, (self.reader.last_of("UMOF", "EXCO") or "UMOF", "VMOF")
        if self.reader.has("EXCO"):
            return EXCHANGE, ("EXCO",)
        return NO_FLUX, ()

    def _heat_source(self) -> tuple[int, str | None]:
        if self.reader.has("TSTR"):
            return TEMPERATURE_SCALE, "TSTR"
        name = self.reader.last_of("HFLX", "SHTF")
        return (NO_FLUX if name is None else HEAT_FLUX), name

    def _humidity_kind(self, level: int) -> int:
        if self.reader.has("SPHU", level):
            return SPECIFIC
        return RELATIVE if self.reader.has("RELH", level) else NO_HUMIDITY

    def _named(self, names: tuple[str, ...], level: int) -> tuple[str, int] | None:
        """Return the first of these names that a level has; a level without any counts as zero."""
        return next(((name, level) for name in names if self.reader.has(name, level)), None)

    def _surface(
        self,
        rows: tuple[int, int],
        columns: tuple[int, int],
        there: Mapping[str, NDArray[np.float32]],
        altitude: NDArray[np.float32],
        temperature: NDArray[np.float32],
    ) -> list[NDArray[np.float32]]:
        reader = self.reader
        absent = np.full((rows[1] - rows[0], columns[1] - columns[0]), np.nan, dtype=np.float32)

        def flat(name: str | None, otherwise: float = np.nan) -> NDArray[np.float32]:
            if name is None or name not in there:
                return absent if np.isnan(otherwise) else np.full_like(absent, otherwise)
            return there[name]

        y, x = np.meshgrid(np.arange(*rows) + 1.0, np.arange(*columns) + 1.0, indexing="ij")
        longitude, latitude = self.grid.to_longlat(x, y)
        roughness = self._roughness.at(longitude, latitude).astype(np.float32)
        pressure, terrain = flat("PRSS"), flat(reader.first_of("SHGT", "TERR"))
        if np.isnan(terrain).any():
            if altitude.size:
                levels = np.array([level.height for level in self.index.levels[1:]])
                terrain = terrain_of_pressure_levels(pressure, levels, altitude, temperature[0])
            else:
                terrain = self._terrain.at(longitude, latitude).astype(np.float32)
        dx, dy = self.grid.cell_metres(rows, columns)
        momentum = [flat(name, 0.0) for name in self.momentum_names] + [absent, absent]
        return [
            pressure,
            terrain,
            flat(reader.last_of("T02M", "TMPS")),
            flat("U10M"),
            flat("V10M"),
            *momentum[:2],
            flat(self.heat_name),
            flat(reader.first_of("PBLH", "HPBL", "MXHT")),
            roughness,
            dx.astype(np.float32),
            dy.astype(np.float32),
            # The column shtf is hycs_std's one place for heat: TSTR where the file has that.
            flat(self.heat_name, 0.0),
            flat(reader.first_of("LHTF", "WFLX"), 0.0),
            flat("DSWF", 0.0),
            np.zeros_like(absent),
            np.zeros_like(absent),
            flat("TCLD") * np.float32(0.01) if "TCLD" in there else np.full_like(absent, -1.0),
            flat("LCLD", -99.0),
        ]
