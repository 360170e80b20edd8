"""Particle files: exact, small, readable without us, and plain about being damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stilt.foundations.errors import DamagedError
from stilt.particles import fixed_point
from stilt.particles.columns import COLUMNS
from stilt.particles.parquet import read_particles, read_provenance, write_particles
from stilt.particles.table import ParticleTable
from tests.shared_data import shared

if TYPE_CHECKING:
    from pathlib import Path

DECIMALS = {name: column.decimals for name, column in COLUMNS.items()}


def printed(name: str, values) -> np.ndarray:
    """Values as HYSPLIT prints them in a column."""
    return np.round(np.asarray(values, float), DECIMALS[name])


def small_table(particles: int = 7, minutes: int = 40, sign: int = -1) -> ParticleTable:
    random = np.random.default_rng(1)
    time = np.repeat(sign * np.arange(1.0, minutes + 1), particles)
    size = particles * minutes
    walk = {
        "long": (-180, 180),
        "lati": (-90, 90),
        "zagl": (0, 25000),
        "foot": (0, 0.5),
        "tlgr": (0, 10000),
    }
    columns = {name: printed(name, random.uniform(*span, size)) for name, span in walk.items()}
    return ParticleTable(
        {"time": time, "indx": np.tile(np.arange(1.0, particles + 1), minutes), **columns}
    )


def assert_same(found: ParticleTable, expected: ParticleTable) -> None:
    assert list(found.columns) == list(expected.columns)
    for name in expected.columns:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
        assert found[name].dtype == np.float64
        np.testing.assert_array_equal(
            np.signbit(found[name]), np.signbit(expected[name]), err_msg=name
        )


def round_trip(path: Path, table: ParticleTable) -> ParticleTable:
    write_particles(path, table, provenance={})
    return read_particles(path)


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_table_comes_back_as_it_was(tmp_path: Path, sign: int) -> None:
    table = small_table(sign=sign)
    assert_same(round_trip(tmp_path / "a.parquet", table), table)


def test_any_order_of_rows_is_kept(tmp_path: Path) -> None:
    table = small_table(sign=1)
    for order in (
        np.argsort(-table["time"], kind="stable"),
        np.argsort(table["indx"], kind="stable"),
        np.random.default_rng(2).permutation(len(table)),
    ):
        shuffled = ParticleTable({name: values[order] for name, values in table.columns.items()})
        assert_same(round_trip(tmp_path / "a.parquet", shuffled), shuffled)


def test_particles_that_end_early_and_columns_unknown_to_us_are_kept(tmp_path: Path) -> None:
    table = small_table()
    keep = ~((table["indx"] == 3) & (table["time"] < -10))
    ragged = ParticleTable({name: values[keep] for name, values in table.columns.items()})
    ragged = ragged.with_columns(mine=np.sqrt(np.arange(len(ragged))))
    assert_same(round_trip(tmp_path / "a.parquet", ragged), ragged)


def test_nan_and_numbers_with_more_digits_than_are_printed_are_kept(tmp_path: Path) -> None:
    table = small_table()
    foot = table["foot"].copy()
    foot[::7] = np.nan
    foot[1::7] = 1 / 3
    foot[2::7] = -0.0
    changed = table.with_columns(foot=foot)
    assert_same(round_trip(tmp_path / "a.parquet", changed), changed)


def test_a_value_that_could_be_mistaken_for_fixed_point_is_kept(tmp_path: Path) -> None:
    table = small_table()
    foot = table["foot"].copy()
    foot[0] = 3 * 2.0**-24  # exactly what an encoded 1.8e-7 would be
    changed = table.with_columns(foot=foot)
    assert_same(round_trip(tmp_path / "a.parquet", changed), changed)


def test_foot_before_the_correction_is_kept_and_costs_little_where_it_is_the_same(
    tmp_path: Path,
) -> None:
    table = small_table()
    before = table["foot"].copy()
    before[:5] += 0.125
    both = table.with_columns(foot_no_hnf_dilution=before)
    assert_same(round_trip(tmp_path / "a.parquet", both), both)
    raw = pd.read_parquet(tmp_path / "a.parquet")
    assert raw["foot_no_hnf_dilution"].notna().sum() == 5


def test_an_empty_table_is_kept(tmp_path: Path) -> None:
    table = ParticleTable({name: np.empty(0) for name in ("time", "indx", "foot")})
    assert_same(round_trip(tmp_path / "a.parquet", table), table)


def test_pandas_reads_sensible_numbers_in_their_units(tmp_path: Path) -> None:
    table = small_table()
    write_particles(tmp_path / "a.parquet", table, provenance={"engine": "hysplit v5.1.0"})
    frame = pd.read_parquet(tmp_path / "a.parquet")
    expected = table.to_pandas().sort_values(["indx", "time"], ascending=[True, False])
    for name in table.columns:
        half_a_digit = 0.5 * 10.0 ** -DECIMALS[name]
        np.testing.assert_allclose(frame[name], expected[name], rtol=0, atol=half_a_digit)
    assert frame["indx"].dtype == np.int32
    schema = pq.read_schema(tmp_path / "a.parquet")
    assert schema.field("long").metadata[b"units"] == b"degrees_east"
    assert schema.field("time").metadata[b"units"] == b"min"
    assert schema.metadata[b"stilt.engine"] == b"hysplit v5.1.0"


def test_provenance_comes_back_without_reading_the_table(tmp_path: Path) -> None:
    provenance = {"control": "95 10 17 18 00\n1\n", "met_files": "/données/a b\n"}
    write_particles(tmp_path / "a.parquet", small_table(), provenance=provenance)
    assert read_provenance(tmp_path / "a.parquet") == provenance


@pytest.mark.parametrize(
    "injury", ["missing", "empty", "garbage", "truncated", "flipped bit", "a folder"]
)
def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path, injury: str) -> None:
    path = tmp_path / "sim.parquet"
    write_particles(path, small_table(), provenance={})
    good = path.read_bytes()
    if injury in {"missing", "a folder"}:
        path.unlink()
    if injury == "a folder":
        path.mkdir()
    injured = {
        "empty": b"",
        "garbage": b"\x00garbage" * 500,
        "truncated": good[: len(good) // 2],
        "flipped bit": good[:400] + bytes([good[400] ^ 4]) + good[401:],
    }
    if injury in injured:
        path.write_bytes(injured[injury])
    what = "no regular file" if injury == "a folder" else "stilt verify"
    with pytest.raises(DamagedError, match=rf"sim\.parquet.*{what}") as caught:
        read_particles(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["01_base", "30_edge", "25_forward_12h", "27_column_2", "34_varsiwant_all"]
)
def test_reference_tables_come_back_to_the_last_bit(tmp_path: Path, name: str) -> None:
    frame = pd.read_parquet(shared("reference", name, "particle.parquet"))
    table = ParticleTable({column: frame[column].to_numpy() for column in frame.columns})
    path = tmp_path / "a.parquet"
    assert_same(round_trip(path, table), table)


def test_a_day_of_200_particles_takes_less_than_two_and_a_half_megabytes(tmp_path: Path) -> None:
    frame = pd.read_parquet(shared("reference", "01_base", "particle.parquet"))
    table = ParticleTable({column: frame[column].to_numpy() for column in frame.columns})
    write_particles(tmp_path / "a.parquet", table, provenance={})
    assert (tmp_path / "a.parquet").stat().st_size < 2.5e6


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10), st.lists(st.integers(-(10**10), 10**10), max_size=20))
def test_every_decimal_number_survives_fixed_point(decimals: int, digits: list[int]) -> None:
    values = np.array([float(f"{number}e-{decimals}") for number in digits])
    encoded = fixed_point.encode(values, decimals)
    assert encoded is not None
    np.testing.assert_array_equal(fixed_point.decode(encoded, decimals), values)
    np.testing.assert_allclose(encoded, values, rtol=0, atol=0.5 * 10.0**-decimals)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10), st.lists(st.floats(allow_infinity=True), max_size=20))
def test_fixed_point_gives_back_any_double_or_declines(decimals: int, numbers: list[float]) -> None:
    values = np.array(numbers, float)
    encoded = fixed_point.encode(values, decimals)
    if encoded is not None:
        np.testing.assert_array_equal(fixed_point.decode(encoded, decimals), values)


def test_no_flipped_bit_gives_other_numbers_or_an_error_that_does_not_name_the_file(
    tmp_path: Path,
) -> None:
    """Pages have checksums of the library's, but not their headers and not the footer."""
    path = tmp_path / "sim.parquet"
    table = small_table(particles=2, minutes=20)
    write_particles(path, table, provenance={"model_log": "as it was said: ü"})
    whole = path.read_bytes()
    told, held = [], 0
    for place in range(len(whole)):
        data = bytearray(whole)
        data[place] ^= 1 << place % 8
        path.write_bytes(data)
        for read in (read_particles, read_provenance):
            try:
                found = read(path)
            except DamagedError as error:
                told.append(error.message)
                continue
            if isinstance(found, ParticleTable):
                assert_same(found, table)
                held += 1
    assert len(told) > len(whole) / 2
    assert held
    assert all("sim.parquet" in message for message in told)
