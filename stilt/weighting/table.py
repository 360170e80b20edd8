"""A table of kernels: rows of a receptor's levels, from CSV, Parquet or NetCDF."""

from __future__ import annotations

import math
from csv import Error, reader
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stilt.config.conversion import nearest
from stilt.foundations.announced import check_room
from stilt.foundations.errors import InputError, ProblemsError
from stilt.foundations.inside import open_input

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    import numpy as np
    import pyarrow as pa
    import xarray as xr
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

RECEPTOR = "receptor"
HEIGHT, PRESSURE = "height_m", "pressure_hpa"
AVERAGING, WEIGHT = "averaging_kernel", "pressure_weight"
PRIOR = "prior_ppm"
NUMBERS = (HEIGHT, PRESSURE, AVERAGING, WEIGHT, PRIOR)

_SUFFIXES = {".csv": "csv", ".parquet": "parquet", ".nc": "netcdf", ".nc4": "netcdf"}


_VALUE_BYTES = 8

LISTED = 19
"""Problems of a table that are told one by one."""


_UNREADABLE = (ValueError, LookupError, TypeError, RuntimeError, AttributeError, Error)
"""What the libraries raise for what is no such table, Arrow's own errors among them."""


@dataclass(frozen=True, slots=True)
class KernelRows:
    """The rows of a table, a level each, in the order of the file.

    Attributes
    ----------
    key
        The column that says of which receptor a row is: ``receptor``, or a label of the receptors.
    names, codes
        What stands there: each different text, and for each row its place among them.
    numbers
        The columns of ``NUMBERS`` that there are.
    place
        Says where a row stands in the file.
    """

    source: str
    key: str
    names: pa.Array
    codes: NDArray[np.int32]
    numbers: dict[str, Values]
    place: Callable[[int], str]

    def __len__(self) -> int:
        return len(self.codes)


def wrong_table(source: str, problems: Sequence[str], count: int = 0) -> ProblemsError:
    """Return what to raise where a table of kernels is wrong: the first problems, and how many there are."""
    listed, count = list(problems[:LISTED]), max(count, len(problems))
    if count > len(listed):
        listed.append(f"and {count - len(listed):,} more")
    hint = "mend the table of kernels; nothing was started"
    return ProblemsError(source, tuple(listed), hint, count=count, code="KERNELS_WRONG")


def read_rows(path: Path, labels: Collection[str]) -> KernelRows:
    """Read a table of kernels; ``labels`` are those columns of receptors.csv that may name its receptors.

    Raises
    ------
    InputError
        If there is no such file, or it is none of the three kinds.
    ProblemsError
        If it has not the columns, or rows cannot be taken apart.
    """
    kind = _SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise InputError(
            f"{path}: kernels are read from .csv, .parquet and .nc, not from {path.suffix!r}",
            "convert the table, or name another one: footprints: {NAME: {kernels: FILE}}",
            code="KERNELS_UNREADABLE",
        )
    read = {"csv": _from_csv, "parquet": _from_parquet, "netcdf": _from_netcdf}[kind]
    hint = "weight: kernel needs a table of kernels; `stilt receptors` writes one"
    if not path.is_file():
        raise InputError(f"{path}: there is no such file", hint, code="KERNELS_UNREADABLE")
    try:
        open_input(path).close()  # a pipe would be waited for
        return read(path, labels)
    except OSError as error:
        raise InputError(
            f"{path}: {error.strerror or error}", hint, code="KERNELS_UNREADABLE"
        ) from None
    except _UNREADABLE as error:
        raise wrong_table(
            str(path), [str(error).splitlines()[0] if str(error) else "unreadable"]
        ) from None


def _from_csv(path: Path, labels: Collection[str]) -> KernelRows:
    import pyarrow as pa
    from pyarrow import csv

    broken: list[str] = []

    def skip(row: Any) -> str:
        line = _line_of_row(path, row.number - 2)
        broken.append(f"line {line}: has {row.actual_columns} of {row.expected_columns} columns")
        return "skip"

    with path.open("rb") as file:
        names = next(reader([file.readline().decode("utf-8-sig", "replace").strip()]), [])
    key = _key(str(path), names, labels)
    kinds = {name: pa.float64() for name in NUMBERS} | {key: pa.dictionary(pa.int32(), pa.string())}

    def read(kinds: dict[str, pa.DataType]) -> pa.Table:
        return csv.read_csv(
            path,
            read_options=csv.ReadOptions(use_threads=False),
            parse_options=csv.ParseOptions(invalid_row_handler=skip),
            convert_options=csv.ConvertOptions(
                column_types=kinds, include_columns=[name for name in kinds if name in names]
            ),
        )

    try:
        table = read(kinds)
    except pa.ArrowInvalid:
        broken.clear()
        texts = read(dict.fromkeys(kinds, pa.string()))
        broken += _no_numbers(path, key, texts) if not broken else []
        if not broken:
            raise
    if broken:
        raise wrong_table(str(path), broken)
    return _rows(str(path), key, table, lambda row: f"line {_line_of_row(path, row)}")


