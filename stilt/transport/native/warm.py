"""Compile the kernels before anybody waits for them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from stilt.transport.native.arl import Known, unpack
from stilt.transport.native.columns import (
    RAW_SURFACE,
    ColumnSettings,
    RawFields,
    column_space,
    fill_columns,
)
from stilt.transport.native.interpolation import BLOCK, Frame, Moment, flat
from stilt.transport.native.march import MAIN_COLUMNS, Clock, Particles, Rows, march, working_space
from stilt.transport.native.perturbation import ERROR_ROWS
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
    unpack(content, 1, records, known, 0, 0, np.zeros((0, 1, 1), np.float32))
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
    moment = Moment(columns, columns, stored.ready, stored.ready)
    particles = Particles(
        np.zeros((0, 6)),
        np.zeros((0, 2), np.uint64),
        np.zeros(0, np.int64),
        np.zeros(0, np.uint8),
        np.zeros(0),
        np.zeros((0, ERROR_ROWS, _LEVELS)),
    )
    rows = Rows(np.zeros((len(MAIN_COLUMNS), 0, 0)), np.zeros((0, 0, 0)))
    wanted = np.zeros_like(stored.ready)
    options = RunSettings(-1, 0, ()).options
    march(
        frame,
        moment,
        Clock(0, 0, 0.0, 1.0, -1.0, 1),
        options,
        particles,
        wanted,
        rows,
        working_space(_LEVELS),
    )


def _warm_columns(columns: Columns, heights: NDArray[np.float64]) -> None:
    volume = np.zeros((1, 0, 0), np.float32)
    surface = np.zeros((RAW_SURFACE, 0, 0), np.float32)
    raw = RawFields(volume, volume, volume, volume, volume, volume[:0], volume[:0], surface)
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
    fill_columns(raw, settings, 0, 0, columns, column_space(1, _LEVELS))
