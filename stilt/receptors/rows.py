"""From columns of text to receptors, with a reason for every row that cannot be one."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from stilt.foundations.names import alike, file_key, reserved_ending
from stilt.foundations.simulation import LINE_POINTS
from stilt.receptors.labels import NOTHING, labels_of_receptors
from stilt.receptors.numbers import round_to_id
from stilt.receptors.sequence import Receptors, default_names
from stilt.receptors.times import parse_times

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from stilt.receptors.table import Table

LIMITS = {
    "longitude": (-180.0, 360.0, "-180 to 360 degrees east"),
    "latitude": (-90.0, 90.0, "-90 to 90 degrees north"),
    "agl": (0.0, 50_000.0, "0 to 50000 m above ground"),
    "asl": (-500.0, 50_000.0, "-500 to 50000 m above sea level"),
}
_NUMBER = r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$"
REFERENCES = {
    "agl": False,
    "ground": False,
    "true": False,
    "t": False,
    "asl": True,
    "msl": True,
    "amsl": True,
    "false": True,
    "f": True,
}
_ID = re.compile(r"[^\W_][\w.+-]*")
_ID_BYTES = 128  # with a meteorology before it and a suffix after it a file name has at most 255
_NOTED_LINES = 5
_MIX = 0x9E3779B97F4A7C15  # odd and without pattern: 2**64 divided by the golden ratio


class Rows:
    """The rows of a table, checked.

    Attributes
    ----------
    complaints
        Row to what is wrong with it.
    repeated
        Rows that say what an earlier one says.
    notes
        What a person should know though nothing is wrong.
    """

    def __init__(self, table: Table) -> None:
        import numpy as np

        self._table = table
        self.complaints: dict[int, str] = {}
        self.repeated: list[int] = []
        self.notes: list[str] = list(table.notes)
        self._seconds, bad_times = parse_times(table.columns["time"])
        for row, text in bad_times.items():
            self._complain(row, f"time {_quoted(table.columns['time'][row].as_py())}{text}")
        self._longitudes = self._numbers("longitude")
        self._latitudes = self._numbers("latitude")
        self._altitude = "asl" if "asl" in table.columns else "agl"
        self._heights = self._numbers(self._altitude)
        self._asl = self._references()
        self._check_ranges()
        # what is out of range was told of, and would be too great to be rounded
        east = (self._longitudes > 180) & (self._longitudes <= 360)  # noqa: PLR2004 - degrees
        if east.any():
            # twelve decimals are all that fifteen digits leave of them: less would be lost, more would be dust
            self._longitudes[east] = np.round(self._longitudes[east] - 360, 12)

    def receptors(
        self, mets: tuple[str, ...], realizations: int = 1, variants: tuple[str, ...] = ()
    ) -> Receptors | None:
        """Build the receptors; None if a row is bad, which ``complaints`` tells."""
        if self.complaints:
            return None
        order, first = self._grouped()
        points = (self._longitudes[order], self._latitudes[order], self._heights[order])
        leaders = order[first[:-1]]
        seconds, asl = self._seconds[leaders], self._asl[leaders]
        names = self._own_names(leaders)
        if names is None:
            names = default_names(seconds // 60, points, first, asl)
        else:
            self._check_across_mets(mets, names, leaders)
        keep = self._without_repetitions(names, order, first)
        if self.complaints:
            return None
        cut = int((seconds[keep] % 60 != 0).sum())
        if cut:
            self.notes.append(
                f"{cut:,} receptor{'s have' if cut > 1 else ' has'} seconds in the time: they are cut, as "
                "STILT's clock has minutes"
            )
        labels = labels_of_receptors(self._table.labels, order, first)
        notes = tuple(self.notes)
        receptors = Receptors(
            mets, seconds // 60, *points, first, asl, names, notes, labels, realizations, variants
        )
        receptors = receptors if keep.all() else receptors.only(keep)
        if realizations > 1 and "id" in self._table.columns:
            self._refuse_members(receptors, leaders[keep])
        return None if self.complaints else receptors

    def _complain(self, row: int, text: str) -> None:
        before = self.complaints.get(row)
        self.complaints[row] = f"{before}; {text}" if before else text

    def _numbers(self, column: str) -> NDArray[np.float64]:
        """Parse a column of numbers; what is none becomes NaN and a complaint."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        texts = self._table.columns[column]
        valid = pc.match_substring_regex(texts, _NUMBER)
        numbers = pc.cast(pc.if_else(valid, texts, pa.scalar(None, pa.string())), pa.float64())
        values = np.array(numbers.to_numpy(zero_copy_only=False), np.float64)
        for row in np.flatnonzero(~np.isfinite(values)).tolist():
            text = texts[row].as_py()
            name = "altitude" if column in {"agl", "asl"} else column
            self._complain(row, f"{name} {_quoted(text)}is {'not a number' if text else 'blank'}")
        return round_to_id(values, texts)

    def _references(self) -> NDArray[np.bool_]:
        """Tell which rows have heights above sea level."""
        import numpy as np
        import pyarrow.compute as pc

        named_asl = self._altitude == "asl"
        texts = self._table.columns.get("reference")
        if texts is None:
            return np.full(len(self._table), named_asl)
        encoded = pc.utf8_lower(texts).dictionary_encode()
        kinds = [
            REFERENCES.get(text, None if text else named_asl)
            for text in encoded.dictionary.to_pylist()
        ]
        codes = encoded.indices.to_numpy(zero_copy_only=False)
        wrong = [
            code for code, kind in enumerate(kinds) if kind is None or (named_asl and not kind)
        ]
        for row in np.flatnonzero(np.isin(codes, wrong)).tolist():
            text = texts[row].as_py()
            known = text.lower() in REFERENCES
            why = "but the column is above sea level" if known else "is neither agl nor asl"
            self._complain(row, f"height reference {text!r} {why}")
        return np.asarray(np.array([bool(kind) for kind in kinds], bool)[codes])

    def _check_ranges(self) -> None:
        for name, values, rows in (
            ("longitude", self._longitudes, None),
            ("latitude", self._latitudes, None),
            ("agl", self._heights, ~self._asl),
            ("asl", self._heights, self._asl),
        ):
            low, high, words = LIMITS[name]
            outside = (values < low) | (values > high)
            if rows is not None:
                outside &= rows
            for row in outside.nonzero()[0].tolist():
                column = "altitude" if name in {"agl", "asl"} else name
                text = f"{column} {values[row]:.15g} is out of range: {words}"
                swapped = name == "latitude" and abs(self._longitudes[row]) <= 90  # noqa: PLR2004
                self._complain(row, text + (" (swapped with longitude?)" if swapped else ""))

    def _grouped(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the order of rows in which receptors lie together, and where each begins."""
        import numpy as np

        count = len(self._table)
        texts = self._table.columns.get("group")
        if texts is None:
            return np.arange(count), np.arange(count + 1)
        texts = self._groups(texts)
        codes = texts.dictionary_encode().indices.to_numpy(zero_copy_only=False)
        order = np.argsort(codes, kind="stable")
        first = np.concatenate([[0], np.flatnonzero(np.diff(codes[order])) + 1, [count]])
        first = first[: len(first) if count else 1]
        self._check_groups(texts, order, first)
        return order, first

    def _groups(self, texts: pa.Array) -> pa.Array:
        """Return what tells the receptors of rows apart, ``1.0`` as ``1``; a row that is of none is a bad one."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        is_nothing = pc.is_in(texts, pa.array(NOTHING))
        for row in np.flatnonzero(is_nothing.to_numpy(zero_copy_only=False)).tolist():
            what = f"r_idx {_quoted(texts[row].as_py())}is {'blank' if not texts[row].as_py() else 'none'}"
            self._complain(row, f"{what}: give each receptor one of its own")
        if not pc.any(pc.match_substring(texts, ".")).as_py():
            return texts
        return pc.replace_substring_regex(texts, r"^([0-9]+)\.0+$", r"\1")

    def _check_groups(
        self, texts: pa.Array, order: NDArray[np.int64], first: NDArray[np.int64]
    ) -> None:
        """Complain of rows that cannot belong to the receptor that their ``r_idx`` names."""
        import numpy as np

        leaders = np.repeat(order[first[:-1]], np.diff(first))
        ids = self._table.columns.get("id")
        names = ids.dictionary_encode().indices.to_numpy(zero_copy_only=False) if ids else None
        for what, values in (
            ("time", self._seconds),
            ("height reference", self._asl),
            ("id", names),
        ):
            if values is None:
                continue
            for i in np.flatnonzero(values[order] != values[leaders]).tolist():
                row, leader = int(order[i]), int(leaders[i])
                group = texts[row].as_py()
                self._complain(
                    row,
                    f"another {what} than line {self._table.line(leader)} of the same r_idx {group!r}",
                )
        self._check_points_of_groups(order, leaders, np.diff(first).max(initial=1) > 1)

    def _check_points_of_groups(
        self, order: NDArray[np.int64], leaders: NDArray[np.int64], several: bool
    ) -> None:
        if not several:
            return
        seen: dict[tuple[int, float, float, float], int] = {}
        points = (self._longitudes[order], self._latitudes[order], self._heights[order])
        columns = (column.tolist() for column in (leaders, *points))
        for row, *point in zip(order.tolist(), *columns, strict=True):
            earlier = seen.setdefault(tuple(point), row)
            if earlier != row:
                self._complain(
                    row, f"the same point as line {self._table.line(earlier)} of the same r_idx"
                )

    def _own_names(self, leaders: NDArray[np.int64]) -> pa.Array | None:
        """Return the names given in a column ``id``, checked for what a file name can be."""
        import numpy as np
        import pyarrow as pa

        texts = self._table.columns.get("id")
        if texts is None:
            return None
        encoded = texts.dictionary_encode()
        bad = [i for i, text in enumerate(encoded.dictionary.to_pylist()) if not _is_id(text)]
        if bad:
            codes = encoded.indices.to_numpy(zero_copy_only=False)
            for row in np.flatnonzero(np.isin(codes, bad)).tolist():
                self._complain(row, _bad_id(texts[row].as_py()))
        self._refuse_alike(encoded)
        return texts.take(pa.array(leaders))

    def _refuse_alike(self, encoded: pa.DictionaryArray) -> None:
        """Complain of ids that differ in case or Unicode form only: on some filesystems they are one file."""
        import numpy as np

        texts = encoded.dictionary.to_pylist()
        twins = dict(alike(texts))
        if not twins:
            return
        codes = encoded.indices.to_numpy(zero_copy_only=False)
        for row in np.flatnonzero(np.isin(codes, [texts.index(name) for name in twins])).tolist():
            name = texts[codes[row]]
            self._complain(
                row,
                f"the id {name!r} and the id {twins[name]!r} are one file where case or Unicode form do not count",
            )

    def _check_across_mets(
        self, mets: tuple[str, ...], names: pa.Array, leaders: NDArray[np.int64]
    ) -> None:
        """Complain of ids that name two simulations alike: ``b_c`` with met ``a``, ``c`` with met ``a_b``."""
        pairs = [(met, other) for met in mets for other in mets if other.startswith(f"{met}_")]
        if not pairs:
            return
        places = {name: place for place, name in enumerate(names.to_pylist())}
        for met, other in pairs:
            for name, place in places.items():
                twin = f"{other.removeprefix(f'{met}_')}_{name}"
                if twin in places:
                    line = self._table.line(int(leaders[place]))
                    self._complain(
                        int(leaders[places[twin]]),
                        f"the id {twin!r} with met {met} and the id {name!r} of line {line} with met {other} "
                        f"both are the simulation {other}_{name}",
                    )

    def _refuse_members(self, receptors: Receptors, leaders: NDArray[np.int64]) -> None:
        """Complain of ids that are those of other receptors' realizations: ``tower_r02`` beside ``tower``."""
        seen: dict[str, int] = {}
        for place, sim in enumerate(receptors.ids()):
            earlier = seen.setdefault(file_key(sim), place)
            if earlier == place:
                continue
            _, receptor, realization = receptors.apart((earlier, place))
            pair = zip(realization.tolist(), leaders[receptor].tolist(), strict=True)
            (_, own), (member, other) = sorted(pair)
            self._complain(
                own,
                f"its simulation {sim} is realization {member} of line {self._table.line(other)} too: "
                "give it another id",
            )

    def _without_repetitions(
        self, names: pa.Array, order: NDArray[np.int64], first: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Return which receptors to keep: of equal ones the first. Others of one name are refused."""
        import numpy as np
        import pyarrow.compute as pc

        keep = np.ones(len(names), bool)
        if self._surely_distinct() or pc.count_distinct(names).as_py() == len(names):
            return keep
        codes = names.dictionary_encode().indices.to_numpy(zero_copy_only=False)
        _, earliest = np.unique(codes, return_index=True)
        for i in np.flatnonzero(earliest[codes] != np.arange(len(codes))).tolist():
            original = int(earliest[codes[i]])
            rows = [order[first[k] : first[k + 1]] for k in (i, original)]
            if self._same(*rows):
                keep[i] = False
            elif name := names[i].as_py():  # of a blank one there is a complaint already
                self._complain(int(rows[0][0]), self._same_name(name, *rows))
        self.repeated = [int(order[first[i]]) for i in np.flatnonzero(~keep).tolist()]
        if self.repeated:
            self.notes.append(_repetitions([self._table.line(row) for row in self.repeated]))
        return keep

    def _surely_distinct(self) -> bool:
        """Tell cheaply that no two rows are of one minute and place: a million names take 200 MB to compare."""
        import numpy as np

        if "id" in self._table.columns or "group" in self._table.columns:
            return False
        mixed = (self._seconds // 60).astype(np.uint64)
        for column in (self._longitudes, self._latitudes, self._heights, self._asl.astype(float)):
            mixed = mixed * _MIX ^ column.view(np.uint64)
            mixed ^= mixed >> np.uint64(29)
        mixed.sort()
        return not (mixed[1:] == mixed[:-1]).any()

    def _same(self, rows: NDArray[np.int64], others: NDArray[np.int64]) -> bool:
        """Tell whether two receptors are one; three and more points are the same in any order."""
        import numpy as np

        if len(rows) > LINE_POINTS:
            points = (self._heights, self._latitudes, self._longitudes)
            rows, others = (each[np.lexsort([c[each] for c in points])] for each in (rows, others))
        columns = (self._seconds, self._longitudes, self._latitudes, self._heights, self._asl)
        return len(rows) == len(others) and all(
            (column[rows] == column[others]).all() for column in columns
        )

    def _same_name(self, name: str, rows: NDArray[np.int64], others: NDArray[np.int64]) -> str:
        line = self._table.line(int(others[0]))
        if "id" in self._table.columns:
            return f"the id {name!r} is that of line {line} already"
        if self._seconds[rows[0]] != self._seconds[others[0]]:
            return (
                f"in the same minute and place as line {line} (STILT's clock has minutes): "
                "give each an id of its own in a column id"
            )
        return f"the same simulation id ({name}) as line {line}: give each an id in a column id"


def checked_numbers(name: str, values: Any, wrong: list[str]) -> tuple[float, ...]:
    """Return numbers as receptors.csv gives them: longitudes up to 180, digits as many as an id shows.

    Parameters
    ----------
    name
        A key of ``LIMITS``.
    values
        One, or several.
    wrong
        What is wrong with them is added here.
    """
    low, high, words = LIMITS[name]
    called = "altitude" if name in {"agl", "asl"} else name
    some: Sequence[Any] = [values] if not hasattr(values, "__iter__") else list(values)
    found = []
    for value in some:
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            wrong.append(f"{called} {value!r} is not a number")
        elif not low <= number <= high:
            wrong.append(f"{called} {number:.15g} is out of range: {words}")
        elif name == "longitude" and number > 180:  # noqa: PLR2004 - degrees
            number = round(number - 360, 12)
        found.append(float(f"{number:.15g}") + 0.0)
    return tuple(found)


def _quoted(text: str) -> str:
    return f"{text!r} " if text else ""


def _is_id(text: str) -> bool:
    is_name = _ID.fullmatch(text) is not None and len(text.encode()) <= _ID_BYTES
    return is_name and not reserved_ending(text)


def _bad_id(text: str) -> str:
    if not text:
        return "id is blank: give every row one, or leave the column out"
    if reserved_ending(text):
        return f"id {text!r} ends in {reserved_ending(text)}, as the files of error runs do: give it another name"
    return f"id {text!r} cannot be part of a file name: letters, digits and . _ + - only, at most 128 bytes"


def _repetitions(lines: list[int]) -> str:
    shown = ", ".join(map(str, lines[:_NOTED_LINES]))
    more = f" and {len(lines) - _NOTED_LINES:,} more" if len(lines) > _NOTED_LINES else ""
    rows = (
        "row repeats an earlier one and is"
        if len(lines) == 1
        else "rows repeat earlier ones and are"
    )
    return f"{len(lines):,} {rows} used once (line{'s' if len(lines) > 1 else ''} {shown}{more})"