def _no_numbers(path: Path, key: str, table: pa.Table) -> list[str]:
    """Return what is wrong with texts where numbers belong: the first ones, in the order of the file."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = []
    for name in NUMBERS:
        if name not in table.column_names:
            continue
        different = pc.unique(table[name]).to_pylist()
        bad = pa.array([text for text in different if text and not _is_number(text)], pa.string())
        rows = pc.indices_nonzero(pc.is_in(table[name], bad)).to_pylist()[:LISTED]
        found += [(row, f"{name} {table[name][row].as_py()!r} is not a number") for row in rows]
    return [
        f"line {_line_of_row(path, row)}: {table[key][row].as_py()}: {says}"
        for row, says in sorted(found)
    ]


def _is_number(text: str) -> bool:
    """Tell whether Arrow takes a text for a number, or for none that is there."""
    import pyarrow as pa
    from pyarrow import csv

    if text in csv.ConvertOptions().null_values:
        return True
    try:
        pa.scalar(text).cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def _line_of_row(path: Path, row: int) -> int:
    """Return the line of a row, from 1: blank lines are no rows."""
    with path.open("rb") as file:
        filled = (number for number, line in enumerate(file, 1) if line.strip())
        return next((number for place, number in enumerate(filled) if place == row + 1), 0)


def _from_parquet(path: Path, labels: Collection[str]) -> KernelRows:
    import pyarrow.parquet as pq

    source = str(path)
    names = pq.read_schema(path).names
    key = _key(source, names, labels)
    columns = [name for name in (key, *NUMBERS) if name in names]
    check_room(source, _VALUE_BYTES * len(columns) * pq.read_metadata(path).num_rows)
    # a text that is stored once, and is that of every row, stays so
    table = pq.read_table(path, columns=columns, read_dictionary=[key])
    return _rows(source, key, table, lambda row: f"row {row + 1}")


def _from_netcdf(path: Path, labels: Collection[str]) -> KernelRows:
    import xarray as xr
    from netCDF4 import Dataset

    with Dataset(path) as file:  # before xarray reads the coordinates
        values = sum(math.prod(variable.shape) for variable in file.variables.values())
    check_room(str(path), _VALUE_BYTES * values)
    with xr.open_dataset(path, engine="netcdf4", decode_times=False) as dataset:
        return rows_of_dataset(dataset.load(), str(path), labels)


def rows_of_dataset(dataset: xr.Dataset, source: str, labels: Collection[str]) -> KernelRows:
    """Return the rows of a dataset: its variables have a dimension of receptors, one of levels, or both.

    A level at which all variables of both are missing is none: kernels may be shorter than the dimension.
    """
    import numpy as np
    import pyarrow as pa

    names = [str(name) for name in dataset.variables]
    key = _key(source, names, labels)
    if dataset[key].ndim != 1:
        raise wrong_table(source, [f"{key} has {dataset[key].ndim} dimensions, not one"])
    along = dataset[key].dims[0]
    own = {name: dataset[name] for name in NUMBERS if name in names}
    levels = sorted({str(dim) for values in own.values() for dim in values.dims} - {str(along)})
    if len(levels) != 1:
        found = f"its kernels have the dimensions {', '.join([str(along), *levels])}: one of levels is needed"
        raise wrong_table(source, [found])
    receptors, count = dataset.sizes[along], dataset.sizes[levels[0]]
    shape = {along: receptors, levels[0]: count}
    grids = {
        name: values.expand_dims({d: n for d, n in shape.items() if d not in values.dims})
        .transpose(along, levels[0])
        .to_numpy()
        .astype(np.float64)
        .ravel()
        for name, values in own.items()
    }
    full = [grids[name] for name, values in own.items() if values.ndim > 1] or list(grids.values())
    kept = np.flatnonzero(~np.all(np.isnan(full), axis=0))
    texts = pa.array(dataset[key].to_numpy().astype(str), pa.string()).dictionary_encode()
    codes = np.repeat(texts.indices.to_numpy(), count)[kept]
    return KernelRows(
        source,
        key,
        texts.dictionary,
        codes,
        {name: values[kept] for name, values in grids.items()},
        lambda row: f"{along} {kept[row] // count}, {levels[0]} {kept[row] % count}",
    )


def _key(source: str, names: list[str], labels: Collection[str]) -> str:
    """Return the column that names receptors.

    Raises
    ------
    ProblemsError
        If there is none, or a column is missing that kernels need.
    """
    problems = []
    key = next((name for name in (RECEPTOR, *labels) if name in names), "")
    if not key:
        problems.append(
            f"no column {RECEPTOR}, nor one of the receptors' labels, says whose a row is"
        )
    problems += [f"the column {n} is there twice" for n in (key, *NUMBERS) if names.count(n) > 1]
    if not {HEIGHT, PRESSURE} & set(names):
        problems.append(f"neither {HEIGHT} nor {PRESSURE} says where a level is")
    if not {AVERAGING, WEIGHT} & set(names):
        problems.append(f"neither {AVERAGING} nor {WEIGHT} says what a level counts")
    if problems:
        near = {name: nearest(name, NUMBERS, 0.75) for name in names if name not in (key, *NUMBERS)}
        problems += [f"{name}: did you mean {meant}?" for name, meant in near.items() if meant]
        raise wrong_table(source, problems)
    return key


def _rows(source: str, key: str, table: pa.Table, place: Callable[[int], str]) -> KernelRows:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = table[key].combine_chunks()
    if isinstance(texts, pa.ChunkedArray):
        texts = (
            texts.unify_dictionaries().combine_chunks() if len(texts) else pa.array([], pa.string())
        )
    if not pa.types.is_dictionary(texts.type):
        texts = pc.cast(texts, pa.string()).dictionary_encode()
    codes = texts.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    if (codes < 0).any():
        row = int(np.flatnonzero(codes < 0)[0])
        raise wrong_table(source, [f"{place(row)}: {key} is empty"])
    numbers = {
        name: pc.cast(table[name], pa.float64()).to_numpy().astype(np.float64)
        for name in NUMBERS
        if name in table.column_names
    }
    return KernelRows(source, key, pc.cast(texts.dictionary, pa.string()), codes, numbers, place)
