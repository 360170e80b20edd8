"""Meteorology that the native engine refuses is named by `stilt check`, by the words with which a run fails."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stilt.check.finding import Weight
from stilt.check.preflight import preflight
from stilt.config.schema import Config, Met
from stilt.foundations.simulation import Receptor, Simulation
from stilt.transport.native.engine import NativeEngine
from stilt.transport.protocol import TransportError
from tests.hysplit_at_hand import settings_of
from tests.meteorology import KINDS, write, write_changing
from tests.meteorology.kinds import HEIGHT, HEIGHTS_26

COARSE = KINDS["coarse"]
FEWER = replace(COARSE, volume=tuple(name for name in COARSE.volume if name != "SPHU"))
STILL = replace(COARSE, volume=tuple(name for name in COARSE.volume if name != "WWND"))
STILL_WRF = replace(STILL, model="AWRF", staggered=True)
CONFIG = """\
mets: {made: {directory: met, file_format: "made_%Y%m%d", file_tres: 1d}}
n_hours: -2
numpar: 10
model: native
roughness: 0.1
"""

REFUSED = {
    "RAMS": ([replace(COARSE, model="RAMS")] * 3, "the model RAMS"),
    "no vertical motion": ([STILL_WRF] * 3, "no vertical motion"),
    "other variables later": ([COARSE, COARSE, FEWER], "levels or variables change"),
    "height levels without pressures": (
        [replace(COARSE, level_type=HEIGHT, levels=HEIGHTS_26)] * 3,
        "no PRES",
    ),
}
READ = {
    "WRF": replace(COARSE, model="AWRF", staggered=True),
    "EDAS": replace(COARSE, model="EDAS"),
    "no vertical motion": STILL,
    "height levels": replace(
        COARSE, level_type=HEIGHT, levels=HEIGHTS_26, volume=("PRES", *COARSE.volume)
    ),
}


@pytest.fixture
def project(tmp_path):
    (tmp_path / "met").mkdir()
    (tmp_path / "config.yaml").write_text(CONFIG)
    longitude, latitude = COARSE.at(0.5, 0.5)
    row = f"2021-06-01 05:00,{longitude:.3f},{latitude:.3f},50"
    (tmp_path / "receptors.csv").write_text(f"time,longitude,latitude,altitude\n{row}\n")
    return tmp_path


def problems(project):
    found = [finding for finding in preflight(project) if finding.weight >= Weight.PROBLEM]
    return [finding.text for finding in found if finding.area == "met made"]


def run(project):
    met = Met(str(project / "met"), "made_%Y%m%d", "1d")
    config = Config(mets={"made": met}, n_hours=-2, numpar=10, model="native", roughness=0.1)
    where = COARSE.at(0.5, 0.5)
    receptor = Receptor("202106010500", (where[0],), (where[1],), (50.0,))
    (project / "work").mkdir()
    return NativeEngine(0.1).run(Simulation("made_x", "made", receptor), config, project / "work")


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_run_is_refused_for_is_said_before(project, name):
    kinds, says = REFUSED[name]
    write_changing(project / "met" / "made_20210601", kinds)
    (found,) = problems(project)
    assert says in found
    with pytest.raises(TransportError) as refused:
        run(project)
    assert refused.value.message in found


@pytest.mark.parametrize("name", READ)
def test_what_is_read_is_not_refused(project, name):
    write(project / "met" / "made_20210601", READ[name], 6)
    assert not problems(project)
    assert len(run(project).particles) == 10 * 120


def test_a_run_that_fails_as_a_whole_is_not_handed_over(project, stilt):
    write(project / "met" / "made_20210601", STILL_WRF, 6)
    done = stilt("run", project)
    assert done.returncode == 2
    assert "nothing was handed over: 1 of 1 simulation cannot succeed: MET_COVERAGE" in done.stderr
    assert "no vertical motion" in done.stderr
    assert not list(project.glob("output/chunks/*"))


def test_a_run_of_which_a_part_fails_says_so_and_goes_on(project, stilt):
    write(project / "met" / "made_20210601", COARSE, 6)
    with (project / "receptors.csv").open("a") as file:
        file.write("2021-06-01 05:00,10,50,50\n")
    done = stilt("run", project)
    assert done.returncode == 1
    assert "1 of 2 simulations cannot succeed: BAD_RECEPTOR: 10, 50 lies outside" in done.stdout
    assert "1 failed" in done.stdout


UNREADABLE = {
    "RAMS": (replace(COARSE, model="RAMS"), "the model RAMS"),
    "RAMS with levels by height": (
        replace(READ["height levels"], model="RAMS"),
        "the model RAMS",
    ),
    "levels by height without pressures": (
        replace(COARSE, level_type=HEIGHT, levels=HEIGHTS_26),
        "no PRES",
    ),
    "no ARL": (None, "no index record"),
}


@pytest.mark.parametrize("model", ["native", pytest.param("hysplit", marks=pytest.mark.hysplit)])
@pytest.mark.parametrize("name", UNREADABLE)
def test_what_no_engine_reads_is_refused_by_its_name(project, stilt, name, model):
    kind, says = UNREADABLE[name]
    path = project / "met" / "made_20210601"
    if kind is None:
        path.write_bytes(bytes(20_000))
    else:
        write(path, kind, 6)
    config = project / "config.yaml"
    config.write_text(
        config.read_text().replace("model: native\nroughness: 0.1\n", settings_of(model))
    )
    (found,) = problems(project)
    assert str(path) in found
    assert says in found
    assert "use model" not in found
    done = stilt("run", project)
    assert done.returncode == 2
    assert "nothing was handed over: 1 of 1 simulation cannot succeed: MET_COVERAGE" in done.stderr
    assert says in done.stderr
