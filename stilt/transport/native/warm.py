"""Compile the kernels before anybody waits for them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from stilt.transport.native.arl import Corner, Known, unpack
from stilt.transport.native.columns import (
    RAW_SURFACE,
    ColumnSettings,
    Destination,
    RawFields,
    column_space,
    fill_columns,
)
from stilt.transport.native.divergence import Winds, fill_winds
from stilt.transport.native.interpolation import BLOCK, Air, Frame, flat
from stilt.transport.native.march import (
    MAIN_COLUMNS,
    Clock,
    Plan,
    Rows,
    Work,
    march,
    waiting_particles,
    working_space,
)
from stilt.transport.native.projection import ConeMap, longlat_of_cone
from stilt.transport.native.run import RunSettings
from stilt.transport.native.store import ColumnStore

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stilt.transport.native.columns import Columns

_LEVELS = 5


@lru_cache(maxsize=1)
def warm() -> None:
    """Compile every kernel, or load it from the cache.

    Each is called with nothing to do: what counts are the types, which are those of a run.
    """
    content = np.frombuffer(b"", np.uint8)
    records = np.zeros(0, np.int64)
    known = Known(records, np.zeros((0, 3)), records, np.zeros((0, 1)))
    unpack(content, records, known, Corner(1, 0, 0), np.zeros((0, 1, 1), np.float32))
    nothing = np.zeros(0)
    longlat_of_cone(nothing, nothing, ConeMap(1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0), nothing, nothing)
    stored = ColumnStore().open("", BLOCK, BLOCK, _LEVELS)
    heights = np.arange(1.0, _LEVELS + 1.0)
    _warm_columns(stored.columns, heights)
    sigma, rounded = 1.0 - heights / 100.0, np.zeros(_LEVELS, np.int64)
    frame = Frame(
        BLOCK, BLOCK, 0, 0, 0, 1.0, 0.0, 0.0, 100.0, sigma, heights, heights[1:] - 0.5, rounded
    )
    columns = flat(stored.columns)
    air = Air(frame, columns, columns, stored.ready, stored.ready, np.zeros_like(stored.ready))
    plan = Plan(Clock(0, 0, 0.0, 1.0, -1.0, 1), RunSettings(-1, 0, ()).options)
    particles = waiting_particles(np.zeros((0, 2), np.uint64), records, nothing, _LEVELS)
    rows = Rows(np.zeros((len(MAIN_COLUMNS), 0, 0)), np.zeros((0, 0, 0)))
    march(air, plan, Work(particles, rows, working_space(_LEVELS)))


def _warm_columns(columns: Columns, heights: NDArray[np.float64]) -> None:
    volume = np.zeros((1, 0, 0), np.float32)
    surface = np.zeros((RAW_SURFACE, 0, 0), np.float32)
    raw = RawFields(
        volume, volume, volume, volume, volume, volume[:0], volume[:0], volume[:0], surface, volume
    )
    settings = ColumnSettings(
        sigma_levels=heights,
        file_levels=heights,
        hybrid_hpa=heights,
        hybrid_share=heights,
        pressure_offset=0.0,
        kind=0,
        humidity=heights,
        motion=1,
        motion_between=0,
        momentum=1,
        heat=1,
        top_m=100.0,
        surface_layer=2,
        uses_profile_fluxes=0,
        kmixd=3,
        kmix0=150.0,
        zi_factor=1.0,
    )
    space = column_space(1, _LEVELS)
    fill_columns(raw, settings, Destination(columns, 0, 0), space)
    nothing = np.zeros((_LEVELS, 0, 0))
    fill_winds(raw, settings, Winds(nothing, nothing), space)
