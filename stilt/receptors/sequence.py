"""All simulations of a project, in columns: a million take some tens of megabytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, overload

from stilt.foundations.names import REALIZATION, VARIANT, member_ending
from stilt.foundations.simulation import Receptor, Simulation
from stilt.receptors.numbers import r_numbers
from stilt.receptors.times import write_times

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    Points = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
    Whole = NDArray[np.int64]

_AT_ONCE = 16_384


@dataclass(frozen=True, slots=True, eq=False)
class Receptors(Sequence[Simulation]):
    """Every receptor with every meteorology, as often as there are realizations; an element is made when asked for.

    They are ordered by meteorology, then receptor, then realization (``apart``).

    Attributes
    ----------
    mets
        Names of the meteorologies; where there are variants, of each kind of simulations.
    minutes
        Time of each receptor, minutes since 1970 UTC.
    longitudes, latitudes, heights_m
        Release points, those of one receptor next to each other.
    first
        Position of each receptor's first release point, and the number of points at the end.
    asl
        Whether a receptor's heights are above sea level.
    names
        What simulation ids have after the meteorology's name.
    notes
        What a person should know about how the file was read.
    labels
        The file's other columns, a value for each receptor: numbers where all are, else text.
    realizations
        Simulations of each receptor with each meteorology, which differ in their random numbers alone: these come from
        the id, which from the second one on has the realization in it.
    variants
        The variant of each of ``mets``, empty where it is none; nothing where there are no variants.
    """

    mets: tuple[str, ...]
    minutes: NDArray[np.int64]
    longitudes: NDArray[np.float64]
    latitudes: NDArray[np.float64]
    heights_m: NDArray[np.float64]
    first: NDArray[np.int64]
    asl: NDArray[np.bool_]
    names: pa.Array
    notes: tuple[str, ...] = ()
    labels: dict[str, pa.Array] = field(default_factory=dict)
    realizations: int = 1
    variants: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        from stilt.receptors.told import receptors_html

        return receptors_html(self)

    @property
    def n_receptors(self) -> int:
        """How many receptors there are."""
        return len(self.minutes)

    @property
    def times(self) -> str:
        """By what the receptors are multiplied, in words: `` x 2 mets x 10 realizations``; nothing if by 1."""
        kinds = "mets in their variants" if self.variants else "mets"
        counts = ((len(self.mets), kinds), (self.realizations, "realizations"))
        return "".join(f" x {number} {what}" for number, what in counts if number > 1)

    def __len__(self) -> int:
        return self.n_receptors * len(self.mets) * self.realizations

    def apart(self, indices: Iterable[int] | Whole) -> tuple[Whole, Whole, Whole]:
        """Return the place of each simulation's meteorology and receptor, and its realization, from 1."""
        import numpy as np

        wanted = np.asarray(indices if hasattr(indices, "__len__") else list(indices), np.int64)
        pair, realization = np.divmod(wanted, self.realizations)
        met, receptor = np.divmod(pair, max(1, self.n_receptors))
        return met, receptor, realization + 1

    @overload
    def __getitem__(self, index: int) -> Simulation: ...
    @overload
    def __getitem__(self, index: slice) -> list[Simulation]: ...
    def __getitem__(self, index: int | slice) -> Simulation | list[Simulation]:
        if isinstance(index, slice):
            return self.take(range(*index.indices(len(self))))
        if not -len(self) <= index < len(self):
            raise IndexError(f"simulation {index} of {len(self)}")
        return self.take([index % len(self)])[0]

    def __iter__(self) -> Iterator[Simulation]:
        for start in range(0, len(self), _AT_ONCE):
            yield from self.take(range(start, min(start + _AT_ONCE, len(self))))

    def receptor_of(self, index: int) -> int:
        """Return the place of a simulation's receptor."""
        return index // self.realizations % self.n_receptors

    def ids(self) -> list[str]:
        """Return the ids of all simulations, in their order."""
        names = self.names.to_pylist()
        endings = [member_ending(each) for each in range(1, self.realizations + 1)]
        return [f"{met}_{name}{end}" for met in self.mets for name in names for end in endings]

    def told_by_id(self, indices: Sequence[int]) -> list[bool]:
        """Tell of simulations whether the id, made of the receptor, tells the receptor: time, place and height.

        Not so an id of the user's own, nor that of a column, which has ``X`` for its heights.
        """
        import numpy as np

        _, which, _ = self.apart(indices)
        several = np.diff(self.first) > 1
        points = (self.longitudes, self.latitudes, self.heights_m)
        made = default_names(self.minutes, points, self.first, self.asl)
        own = np.array(made.to_pylist(), object) != np.array(self.names.to_pylist(), object)
        columns = np.array([name.endswith(("X", "Xasl")) for name in self.names.to_pylist()])
        tells: list[bool] = (~own & ~(several & columns))[which].tolist()
        return tells

    def simulation_minutes(self) -> NDArray[np.int64]:
        """Return the time of every simulation, minutes since 1970 UTC, in their order."""
        import numpy as np

        return np.tile(np.repeat(self.minutes, self.realizations), len(self.mets))

    @property
    def first_and_last(self) -> NDArray[np.datetime64]:
        """The times of the first and the last receptor."""
        import numpy as np

        ends = np.array([self.minutes.min(), self.minutes.max()], "datetime64[m]")
        return ends.astype("datetime64[ns]")

    def time_order(self) -> NDArray[np.int64]:
        """Return the indices of all simulations by meteorology, then time, then place in the file."""
        import numpy as np

        one = np.argsort(np.repeat(self.minutes, self.realizations), kind="stable")
        return np.concatenate([one + met * len(one) for met in range(len(self.mets))])

    def only(self, keep: NDArray[np.bool_]) -> Receptors:
        """Return the receptors for which ``keep`` is true."""
        import numpy as np
        import pyarrow as pa

        counts = np.diff(self.first)
        points = np.repeat(keep, counts)
        return Receptors(
            self.mets,
            self.minutes[keep],
            self.longitudes[points],
            self.latitudes[points],
            self.heights_m[points],
            np.concatenate([[0], np.cumsum(counts[keep])]),
            self.asl[keep],
            self.names.filter(pa.array(keep)),
            self.notes,
            {name: values.filter(pa.array(keep)) for name, values in self.labels.items()},
            self.realizations,
            self.variants,
        )

    @property
    def met_names(self) -> list[str]:
        """The meteorology of each of ``mets``."""
        endings = [f"-{variant}" if variant else "" for variant in self.variants]
        return list(map(str.removesuffix, self.mets, endings or [""] * len(self.mets)))

    def label_columns(self, places: Whole, taken: Iterable[str]) -> dict[str, NDArray[np.generic]]:
        """Return the labels of simulations as columns; one of a name that is ``taken`` gets ``_label`` after it.

        The first are the variant and the realization, where there are several.
        """
        found = self._labels(places, taken).items()
        return {name: values.to_numpy(zero_copy_only=False) for name, values in found}

    def labels_of(self, indices: Sequence[int]) -> list[dict[str, str | int | float | None]]:
        """Return the labels of simulations by name."""
        found = self._labels(indices, ())
        rows = zip(*(values.to_pylist() for values in found.values()), strict=True)
        return [dict(zip(found, row, strict=True)) for row in rows] or [{} for _ in indices]

    def _labels(self, places: Sequence[int] | Whole, taken: Iterable[str]) -> dict[str, pa.Array]:
        import pyarrow as pa

        met, receptor, realization = self.apart(places)
        which = pa.array(receptor)
        found = {VARIANT: pa.array(self.variants).take(pa.array(met))} if self.variants else {}
        found |= {REALIZATION: pa.array(realization)} if self.realizations > 1 else {}
        names = {*taken, *found}
        return found | {
            f"{name}_label" if name in names else name: values.take(which)
            for name, values in self.labels.items()
        }

    def take(self, indices: Iterable[int] | NDArray[np.int64]) -> list[Simulation]:
        """Return the simulations with these indices; some microseconds each."""
        import numpy as np
        import pyarrow as pa

        met, which, realization = self.apart(indices)
        mets = [self.mets[i] for i in met.tolist()]
        names = self.names.take(pa.array(which)).to_pylist()
        if self.realizations > 1:
            endings = map(member_ending, realization.tolist())
            names = [name + end for name, end in zip(names, endings, strict=True)]
        times = write_times(self.minutes[which]).tolist()
        references = np.where(self.asl[which], "asl", "agl").tolist()
        starts, ends = self.first[which], self.first[which + 1]
        if len(which) and (ends - starts).max() == 1:
            points = (
                [(value,) for value in column[starts].tolist()]
                for column in (self.longitudes, self.latitudes, self.heights_m)
            )
        else:
            spans = list(zip(starts.tolist(), ends.tolist(), strict=True))
            points = (
                [tuple(column[start:end].tolist()) for start, end in spans]
                for column in (self.longitudes, self.latitudes, self.heights_m)
            )
        receptors = map(Receptor, times, *points, references)
        return [
            Simulation(f"{met}_{name}", met, receptor)
            for met, name, receptor in zip(mets, names, receptors, strict=True)
        ]


