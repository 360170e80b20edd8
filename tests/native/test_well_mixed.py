"""A well-mixed tracer stays well mixed: what the rule at interfaces is for."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from stilt.foundations.simulation import Receptor
from stilt.transport.native.analysis import Setting
from stilt.transport.native.columns import DX, DY
from stilt.transport.native.dispersion import mixed_level
from stilt.transport.native.fields import BoundaryOptions
from stilt.transport.native.interpolation import READY, Air, flat
from stilt.transport.native.march import (
    MAIN_COLUMNS,
    ZAGL,
    Clock,
    Plan,
    Rows,
    Work,
    march,
    waiting_particles,
    working_space,
)
from stilt.transport.native.meteorology import Meteorology
from stilt.transport.native.randomness import Stream, stream_keys
from stilt.transport.native.roughness import roughness_source
from stilt.transport.native.run import RunSettings
from stilt.transport.native.store import ColumnStore
from tests.meteorology import KINDS, START, write
from tests.native.test_run import open_analyses

PARTICLES = 4000
MINUTES = 1440
LID = 12
"""No air passes this level, so that what is below it is a closed box."""


def opened(folder, kind, hour):
    """One analysis of a kind, and the level that closes the box."""
    write(folder / "made.arl", KINDS[kind], 0, START + timedelta(hours=hour))
    setting = Setting(25000.0, BoundaryOptions(), roughness_source(0.2))
    (analyses,) = Meteorology([folder / "made.arl"], setting, ColumnStore()).grids
    return analyses, int(np.searchsorted(analyses.vertical.heights_m, 3500.0))


def still_air(analyses, minutes, lid):
    """One analysis for all times, without wind, and cells so large that turbulence crosses none."""
    index, _ = analyses.pair(minutes, minutes)
    opened = analyses.at(index, 1.0)
    opened.compute(np.ones_like(opened.stored.ready))
    columns = opened.stored.columns._replace(
        **{name: array.copy() for name, array in opened.stored.columns._asdict().items()}
    )
    columns.flow[..., :3] = 0.0
    columns.surface[..., [DX, DY]] = 1e12
    columns.turbulence[:, :, lid:, 0] = 1e-12
    return columns, opened.stored.ready


def layers(analyses, columns, x, y, lid):
    """Edges of the layers below the lid, in m, and the mass of each: the density of its lower level throughout."""
    frame = analyses.frame
    row, column = round(y) - 1, round(x) - 1
    terrain, mixed_m = (
        float(columns.surface[row, column, 1]),
        float(columns.surface[row, column, 0]),
    )
    depth = frame.top_m - terrain
    height = (1.0 - frame.sigma) * depth
    mixed = mixed_level(frame, mixed_m, depth)
    inserted = height[mixed] + 0.05 * (height[mixed + 1] - height[mixed])
    edges = np.concatenate([[0.0], height[1 : mixed + 1], [inserted], height[mixed + 1 : lid + 1]])
    source = [*range(mixed + 1), *range(mixed + 1, lid + 1)]
    density = columns.flow[row, column, source, 3].astype(float)
    # The layer above the inserted level and the next have the properties of one level.
    density = np.concatenate([density[: mixed + 1], [density[mixed + 1]], density[mixed + 2 :]])
    edges_used = edges[: density.size + 1]
    return edges_used, density[: edges_used.size - 1] * np.diff(edges_used)


@pytest.mark.parametrize(("when", "is_stable"), [("199510171800", False), ("199510170800", True)])
def test_well_mixed_stays_well_mixed_for_a_day(when, is_stable):
    moved, height = assert_well_mixed(open_analyses().grids[0], when, (21.0, 13.0), LID)
    assert np.median(moved[height < 100.0]) > (40.0 if is_stable else 200.0)


@pytest.mark.parametrize(
    ("kind", "hour"), [("hrrr36", 20), ("gdas0.5", 9), ("narr", 9), ("south", 9)]
)
def test_well_mixed_stays_well_mixed_on_made_up_meteorology(tmp_path, kind, hour):
    analyses, lid = opened(tmp_path, kind, hour)
    middle = (KINDS[kind].nx // 2 + 1.0, KINDS[kind].ny // 2 + 1.0)
    moved, height = assert_well_mixed(analyses, f"20210601{hour:02d}00", middle, lid)
    assert np.median(moved[height < 100.0]) > 10.0


def filled(edges, mass, among):
    """Heights of particles that fill some of the layers, in proportion to their mass."""
    rng, share = np.random.default_rng(1), mass[among] / mass[among].sum()
    layer = rng.choice(among, PARTICLES, p=share)
    return rng.uniform(edges[layer], edges[layer + 1])


def marched(analyses, still, where, height, times):
    """Move particles from these heights through still air, and return the rows."""
    (columns, ready), (minutes, every) = still, times
    minute = np.zeros(PARTICLES, np.int64)
    streams = stream_keys(Stream(3, "mixed"), PARTICLES)
    particles = waiting_particles(streams, minute, height, analyses.vertical.count)
    particles.x[:], particles.y[:] = where
    count = minutes // every
    rows = Rows(np.zeros((len(MAIN_COLUMNS), count, PARTICLES)), np.zeros((0, count, PARTICLES)))
    air = Air(analyses.frame, flat(columns), flat(columns), ready, ready, np.zeros_like(ready))
    clock = Clock(minutes, minutes, 0.0, float(minutes), -1.0, every)
    plan = Plan(clock, RunSettings(-24, PARTICLES, ()).options)
    space = working_space(analyses.vertical.count)
    assert march(air, plan, Work(particles, rows, space)) == READY
    return rows


def assert_well_mixed(analyses, when, place, lid):
    """March with a tracer that is well mixed below a lid; return how far particles rose or sank, and from where."""
    minutes = int(Receptor(when, (0.0,), (0.0,), (0.0,)).when.timestamp()) // 60
    columns, ready = still_air(analyses, minutes, lid)
    x, y = place
    edges, mass = layers(analyses, columns, x, y, lid)
    height = filled(edges, mass, range(mass.size))
    rows = marched(analyses, (columns, ready), place, height, (MINUTES, MINUTES // 4))
    expected = PARTICLES * mass / mass.sum()
    for step in range(4):
        counted, _ = np.histogram(rows.main[ZAGL, step], edges)
        assert counted.sum() == PARTICLES
        chi_squared = float(((counted - expected) ** 2 / expected).sum())
        freedom = mass.size - 1
        assert chi_squared < freedom + 4.0 * np.sqrt(2.0 * freedom), f"after {(step + 1) * 6} h"
    low = rows.main[ZAGL, 3] < edges[1]
    near_ground, _ = np.histogram(rows.main[ZAGL, 3][low], 4, (0.0, edges[1]))
    assert abs(near_ground - near_ground.mean()).max() < 4.0 * np.sqrt(near_ground.mean())
    # It is not that nothing moved: who calls looks.
    return abs(rows.main[ZAGL, 3] - height), height


@pytest.mark.parametrize(("kind", "hour", "aloft"), [("narr", 20, (2, 5)), ("south", 9, (3, 6))])
def test_as_much_air_goes_up_as_comes_down(tmp_path, kind, hour, aloft):
    """What a receptor aloft sees of the air at the ground is what goes there from the ground, mass for mass."""
    analyses, lid = opened(tmp_path, kind, hour)
    middle = (KINDS[kind].nx // 2 + 1.0, KINDS[kind].ny // 2 + 1.0)
    still = still_air(analyses, analyses.minutes[0], lid)
    edges, mass = layers(analyses, still[0], *middle, lid)
    low, high = range(1), range(*aloft)
    moved, error = [], []
    for source, target in ((low, high), (high, low)):
        rows = marched(analyses, still, middle, filled(edges, mass, source), (60, 15))
        height = rows.main[ZAGL]
        inside = (height >= edges[target[0]]) & (height < edges[target[-1] + 1])
        share, source_mass = inside.mean(axis=1), mass[source].sum()
        moved.append(share * source_mass)
        error.append(source_mass * np.sqrt(share * (1 - share) / PARTICLES))
    up, down = moved
    assert np.all(up > 5 * error[0])
    assert np.all(np.abs(up - down) < 4.0 * np.hypot(*error)), (up, down, error)
