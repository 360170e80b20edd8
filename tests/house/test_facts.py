"""What happened to a receptor on the way is told by its particles and its footprint."""

from __future__ import annotations

import numpy as np
import pytest

from stilt.config.load import parse_config
from stilt.config.schema import FootprintGrid
from stilt.footprint.calc import calc_footprint
from stilt.foundations.simulation import Receptor
from stilt.particles.table import ParticleTable
from stilt.transport.facts import (
    FACTS,
    as_text,
    facts_of_particles,
    facts_of_release,
    from_text,
    with_ground,
)

POINT = Receptor("202001010000", (5.0,), (45.0,), (300.0,), "asl")


def config(more: str = ""):
    met = "{directory: m, file_format: '%Y', file_tres: 1d}"
    return parse_config(f"mets: {{m: {met}}}\nn_hours: -3\nnumpar: 2\n{more}", "c")


def particles(*last_minutes: int, step: int = 1) -> ParticleTable:
    """Particles that have rows up to a minute each."""
    rows = [
        (-minute, number)
        for minute in range(step, 181, step)
        for number, last in enumerate(last_minutes, 1)
        if minute <= last
    ]
    time, indx = np.array(rows, float).reshape(-1, 2).T
    return ParticleTable({"time": time, "indx": indx})


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ((180, 180), {}),
        ((180, 30), {"particles_left": 1, "first_left_min": 30, "particle_minutes_missing": 150}),
        (
            (60, 45),
            {
                "particles_left": 2,
                "first_left_min": 45,
                "particle_minutes_missing": 255,
                "hours_without_particles": 2,
            },
        ),
        ((180,), {"particles_left": 1, "first_left_min": 0, "particle_minutes_missing": 180}),
        (
            (),
            {
                "particles_left": 2,
                "first_left_min": 0,
                "particle_minutes_missing": 360,
                "hours_without_particles": 3,
            },
        ),
    ],
)
def test_particles_that_left_are_counted(last, expected):
    assert facts_of_particles(particles(*last), config()) == expected


def test_rows_that_are_further_apart_are_no_loss():
    assert facts_of_particles(particles(180, 180, step=7), config("outdt: 7\n")) == {}
    one = facts_of_particles(particles(180, 168, step=7), config("outdt: 7\n"))
    assert one["particles_left"] == 1


def test_a_late_release_is_no_loss():
    table = particles(180, 180)
    late = ~((table["indx"] == 2) & (table["time"] > -30))
    rest = ParticleTable({name: values[late] for name, values in table.columns.items()})
    assert facts_of_particles(rest, config("emisshrs: 1\n")) == {}


def test_a_release_below_the_ground_is_told_with_its_depth_at_the_place_itself():
    table = particles(180, 180)
    slope = 1300.0 - 5.0 * np.abs(table["time"])  # the ground falls away from the receptor
    table = table.with_columns(zsfc=slope)
    assert facts_of_release(table, POINT) == {"lifted_m": 1000, "lifted_particles": 2}
    high = Receptor("202001010000", (5.0,), (45.0,), (1300.0,), "asl")
    assert facts_of_release(table, high) == {}
    levels = Receptor("202001010000", (5.0,) * 3, (45.0,) * 3, (2000.0, 1200.0, 1400.0), "asl")
    assert facts_of_release(table, levels) == {"lifted_m": 100, "lifted_particles": 1}
    first = table["indx"] == 1
    table = table.with_columns(zsfc=np.where(first, 1300.0, 100.0))
    line = Receptor("202001010000", (5.0,) * 2, (45.0,) * 2, (2000.0, 1000.0), "asl")
    assert facts_of_release(table, line) == {"lifted_m": 300, "lifted_particles": 1}


def test_the_ground_is_asked_for_only_where_heights_are_above_sea_level():
    above_ground = Receptor("202001010000", (5.0,), (45.0,), (300.0,))
    assert with_ground(("time",), above_ground) == ("time",)
    assert with_ground(("time",), POINT) == ("time", "zsfc")
    assert with_ground(("zsfc", "time"), POINT) == ("zsfc", "time")


@pytest.mark.parametrize(("xmax", "share"), [(8.0, 0.0), (5.5, 0.4), (4.5, 1.0)])
def test_the_share_of_influence_outside_of_the_grid_is_told(xmax, share):
    table = ParticleTable(
        {
            "time": np.repeat(-np.arange(1.0, 6.0), 2),
            "indx": np.tile([1.0, 2.0], 5),
            "long": np.repeat([5.0, 5.1, 5.2, 6.0, 7.0], 2),
            "lati": np.full(10, 45.0),
            "foot": np.full(10, 0.1),
        }
    )
    grid = FootprintGrid(
        xmin=4.0, xmax=xmax, ymin=44.0, ymax=46.0, xres=0.5, yres=0.5, smooth_factor=0.0
    )
    receptor = Receptor("202001010000", (5.0,), (45.0,), (10.0,))
    facts = calc_footprint(table, grid, receptor).facts
    assert facts.get("share_outside_grid", 0.0) == pytest.approx(share, abs=0.15)
    assert bool(facts) == (share > 0)


def test_facts_are_attributes_and_found_again():
    facts = dict.fromkeys(FACTS, 12345.5)
    assert from_text({**as_text(facts), "model": "native"}) == facts