def default_names(
    minutes: NDArray[np.int64],
    points: Points,
    first: NDArray[np.int64],
    asl: NDArray[np.bool_],
) -> pa.Array:
    """Name receptors as R-STILT does: ``{YYYYMMDDHHMM}_{lon}_{lat}_{zagl}``.

    ``points`` are longitudes, latitudes and heights, one of each for every release point.

    Several heights at one place have ``X`` for the height, as there. Several places, for which R-STILT
    wants a name to be given, have a digest of their points. Heights above sea level end in ``asl``.
    """
    import pyarrow as pa

    blocks = [
        _names_of_block(minutes[span], points, first[start : start + _AT_ONCE + 1], asl[span])
        for start in range(0, len(minutes), _AT_ONCE)
        for span in [slice(start, start + _AT_ONCE)]
    ]
    return pa.concat_arrays(blocks) if blocks else pa.array([], pa.string())


def _names_of_block(
    minutes: NDArray[np.int64], points: Points, first: NDArray[np.int64], asl: NDArray[np.bool_]
) -> pa.Array:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    starts = first[:-1]
    longitudes, latitudes, heights_m = (column[starts] for column in points)
    heights = r_numbers(heights_m)
    if asl.any():
        heights = pc.binary_join_element_wise(heights, pa.array(np.where(asl, "asl", "")), "")
    several = np.flatnonzero(np.diff(first) > 1)
    if len(several):
        texts = heights.to_pylist()
        for i in several.tolist():
            texts[i] = _several(points, slice(first[i], first[i + 1]), bool(asl[i]))
        heights = pa.array(texts, pa.string())
    times = pa.array(write_times(minutes).tolist(), pa.string())
    return pc.binary_join_element_wise(
        times, r_numbers(longitudes), r_numbers(latitudes), heights, "_"
    )


def _several(points: Points, span: slice, asl: bool) -> str:
    longitudes, latitudes, heights_m = (column[span] for column in points)
    if (longitudes == longitudes[0]).all() and (latitudes == latitudes[0]).all():
        return "Xasl" if asl else "X"
    from hashlib import blake2b

    import numpy as np

    content = np.stack([longitudes, latitudes, heights_m]).astype("<f8").tobytes()
    return "multi" + blake2b(content + bytes([asl]), digest_size=5).hexdigest()
