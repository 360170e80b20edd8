"""The matrix that ``jacobian:`` in the settings asks for, and its rows."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from msgspec.structs import replace

from stilt.config.digests import digest_of, rows_digest
from stilt.foundations.errors import InputError
from stilt.matrix.bins import bins_of, is_anchored
from stilt.matrix.flux import HOUR, fields_of
from stilt.matrix.frame import frame_of
from stilt.matrix.rows import RowMaker
from stilt.matrix.stored import StoredRow
from stilt.matrix.targets import elements_of, open_variable, read_target

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from stilt.config.schema import Config, JacobianSection
    from stilt.footprint.calc import Footprint
    from stilt.foundations.paths import Layout
    from stilt.foundations.simulation import Simulation
    from stilt.matrix.flux import Fields
    from stilt.matrix.targets import Target

_MOST_COLUMNS = 1 << 32


class Asked:
    """The matrix that settings ask for; files are read when they are needed, once.

    Parameters
    ----------
    config, section
        The settings, and what of them asks for it.

    Attributes
    ----------
    name
        The footprint product.
    """

    def __init__(self, config: Config, section: JacobianSection) -> None:
        self.section = section
        self._config = config
        self.name = section.footprint or next(iter(config.footprints))
        self._frame = frame_of(config, self.name)
        self._hours: NDArray[np.int64] = self._frame["hour"].to_numpy()

    @cached_property
    def digest(self) -> str:
        """The digest of what determines a row besides its footprint, with the files as they are at the first look."""
        return rows_digest(self._config, self.section)

    @cached_property
    def target(self) -> Target:
        """The elements, as ``stilt.jacobian`` takes them."""
        return read_target(self.section.target)

    @cached_property
    def weight(self) -> xr.DataArray | None:
        """The flux that is folded in, whose values are read where they are used."""
        text = self.section.weight
        return None if text is None else open_variable(text, "the flux", xr.open_dataset)

    @cached_property
    def _share(self) -> csr_array | None:
        return elements_of(self._frame, self.target)[0]

    @cached_property
    def _fields(self) -> Fields | None:
        weight = self.weight
        return None if weight is None else fields_of(weight, self._frame, self.section.species)

    def read(self) -> None:
        """Open the files that it is made of.

        Raises
        ------
        InputError
            If one can't be read.
        EnvironmentFailure
            If a package is not installed that the target needs.
        """
        _ = self.target, self.weight

    def check(self, times: NDArray[np.datetime64]) -> None:
        """Refuse what gives no rows of receptors with these times.

        Raises
        ------
        InputError
            If target or bins mean nothing, a file can't be read, or the flux lacks hours.
        EnvironmentFailure
            If a package is not installed that the target needs.
        """
        bins = bins_of(self.section.bins, times, self._hours)
        if bins.edges_ns is not None and not is_anchored(self.section.bins):
            raise InputError(
                f"bins {self.section.bins!r} begin with the first receptor, whoever it is: rows that workers make "
                "need bins that are the same for all",
                "take one of a calendar's, such as 1D, 1W, MS, or leave them to `stilt jacobian --bins`",
                code="BINS_WRONG",
            )
        make = self._maker(times[:1], np.empty((0, 0), np.float32))
        if make.width >= _MOST_COLUMNS:
            raise InputError(
                f"a row of {make.width:,} columns is not stored",
                "take longer bins or larger elements",
                code="BINS_WRONG",
            )
        if self._fields is not None:
            for when in (
                times.min() + self._hours.min() * HOUR,
                times.max() + self._hours.max() * HOUR,
            ):
                self._fields.mean(when)

    def row(self, footprint: Footprint, simulation: Simulation, imprint: str) -> StoredRow:
        """Return the row of a simulation's footprint, in whose file's name is an imprint.

        Raises
        ------
        InputError
            If the flux lacks hours or values, or the footprint reaches beyond its hours.
        """
        times = np.array([simulation.receptor.when.replace(tzinfo=None)], "datetime64[ns]")
        make = self._maker(times, self._by_hour(footprint, times[0]))
        row = make(0, 1)
        edges = make.parts.edges_ns
        first_ns = 0 if edges is None else int(edges[0])
        return StoredRow(simulation.sim, imprint, first_ns, row.indices.astype(np.uint32), row.data)

    def _maker(self, times: NDArray[np.datetime64], values: NDArray[np.float32]) -> RowMaker:
        from scipy.sparse import csr_array

        bins = bins_of(self.section.bins, times, self._hours)
        cells = int(np.prod(self._frame.shape[2:]))

        def read(_first: int, _last: int) -> csr_array:
            return csr_array(values.astype(np.float64))

        return RowMaker(read, times, bins, self._share, cells, self._fields)

    def _by_hour(self, footprint: Footprint, when: np.datetime64) -> NDArray[np.float32]:
        """Return the values of a footprint as (hour, cell), all hours of the run."""
        layers = footprint.values.reshape(len(footprint.values), -1)
        values = np.zeros((len(self._hours), int(np.prod(self._frame.shape[2:]))), np.float32)
        if footprint.is_integrated:
            values[:] = layers
            return values
        hours = np.rint((footprint.times - when) / HOUR).astype(np.int64) - self._hours[0]
        inside = (hours >= 0) & (hours < len(self._hours))
        if layers[~inside].any():
            raise InputError(
                f"a footprint reaches beyond the {len(self._hours)} hours of the run",
                "take bins and targets in `stilt jacobian`",
                code="RESULT_STALE",
            )
        values[hours[inside]] = layers[inside]
        return values


def with_copied_files(config: Config, layout: Layout) -> tuple[Config, dict[Path, Path]]:
    """Return settings whose matrix is made of the copies that workers are to read, and these by their files."""
    if config.jacobian is None:
        return config, {}
    copies, named = {}, {}
    for key, (path, part) in config.jacobian.files.items():
        copy = layout.input(digest_of(path), Path(path).name)
        copies[Path(path)] = copy
        named[key] = f"{copy}:{part}" if part else str(copy)
    return replace(config, jacobian=replace(config.jacobian, **named)), copies
