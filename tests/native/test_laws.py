"""What holds of every engine's particle table, whatever made it: made-up meteorology, both engines."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from stilt.config.schema import Config, HysplitSection, Met
from stilt.foundations.simulation import Receptor, Simulation
from stilt.transport.engines import load_engine
from stilt.transport.protocol import TransportError
from tests.meteorology import KINDS, write
from tests.native.oracles import table_folder

COLUMNS = ("time", "indx", "long", "lati", "zagl", "foot", "mlht", "samt", "wout")
KIND = replace(KINDS["regional"], step_h=2.0)
HOURS = 8
INSIDE = KIND.at(0.5, 0.5)
EDGE = KIND.at(0.5, 0.068)
"""From here particles leave the grid in the south, not all of them at once."""

HOUR = 60


@pytest.fixture(params=["native", pytest.param("hysplit", marks=pytest.mark.hysplit)])
def model(request):
    return request.param


@cache
def met() -> Met:
    folder = Path(tempfile.mkdtemp(prefix="laws-"))
    write(folder / "laws.arl", KIND, HOURS)
    return Met(str(folder), "laws.arl", "10d")


def receptor(where=INSIDE, heights=(50.0,), time="202106010600") -> Receptor:
    count = len(heights)
    return Receptor(time, (where[0],) * count, (where[1],) * count, heights)


@cache
def table(model: str, at: Receptor | None = None, n_hours: int = -2, numpar: int = 20, **more):
    """Return a run's particles as a frame, rows as the engine gave them."""
    config = Config(
        mets={"laws": met()},
        n_hours=n_hours,
        numpar=numpar,
        model=model,
        varsiwant=COLUMNS,
        roughness=0.2 if model == "native" else None,
        hysplit=HysplitSection(table_folder() if model == "hysplit" else None),
        **more,
    )
    with tempfile.TemporaryDirectory() as scratch:
        workdir = Path(scratch) / "work"
        workdir.mkdir()
        simulation = Simulation("laws_0", "laws", at or receptor())
        return load_engine(config).run(simulation, config, workdir).particles.to_pandas()


@pytest.mark.parametrize("direction", [-1, 1])
def test_every_particle_has_a_row_each_minute_and_they_are_in_order(model, direction):
    found = table(model, receptor(time="202106010300"), direction * 2)
    minutes = direction * np.arange(1.0, 2 * HOUR + 1)
    np.testing.assert_array_equal(found["time"], np.repeat(minutes, 20))
    np.testing.assert_array_equal(found["indx"], np.tile(np.arange(1.0, 21.0), 2 * HOUR))


@pytest.mark.parametrize("every", [5, 7, 60])
def test_thinned_output_has_the_same_rows_at_fewer_minutes(model, every):
    thinned, whole = table(model, n_hours=-1, outdt=every), table(model, n_hours=-1)
    minutes = np.unique(np.abs(thinned["time"]))
    np.testing.assert_array_equal(minutes[:-1] % every, 0)
    assert minutes[-1] == HOUR, "the state at the end is there, whatever the step"
    kept = whole[np.isin(np.abs(whole["time"]), minutes)].reset_index(drop=True)
    states = ["time", "indx", "long", "lati", "zagl", "mlht"]
    np.testing.assert_array_equal(thinned[states], kept[states])
    row = np.searchsorted(minutes, np.abs(whole["time"]))
    for name in ("foot", "samt"):
        sums = whole[name].groupby([row, whole["indx"]]).sum().to_numpy()
        np.testing.assert_allclose(thinned[name], sums, atol=2e-4 * every, err_msg=name)


@pytest.mark.parametrize("height", [30.0, 400.0, 2000.0])
def test_particles_begin_at_the_height_of_release(model, height):
    first = table(model, receptor(heights=(height,)), -1, 3, nturb=1).iloc[:3]
    np.testing.assert_allclose(first["zagl"] + HOUR * -first["wout"], height, atol=0.6)


def test_a_line_is_filled_from_its_lower_to_its_upper_height(model):
    first = table(model, receptor(heights=(100.0, 900.0)), -1, 80, nturb=1).iloc[:80]
    height = first["zagl"] - HOUR * first["wout"]
    parts = np.histogram(height, np.linspace(100.0, 900.0, 9))[0]
    np.testing.assert_allclose(parts, 10, atol=1)


def test_particles_that_leave_the_grid_end_there_and_the_others_go_on(model):
    found = table(model, receptor(EDGE, (400.0,)), -6, 60)
    ends = np.abs(found["time"]).groupby(found["indx"]).max().to_numpy()
    assert (ends < 6 * HOUR).any()
    assert ends.max() - ends.min() > 1
    for _, rows in found.groupby("indx"):
        np.testing.assert_array_equal(np.abs(rows["time"]), np.arange(1.0, len(rows) + 1))
    last = found.groupby("indx").tail(1)
    gone = last[np.abs(last["time"]) < 6 * HOUR]
    _, y = KIND.grid.to_index(gone["long"].to_numpy(), gone["lati"].to_numpy())
    others = found.drop(last.index)
    _, inside = KIND.grid.to_index(others["long"].to_numpy(), others["lati"].to_numpy())
    assert y.max() < 2.0 + 1e-3
    assert inside.min() > 2.0 - 1e-3


def test_a_long_emission_releases_alike_in_each_minute(model):
    found = table(model, None, -2, 120, emisshrs=1.0)
    begins = np.abs(found["time"]).groupby(found["indx"]).min().to_numpy().astype(int)
    counts = np.bincount(begins)[1:]
    assert begins.max() <= HOUR
    np.testing.assert_allclose(counts, 2, atol=1)


def test_a_seed_gives_one_table_and_another_seed_another(model):
    one, same, other = table(model), table.__wrapped__(model), table(model, seed=1)
    assert one.equals(same)
    assert not np.array_equal(one["long"], other["long"])


def test_influence_is_counted_while_a_particle_is_low(model):
    found = table(model, None, -2, 20)
    low = found["samt"] > 0
    assert low.any()
    assert not low.all()
    assert np.array_equal(found["foot"] > 0, low)
    assert found["samt"].max() <= 1.0
    assert (found.loc[found["samt"] == 1.0, "zagl"] < found["mlht"].max()).all()


def test_a_run_that_the_meteorology_does_not_hold_is_no_short_success(model):
    with pytest.raises(TransportError) as failure:
        table(model, receptor(time="202106010200"), -5)
    assert str(failure.value.reason).startswith("MET_")


def test_a_receptor_outside_of_the_grid_is_refused(model):
    with pytest.raises(TransportError) as failure:
        table(model, receptor(KIND.at(1.3, 0.5)), -1)
    assert failure.value.reason == "BAD_RECEPTOR"
