"""The kernels of a project's receptors: every one is good, or all bad ones are named with their lines.

``weights_of`` is the one place where weights are refused: ``stilt check`` and the hand-over both call it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from stilt.config.sections import KERNEL
from stilt.config.variants import every_setting
from stilt.foundations.durable import digest_file
from stilt.foundations.errors import InputError
from stilt.foundations.quantities import counted
from stilt.weighting.functions import check_functions
from stilt.weighting.kernel import PRESSURE_COLUMN, Kernel
from stilt.weighting.table import (
    AVERAGING,
    HEIGHT,
    LISTED,
    PRESSURE,
    PRIOR,
    RECEPTOR,
    WEIGHT,
    read_rows,
    wrong_table,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from stilt.config.schema import Config, FootprintGrid
    from stilt.receptors.sequence import Receptors
    from stilt.weighting.kernel import Coordinate
    from stilt.weighting.table import KernelRows

    Values = NDArray[np.float64]
    Places = NDArray[np.int64]

MOST_HPA = 1100.0

LINE = 2
"""Heights that are a line, on which each particle is a level of its own."""

LEAST_GROUND_HPA, LEAST_TOP_M = 300.0, 100.0
"""A kernel's lowest level has more, and its highest is above."""

USUAL_AVERAGING, USUAL_SUM = 3.0, 1.05
"""Above these averaging kernels, and the sum of a column's pressure weights, are suspected to be percent."""


