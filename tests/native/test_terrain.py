"""The table of the ground's height, for meteorology without terrain, is part of what an engine is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stilt.config.schema import Config, Met
from stilt.foundations.durable import digest_file
from stilt.foundations.simulation import Receptor, Simulation
from stilt.transport.native.engine import NativeEngine
from stilt.transport.protocol import Reason, TransportError
from tests.meteorology import KINDS, write

BARE = replace(
    KINDS["mercator"],
    surface=tuple(name for name in KINDS["mercator"].surface if name != "SHGT"),
)


def table_of(path, metres):
    path.write_text((f"{metres:4d}" * 360 + "\n") * 180)
    return path


@pytest.fixture(scope="module")
def met(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bare")
    write(folder / "bare.arl", BARE, 6)
    return Met(str(folder), "bare.arl", "10d")


def terrain_m(engine, met, workdir):
    workdir.mkdir()
    config = Config(
        mets={"bare": met},
        n_hours=-1,
        numpar=1,
        nturb=1,
        model="native",
        varsiwant=("time", "indx", "zsfc"),
    )
    east, north = BARE.at(0.5, 0.5)
    receptor = Receptor("202106010500", (east,), (north,), (900.0,))
    simulation = Simulation("bare_202106010500_0_0_900", "bare", receptor)
    return float(np.unique(engine.run(simulation, config, workdir).particles["zsfc"])[0])


def test_the_table_that_a_batch_was_handed_over_with_is_read(tmp_path, met, monkeypatch):
    monkeypatch.setenv("STILT_HYSPLIT", str(tmp_path))
    here = table_of(tmp_path / "TERRAIN.ASC", 200)
    (tmp_path / "copies").mkdir()
    copy = table_of(tmp_path / "copies" / "TERRAIN.ASC", 300)
    alone, handed = NativeEngine(0.2), NativeEngine(0.2, inputs={"TERRAIN.ASC": copy})
    assert alone.identity.inputs == {"TERRAIN.ASC": digest_file(here)[1]}
    assert handed.identity.inputs == {"TERRAIN.ASC": digest_file(copy)[1]}
    assert terrain_m(alone, met, tmp_path / "alone") == pytest.approx(200.0)
    assert terrain_m(handed, met, tmp_path / "handed") == pytest.approx(300.0)


def test_without_a_table_such_meteorology_is_refused(tmp_path, met):
    with pytest.raises(TransportError) as failure:
        terrain_m(NativeEngine(0.2, inputs={}), met, tmp_path / "work")
    assert failure.value.reason == Reason.MET_COVERAGE
    assert "TERRAIN.ASC" in failure.value.message
