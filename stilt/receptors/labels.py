"""Columns of ``receptors.csv`` that are no part of a receptor: the name of a site, an orbit, a quality."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

BETWEEN = ";"
"""Stands between the values of a receptor whose rows have different ones, in the order of rows."""

NOTHING = ("", "NA", "NaN", "nan", "null")
"""How a table says that there is no value."""

_TEXT = r"^[-+]?0[0-9]|[0-9]{16}"
"""Digits that are a name: numbers would lose a zero before them, or the last of many."""


def labels_of_receptors(
    columns: dict[str, pa.Array], order: NDArray[np.int64], first: NDArray[np.int64]
) -> dict[str, pa.Array]:
    """Return a value for each receptor.

    Parameters
    ----------
    columns
        Texts, one for each row.
    order, first
        The order of rows in which receptors lie together, and where each begins (and the end).
    """
    if len(order) == len(first) - 1:
        return {name: _typed(texts) for name, texts in columns.items()}
    return {name: _typed(_of_groups(texts, order, first)) for name, texts in columns.items()}


def _of_groups(texts: pa.Array, order: NDArray[np.int64], first: NDArray[np.int64]) -> pa.Array:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = texts.take(pa.array(order))
    codes = texts.dictionary_encode().indices.to_numpy(zero_copy_only=False)
    starts = first[:-1]
    differs = codes != np.repeat(codes[starts], np.diff(first))
    several = np.logical_or.reduceat(differs, starts)
    one = texts.take(pa.array(starts))
    if not several.any():
        return one
    lists = pa.ListArray.from_arrays(pa.array(first, pa.int32()), texts)
    return pc.if_else(pa.array(several), pc.binary_join(lists, BETWEEN), one)


def _typed(texts: pa.Array) -> pa.Array:
    """Return numbers where every value is one or is missing, else the texts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = pc.if_else(pc.is_in(texts, pa.array(NOTHING)), pa.scalar(None, pa.string()), texts)
    if values.null_count == len(values) or pc.any(pc.match_substring_regex(values, _TEXT)).as_py():
        return texts
    for kind in (pa.int64(), pa.float64()):
        try:
            return pc.cast(values, kind)
        except pa.ArrowInvalid:
            continue
    return texts
