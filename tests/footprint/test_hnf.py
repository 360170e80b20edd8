"""Hyper-near-field dilution equals R-STILT's, row by row."""

from __future__ import annotations

import numpy as np
import pytest

from stilt.footprint.hnf import NEEDED, dilute_near_field, release_heights
from stilt.foundations.errors import InputError
from stilt.foundations.simulation import Receptor
from stilt.particles.table import ParticleTable
from tests.footprint import cases

DILUTED = [
    name
    for name in cases.names_with("particle.parquet")
    if isinstance(name, str) and "foot_no_hnf_dilution" in cases.particles(name).columns
] or cases.names_with("particle.parquet")

DERIVED = ("foot_no_hnf_dilution", "xhgt")


def before_dilution(table: ParticleTable) -> ParticleTable:
    kept = {name: values for name, values in table.columns.items() if name not in DERIVED}
    return ParticleTable(kept).with_columns(foot=table["foot_no_hnf_dilution"])


@pytest.mark.parametrize("name", DILUTED)
def test_every_reference_table_is_reproduced(name):
    theirs = cases.particles(name)
    veght = cases.settings(name)["veght"]
    ours = dilute_near_field(
        before_dilution(theirs), cases.receptor(name), veght, r_stilt_heights=True
    )
    assert list(ours.columns) == list(theirs.columns)
    for column, expected in theirs.columns.items():
        np.testing.assert_allclose(ours[column], expected, rtol=1e-12, err_msg=column)


def test_a_forward_table_is_put_in_order_of_descending_time():
    theirs = cases.particles("25_forward_12h")
    table = before_dilution(theirs)
    backwards = np.argsort(table["time"], kind="stable")
    forward = ParticleTable({name: values[backwards] for name, values in table.columns.items()})
    ours = dilute_near_field(forward, cases.receptor("25_forward_12h"), 0.5)
    for column, expected in theirs.columns.items():
        np.testing.assert_allclose(ours[column], expected, rtol=1e-12, err_msg=column)


def first_rows(indx, **columns):
    """A table of the first minute, a row for each particle."""
    columns = {name: np.array(values, float) for name, values in columns.items()}
    return ParticleTable({"time": -np.ones(len(indx)), "indx": np.array(indx, float), **columns})


@pytest.mark.parametrize(
    ("veght", "is_diluted"), [(0.5, True), (1.0, True), (1.5, False), (20.0, False), (60.0, True)]
)
def test_a_surface_layer_in_metres_is_no_part_of_the_mixed_layer(veght: float, is_diluted: bool):
    still = {"tlgr": 100.0, "sigw": 0.0, "samt": 1.0, "dens": 1.2, "mlht": 1000.0, "foot": 0.01}
    table = first_rows([1], **{name: [value] for name, value in still.items()})
    receptor = Receptor("202001010000", (5.0,), (10.0,), (30.0,))
    ours = dilute_near_field(table, receptor, veght)
    assert bool(ours["foot"][0] != 0.01) is is_diluted


def test_levels_and_places_have_the_particles_in_turn_whatever_the_order_of_rows():
    levels = Receptor("202001010000", (5.0,) * 3, (10.0,) * 3, (900.0, 10.0, 300.0))
    table = first_rows([1, 2, 3, 4, 5])
    np.testing.assert_array_equal(release_heights(table, levels), [10, 300, 900, 10, 300])
    places = Receptor("202001010000", (6.0, 5.0), (10.0, 10.0), (5.0, 300.0))
    np.testing.assert_array_equal(release_heights(table, places), [300, 5, 300, 5, 300])


@pytest.mark.parametrize("heights", [(100.0, 900.0), (900.0, 100.0)])
def test_two_heights_are_a_line_from_the_lower_to_the_upper(heights):
    line = Receptor("202001010000", (5.0,) * 2, (10.0,) * 2, heights)
    table = first_rows([1, 2, 3, 4])
    np.testing.assert_array_equal(release_heights(table, line), [200, 400, 600, 800])


def test_results_of_a_line_from_above_are_of_another_receptor_than_before():
    up, down = (
        Receptor("202001010000", (5.0,) * 2, (10.0,) * 2, heights)
        for heights in ((100.0, 900.0), (900.0, 100.0))
    )
    assert (up.release_rule, down.release_rule) == (1, 2)
    assert up.digest == up.digest_by(1)
    assert down.digest != down.digest_by(1)


def test_levels_above_sea_level_that_were_lifted_to_the_ground_start_there():
    levels = Receptor("202001010000", (5.0,) * 3, (10.0,) * 3, (300.0, 1200.0, 2000.0), "asl")
    table = first_rows([1, 2, 3], zagl=[0, 0, 700])  # the ground is at 1300 m
    np.testing.assert_array_equal(release_heights(table, levels), [0, 0, 700])


def test_of_heights_above_sea_level_the_ground_is_taken_off():
    table = before_dilution(cases.particles("02_small_6h"))
    asl = Receptor("199510171800", (-90.0,), (40.0,), (1510.0,), reference="asl")
    assert release_heights(table, asl) == pytest.approx(10, abs=5)
    name = "27_column_2"
    table, agl = before_dilution(cases.particles(name)), cases.receptor(name)
    raised = Receptor(
        agl.time, agl.longitudes, agl.latitudes, tuple(z + 300 for z in agl.heights_m), "asl"
    )
    difference = release_heights(table, raised) - release_heights(table, agl)
    assert np.ptp(difference) == pytest.approx(0)
    assert difference == pytest.approx(0, abs=10)


@pytest.mark.parametrize("leaves_early", [(), (3,), (1, 3)])
def test_a_particle_is_diluted_alike_whoever_leaves_early(leaves_early):
    given = before_dilution(cases.particles("02_small_6h"))
    regular = dilute_near_field(given, cases.receptor("02_small_6h"), 0.5)
    stays = ~np.isin(given["indx"], leaves_early) | (np.abs(given["time"]) < 100)
    rest = ParticleTable({name: values[stays] for name, values in given.columns.items()})
    diluted = dilute_near_field(rest, cases.receptor("02_small_6h"), 0.5)
    assert (diluted["foot"] != rest["foot"]).any()
    assert diluted["foot"].tobytes() == regular["foot"][stays].tobytes()


@pytest.mark.parametrize("column", NEEDED)
def test_a_missing_column_is_named(column):
    columns = {name: np.ones(3) for name in NEEDED if name != column}
    with pytest.raises(InputError, match=column):
        dilute_near_field(
            ParticleTable(columns), Receptor("202001010000", (0.0,), (0.0,), (5.0,)), 0.5
        )