@dataclass(frozen=True, slots=True)
class Kernels:
    """The kernels of one footprint product.

    Attributes
    ----------
    on
        The coordinate of the levels.
    first
        Where each kernel begins in ``levels``, ``averaging`` and ``weights`` (None: not given), and the end.
    of_receptor
        For each receptor the number of its kernel; -1: it has none.
    digest
        Of the table's bytes.
    notes
        What a person should know of it.
    prior
        The retrieval's prior profile, ppm, at the levels; None: not given.
    by_label
        Whether the table names receptors by one of their labels.
    unlike
        For each receptor whether its levels have unlike numbers of particles, and pressure weights.
    """

    on: Coordinate
    first: Places
    levels: Values
    averaging: Values | None
    weights: Values | None
    of_receptor: Places
    digest: str
    notes: tuple[str, ...] = ()
    prior: Values | None = None
    by_label: bool = False
    unlike: NDArray[np.bool_] | None = None

    def columns(self) -> tuple[Values, Values]:
        """Return for each receptor the sums over its levels of weight times kernel, and of the prior's part.

        The retrieval's column is ``sum(w * prior) + sum(w * a * (x - prior))`` of a profile x: the first sum is what a
        change of all levels counts, the second what the prior adds, in ppm. NaN where there is no kernel.

        Raises
        ------
        InputError
            If the table has no pressure weights or no prior.
        """
        import numpy as np

        if self.weights is None or self.prior is None:
            missing = WEIGHT if self.weights is None else PRIOR
            raise InputError(
                f"the prior's part needs a column {missing} in the table of kernels",
                "leave out prior=True, or add the column",
                code="KERNELS_COLUMN",
            )
        averaging = np.ones(len(self.weights)) if self.averaging is None else self.averaging
        seen = self.weights * averaging
        of_prior = (self.weights - seen) * self.prior
        sums = [np.add.reduceat(each, self.first[:-1]) for each in (seen, of_prior)]
        sensitivity, prior = (
            np.where(self.of_receptor >= 0, each[self.of_receptor], np.nan) for each in sums
        )
        return sensitivity, prior

    def suspected(self, receptors: Receptors) -> Iterator[tuple[str, str]]:
        """Say which kernels may be in another unit, and what to do."""
        import numpy as np

        yield from self._suspected_levels(receptors)
        has_levels = np.diff(self.first) > 0
        for values, combined, usual, what in (
            (self.averaging, np.maximum, USUAL_AVERAGING, "averaging kernels"),
            (self.weights, np.add, USUAL_SUM, "pressure weights that sum"),
        ):
            if values is None or not len(values):
                continue
            of_kernel = np.zeros(len(has_levels))
            of_kernel[has_levels] = combined.reduceat(values, self.first[:-1][has_levels])
            found = of_kernel[self.of_receptor]
            large = np.flatnonzero((self.of_receptor >= 0) & (found > usual))
            if len(large):
                one = int(large[0])
                yield (
                    (
                        f"{counted(len(large), 'receptor')} with {what} above {usual:g}, the first "
                        f"{receptors.names[one]} ({found[one]:g})"
                    ),
                    "give shares of one, not percent",
                )

    def _suspected_levels(self, receptors: Receptors) -> Iterator[tuple[str, str]]:
        """Say whose levels are where no column is: pressures in kPa or shares of the ground's, heights in km."""
        import numpy as np

        has = np.flatnonzero((self.of_receptor >= 0) & (np.diff(self.first)[self.of_receptor] > 1))
        numbers = self.of_receptor[has]
        if self.on == "pressure_hpa":
            outer, what, least = self.levels[self.first[numbers]], "lowest", LEAST_GROUND_HPA
        else:
            outer, what, least = self.levels[self.first[numbers + 1] - 1], "highest", LEAST_TOP_M
        odd = np.flatnonzero(outer < least)
        if len(odd):
            unit = "hPa" if self.on == "pressure_hpa" else "m"
            which = f"{counted(len(odd), 'receptor')} whose {what} level of a kernel is below {least:g} {unit}"
            one = f"{receptors.names[int(has[odd[0]])]} ({outer[odd[0]]:g})"
            yield f"{which}, the first {one}", f"give {self.on} in {unit}"

    @property
    def has_unlike(self) -> bool:
        """Whether ``is_unlike`` of any."""
        return self.unlike is not None and bool(self.unlike.any())

    def is_unlike(self, receptor: int) -> bool:
        """Tell whether a receptor, by its place, has unlike numbers of particles on its levels, and weights."""
        return self.unlike is not None and bool(self.unlike[receptor])

    def of(self, receptor: int) -> Kernel | None:
        """Return the kernel of a receptor, by its place; None if it has none."""
        number = int(self.of_receptor[receptor])
        if number < 0:
            return None
        part = slice(int(self.first[number]), int(self.first[number + 1]))
        averaging, weights = (
            () if values is None else tuple(values[part].tolist())
            for values in (self.averaging, self.weights)
        )
        return Kernel(self.on, tuple(self.levels[part].tolist()), averaging, weights)


def weights_of(
    config: Config, receptors: Receptors, *, is_part: bool = False
) -> dict[str, Kernels]:
    """Return ``kernels_of`` once the functions of other products are looked at, in one order for every command.

    Raises
    ------
    InputError
        As ``check_functions`` and ``kernels_of`` do.
    """
    check_functions(config)
    return kernels_of(config, receptors, is_part=is_part)


def kernels_of(
    config: Config, receptors: Receptors, *, is_part: bool = False
) -> dict[str, Kernels]:
    """Return the kernels of each footprint product that has some.

    Parameters
    ----------
    config, receptors
        The settings, which name the tables, and all receptors.
    is_part
        Whether the receptors may be a part of those that the tables are for (``--receptors FILE``).

    Raises
    ------
    InputError
        If a table cannot be read or needs a particle column that the settings leave out.
    ProblemsError
        With line and receptor of what is wrong in one.
    """
    return {
        name: _kernels_of(name, grid, config, receptors, is_part=is_part)
        for name, grid in config.footprints.items()
        if grid.weight == KERNEL
    }


