"""Which fields of a met file feed the columns, and reading them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stilt.transport.native.arl import HYBRID, PRESSURE, AnalysisReader
from stilt.transport.native.boundary_layer import (
    EXCHANGE,
    FRICTION_VELOCITY,
    HEAT_FLUX,
    NO_FLUX,
    STRESS,
    TEMPERATURE_SCALE,
)
from stilt.transport.native.columns import (
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
from stilt.transport.protocol import Reason, TransportError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stilt.transport.native.arl import AnalysisIndex
    from stilt.transport.native.levels import VerticalGrid
    from stilt.transport.native.projection import MapGrid
    from stilt.transport.native.roughness import Roughness

_DOWNWARD_HEAT_MODELS = ("ETA", "EDAS", "EC")


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
    """Knows the variables of one analysis and reads rectangles of them."""

    def __init__(self, index: AnalysisIndex, grid: MapGrid, roughness: Roughness) -> None:
        self.index = index
        self._grid = grid
        self._roughness = roughness
        self._reader = AnalysisReader(index)
        self._levels = range(1, len(index.levels))
        self._heat_sign = (
            -1.0 if index.grid.model.strip().startswith(_DOWNWARD_HEAT_MODELS) else 1.0
        )
        self._require("UWND", "VWND", "TEMP")
        self._motion = self._vertical_motion()
        self._momentum, self._momentum_names = self._momentum_source()
        self._heat, self._heat_name = self._heat_source()

    def settings(
        self, vertical: VerticalGrid, options: BoundaryOptions, zi_factor: float
    ) -> ColumnSettings:
        """Return what the columns of this analysis are computed with."""
        index = self.index
        kind = {PRESSURE: PRESSURE_KIND, HYBRID: HYBRID_KIND}.get(index.grid.level_type, SIGMA_KIND)
        return ColumnSettings(
            sigma_levels=vertical.sigma,
            file_levels=np.array([level.height for level in index.levels[1:]]),
            pressure_offset=index.grid.pressure_offset,
            kind=kind,
            humidity=np.array([float(self._humidity_kind(level)) for level in self._levels]),
            motion=self._motion,
            momentum=self._momentum,
            heat=self._heat,
            top_m=vertical.top_m,
            surface_layer=vertical.surface_layer,
            uses_profile_fluxes=int(options.kbls != 1 or NO_FLUX in (self._momentum, self._heat)),
            kmixd=options.kmixd,
            kmix0=options.kmix0,
            zi_factor=zi_factor,
        )

    def read(self, rows: tuple[int, int], columns: tuple[int, int]) -> RawFields:
        """Read the fields of rows and columns ``[start, stop)``."""
        shape = (rows[1] - rows[0], columns[1] - columns[0])
        motion = "WWND" if self._motion == PRESSURE_MOTION else "DZDT"
        none = np.empty((0, *shape), dtype=np.float32)
        is_pressure = self.index.grid.level_type == PRESSURE
        has_pressure = not is_pressure and self._reader.has("PRES", 1)

        def volume(*names: str) -> NDArray[np.float32]:
            return self._reader.stack(
                [self._named(names, level) for level in self._levels], rows, columns
            )

        return RawFields(
            east=volume("UWND"),
            north=volume("VWND"),
            vertical=volume(motion),
            humidity=volume("SPHU", "RELH"),
            temperature=volume("TEMP"),
            pressure=volume("PRES") if has_pressure else none,
            altitude=volume("HGTS") if is_pressure else none,
            surface=np.stack(self._surface(rows, columns)),
        )

    def _require(self, *names: str) -> None:
        if self.index.grid.level_type == PRESSURE:
            names = (*names, "HGTS")
        for name in names:
            if not self._reader.has(name, 1):
                self._refuse(f"no {name} at the lowest level")
        if self._reader.first_of("SHGT", "TERR") is None:
            self._refuse("no terrain height (SHGT)")

    def _refuse(self, what: str) -> None:
        raise TransportError(
            Reason.MET_COVERAGE, f"{self.index.path}: {what}; use model: hysplit for it"
        )

    def _vertical_motion(self) -> int:
        for name, kind in (("WWND", PRESSURE_MOTION), ("DZDT", HEIGHT_MOTION)):
            if self._reader.has(name, 1) or self._reader.has(name, 2):
                return kind
        self._refuse("no vertical motion (WWND or DZDT)")
        return NO_MOTION

    def _momentum_source(self) -> tuple[int, tuple[str, ...]]:
        if self._reader.has("USTR"):
            return FRICTION_VELOCITY, ("USTR",)
        if self._reader.has("UMOF") and self._reader.has("VMOF"):
            return STRESS, ("UMOF", "VMOF")
        if self._reader.has("EXCO"):
            return EXCHANGE, ("EXCO",)
        return NO_FLUX, ()

    def _heat_source(self) -> tuple[int, str | None]:
        if self._reader.has("TSTR"):
            return TEMPERATURE_SCALE, "TSTR"
        name = self._reader.first_of("HFLX", "SHTF")
        return (NO_FLUX if name is None else HEAT_FLUX), name

    def _humidity_kind(self, level: int) -> int:
        if self._reader.has("SPHU", level):
            return SPECIFIC
        return RELATIVE if self._reader.has("RELH", level) else NO_HUMIDITY

    def _named(self, names: tuple[str, ...], level: int) -> tuple[str, int] | None:
        """Return the first of these names that a level has; a level without any counts as zero."""
        return next(((name, level) for name in names if self._reader.has(name, level)), None)

    def _surface(
        self, rows: tuple[int, int], columns: tuple[int, int]
    ) -> list[NDArray[np.float32]]:
        reader = self._reader
        absent = np.full((rows[1] - rows[0], columns[1] - columns[0]), np.nan, dtype=np.float32)

        def flat(name: str | None, otherwise: float = np.nan) -> NDArray[np.float32]:
            if name is None or not reader.has(name):
                return absent if np.isnan(otherwise) else np.full_like(absent, otherwise)
            return reader.field(name, 0, rows, columns)

        y, x = np.meshgrid(np.arange(*rows) + 1.0, np.arange(*columns) + 1.0, indexing="ij")
        roughness = self._roughness.at(*self._grid.to_longlat(x, y)).astype(np.float32)
        dx, dy = self._grid.cell_metres(rows, columns)
        momentum = [flat(name) for name in self._momentum_names] + [absent, absent]
        is_flux = self._heat == HEAT_FLUX
        heat = flat(self._heat_name) * np.float32(self._heat_sign if is_flux else 1.0)
        latent = flat(reader.first_of("LHTF", "WFLX"), 0.0) * np.float32(self._heat_sign)
        return [
            flat("PRSS"),
            flat(reader.first_of("SHGT", "TERR")),
            flat(reader.last_of("T02M", "TMPS")),
            flat("U10M"),
            flat("V10M"),
            *momentum[:2],
            heat,
            flat(reader.first_of("PBLH", "HPBL", "MXHT")),
            roughness,
            dx.astype(np.float32),
            dy.astype(np.float32),
            heat if is_flux else flat(reader.first_of("HFLX", "SHTF"), 0.0),
            latent,
            flat("DSWF", 0.0),
            np.zeros_like(absent),
            np.zeros_like(absent),
            flat("TCLD", -1.0),
            flat("LCLD", -99.0),
        ]