def _kernels_of(
    name: str, grid: FootprintGrid, config: Config, receptors: Receptors, *, is_part: bool
) -> Kernels:
    path = Path(grid.kernels or "")
    rows = read_rows(path, receptors.labels)
    all_columns = (own.varsiwant for _, own in every_setting(config))
    lacking = next((each for each in all_columns if PRESSURE_COLUMN not in each), None)
    if HEIGHT not in rows.numbers and lacking is not None:
        raise InputError(
            f"footprints.{name}: {path} has kernels on pressures, and particles have no {PRESSURE_COLUMN}",
            f"add pres to varsiwant, [{', '.join((*lacking, PRESSURE_COLUMN))}] (transport runs anew), "
            "or give the kernels a column height_m",
            code="PARTICLE_COLUMN_LACKING",
        )
    ends_only = config.keep.particles == "none"
    matcher = _Matcher(rows, receptors, is_part, config.numpar, ends_only)
    return matcher.kernels(may_miss=grid.missing == "unweighted", digest=digest_file(path)[1])


@dataclass(slots=True)
class _Matcher:
    """Holds the rows of a table against receptors, and collects what is wrong."""

    rows: KernelRows
    receptors: Receptors
    is_part: bool
    numpar: int
    ends_only: bool
    problems: list[str] = field(default_factory=list)
    count: int = 0

    def kernels(self, *, may_miss: bool, digest: str) -> Kernels:
        import numpy as np

        numbers = self.rows.numbers
        self._check_numbers()
        on: Coordinate = "height_m" if HEIGHT in numbers else "pressure_hpa"
        codes = self.rows.codes.astype(np.int64)
        upward = numbers[on] if on == "height_m" else -numbers[on]
        order = np.lexsort((upward, codes))
        first = np.searchsorted(codes[order], np.arange(len(self.rows.names) + 1))
        self._check_levels(order, on)
        of_receptor = self._of_receptors()
        self._check_strangers(of_receptor, first, order)
        if not may_miss:
            self._check_missing(of_receptor)
        self._check_lengths(of_receptor, first, order)
        if self.problems:
            raise wrong_table(self.rows.source, self.problems, self.count)
        sorted_numbers = {name: values[order] for name, values in numbers.items()}
        return Kernels(
            on,
            first,
            sorted_numbers[on],
            sorted_numbers.get(AVERAGING),
            sorted_numbers.get(WEIGHT),
            of_receptor,
            digest,
            tuple(self._notes(of_receptor, first, sorted_numbers, on)),
            sorted_numbers.get(PRIOR),
            by_label=self.rows.key != RECEPTOR,
            unlike=self._unlike(of_receptor) if WEIGHT in numbers else None,
        )

    def _note(self, places: Sequence[int] | Places, says: str, *, plain: bool = False) -> None:
        """Collect a problem for each of some rows."""
        self.count += len(places)
        for row in places[: max(0, LISTED - len(self.problems))]:
            where = "" if plain else f"{self.rows.place(int(row))}: {self._name(int(row))}: "
            self.problems.append(f"{where}{says}")

    def _name(self, row: int) -> str:
        return str(self.rows.names[int(self.rows.codes[row])])

    def _check_numbers(self) -> None:
        import numpy as np

        for name, values in self.rows.numbers.items():
            bad = ~np.isfinite(values)
            self._note(np.flatnonzero(bad), f"{name} is not a number")
            if name == PRESSURE:
                odd = ~bad & ((values <= 0) | (values > MOST_HPA))
                self._note(
                    np.flatnonzero(odd), f"{name} is not above 0 and at most {MOST_HPA:g} hPa"
                )
            # averaging kernels may be: the upper levels of CO and NO2 are
            if name in {WEIGHT, PRIOR}:
                self._note(np.flatnonzero(~bad & (values < 0)), f"{name} is negative")

    def _check_levels(self, order: Places, on: Coordinate) -> None:
        """Find levels that are there twice, and pressures that increase with height."""
        import numpy as np

        numbers, codes = self.rows.numbers, self.rows.codes[order]
        is_same = codes[1:] == codes[:-1]
        twice = is_same & (np.diff(numbers[on][order]) == 0)
        self._note(order[1:][twice], f"{on} is there twice")
        if {HEIGHT, PRESSURE} <= numbers.keys():
            rises = is_same & ~twice & (np.diff(numbers[PRESSURE][order]) >= 0)
            self._note(order[1:][rises], f"{PRESSURE} does not decrease with {HEIGHT}")

    def _of_receptors(self) -> Places:
        """Return for each receptor the number of its kernel, or -1."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        own = self.receptors.names
        if self.rows.key != RECEPTOR:
            own = pc.cast(self.receptors.labels[self.rows.key], pa.string())
        found = pc.index_in(own, self.rows.names)
        return np.asarray(found.fill_null(-1), np.int64)

    def _check_strangers(self, of_receptor: Places, first: Places, order: Places) -> None:
        import numpy as np

        known = np.zeros(len(self.rows.names), bool)
        known[of_receptor[of_receptor >= 0]] = True
        strangers = np.flatnonzero(~known)
        if not self.is_part and len(strangers):
            rows = np.array([order[first[n] : first[n + 1]].min() for n in strangers[:LISTED]])
            self._note(rows, f"no receptor has this {self.rows.key}")
            self.count += len(strangers) - len(rows)

    def _check_missing(self, of_receptor: Places) -> None:
        import numpy as np

        missing = np.flatnonzero(of_receptor < 0)
        names = self.receptors.names
        for place in missing[: max(0, LISTED - len(self.problems))]:
            self.problems.append(
                f"receptor {names[int(place)]} has no row (missing: unweighted leaves it as it is)"
            )
        self.count += len(missing)

    def _check_lengths(self, of_receptor: Places, first: Places, order: Places) -> None:
        """Find kernels of one level for receptors of several heights."""
        import numpy as np

        several = np.diff(self.receptors.first) > 1
        single = (of_receptor >= 0) & (np.diff(first)[of_receptor] == 1)
        wrong = np.flatnonzero(several & single)
        heights = np.diff(self.receptors.first)
        for place in wrong[: max(0, LISTED - len(self.problems))]:
            row = int(order[first[of_receptor[place]]])
            self.problems.append(
                f"{self.rows.place(row)}: {self._name(row)}: one level for a receptor of "
                f"{heights[place]} heights"
            )
        self.count += len(wrong)

    def _unlike(self, of_receptor: Places) -> NDArray[np.bool_]:
        """Tell which receptors have levels with a particle more than others."""
        import numpy as np

        levels = np.diff(self.receptors.first)
        return (of_receptor >= 0) & (levels > LINE) & (self.numpar % levels > 0)

    def _notes(
        self, of_receptor: Places, first: Places, numbers: dict[str, Values], on: Coordinate
    ) -> Iterator[str]:
        """Say what of the receptors lies outside of the kernels' levels, and what has none."""
        import numpy as np

        unweighted = int((of_receptor < 0).sum())
        if unweighted:
            yield f"{counted(unweighted, 'receptor')} without a kernel, whose particles all weigh the same"
        if on == "pressure_hpa" and self.ends_only:
            yield (
                "kernels on pressures weigh end points by particles, which keep: {particles: none} does not keep: "
                "endpoints(weight=...) needs them, or kernels with height_m"
            )
        has = of_receptor >= 0
        if on != "height_m" or AVERAGING not in numbers:
            return
        starts = self.receptors.first[:-1]
        low, high = (
            pick.reduceat(self.receptors.heights_m, starts) for pick in (np.minimum, np.maximum)
        )
        levels = numbers[on]
        bottom, top = levels[first[:-1]][of_receptor], levels[first[1:] - 1][of_receptor]
        outside = np.flatnonzero(has & ((low < bottom) | (high > top)))
        if len(outside):
            name, place = self.receptors.names[int(outside[0])], outside[0]
            yield (
                f"{counted(len(outside), 'receptor')} with release heights outside of the kernel's levels, the "
                f"first {name} ({low[place]:g} to {high[place]:g} m, levels {bottom[place]:g} to "
                f"{top[place]:g} m): the kernel's end counts there"
            )
