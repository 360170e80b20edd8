"""Files of a single time each: one that is missing is a gap, as an hour that is missing inside of a file."""

from __future__ import annotations

from datetime import UTC, timedelta

import numpy as np
import pytest

from stilt.config.schema import Met
from stilt.foundations.failures import Reason, TransportError
from stilt.foundations.simulation import Receptor
from stilt.met.files import holes
from stilt.met.inventory import take_inventory
from stilt.met.minutes import minute_of
from tests.hysplit_at_hand import settings_of
from tests.meteorology import KINDS, write
from tests.meteorology.files import START
from tests.meteorology.needed import find_met_files
from tests.projects import Project

COARSE = KINDS["coarse"]
HOURS = {
    "one is missing": ([0, 1, 2, 4, 5], [(2, 4)]),
    "three are missing": ([0, 1, 2, 6, 7, 8], [(2, 6)]),
    "two times one is missing": ([0, 1, 2, 4, 6, 7, 8], [(2, 4), (4, 6)]),
    "the last but one is far away": ([0, 1, 12], [(1, 12)]),
    "none is missing": ([0, 3, 6, 9], []),
    "the step gets longer": ([0, 1, 2, 3, 6, 9], []),
    "the step gets shorter": ([0, 3, 6, 7, 8, 9, 10], []),
    "the step is longer for a while": ([0, 1, 2, 3, 6, 9, 12, 13, 14], []),
    "two": ([0, 11], []),
    "one": ([0], []),
}


@pytest.mark.parametrize("case", HOURS.values(), ids=HOURS)
def test_a_hole_is_what_is_longer_than_usual_and_no_step_of_its_own(case):
    hours, expected = case
    start = minute_of(START.replace(tzinfo=UTC))
    found = holes(start + 60 * np.array(hours))
    spans = [((gap.start.hour, gap.end.hour)) for gap in found]
    assert spans == expected


@pytest.fixture
def folder(tmp_path):
    """Three-hourly files of one time each, those of hours 12 and 15 missing."""
    (tmp_path / "met").mkdir()
    for hour in (0, 3, 6, 9, 18, 21):
        when = START + timedelta(hours=hour)
        write(tmp_path / "met" / f"{when:made_%Y%m%d_%H}", COARSE, 0, when)
    return tmp_path / "met"


WAYS = {"by header": {}, "by name": {"file_format": "made_%Y%m%d_%H", "file_tres": "3h"}}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_run_over_files_that_are_missing_is_refused_and_names_the_hours(folder, way):
    met = Met(str(folder), **way)

    def files(time, n_hours):
        return find_met_files(met, Receptor(time, (-90.0,), (40.0,), (10.0,)), n_hours)

    assert len(files("202106010800", -6)) == 4
    for time, n_hours in (("202106012000", -12), ("202106011700", -1)):
        with pytest.raises(TransportError) as caught:
            files(time, n_hours)
        assert caught.value.reason is Reason.MET_MISSING
        assert ("09:00 to" in caught.value.message) or ("made_20210601_1" in caught.value.message)
    (collection,) = take_inventory(met).collections
    assert collection.step == timedelta(hours=3)
    assert [(gap.start.hour, gap.end.hour) for gap in collection.gaps] == [(9, 18)]


@pytest.mark.parametrize("model", ["native", pytest.param("hysplit", marks=pytest.mark.hysplit)])
def test_check_met_and_run_say_the_same_of_a_missing_file(folder, model):
    here = folder.parent
    longitude, latitude = COARSE.at(0.5, 0.5)
    (here / "config.yaml").write_text(f"mets: {{m: met}}\nn_hours: -12\n{settings_of(model)}")
    row = f"2021-06-01 20:00,{longitude:.3f},{latitude:.3f},10"
    (here / "receptors.csv").write_text(f"time,longitude,latitude,altitude\n{row}\n")
    project = Project(here)
    said = "MET_MISSING: the run needs 2021-06-01 08:00 to 2021-06-01 20:00 UTC, and the meteorology has nothing"
    assert said in " ".join(project.stilt("check").out.split())
    assert "1 MET_MISSING" in project.stilt("met").out
    for command in (("run", "--dry-run"), ("run",)):
        answer = project.stilt(*command)
        assert said in answer.out + answer.err
    assert "MET_MISSING" in project.stilt("status").out


def test_the_inventory_takes_for_a_gap_what_a_run_does_by_file_tres(tmp_path):
    for hour in (0, 1, 2, 4, 6, 8):
        when = START + timedelta(hours=hour)
        write(tmp_path / f"{when:made_%Y%m%d_%H}", COARSE, 0, when)
    by_name = {"file_format": "made_%Y%m%d_%H", "file_tres": "1h"}
    (told,) = take_inventory(Met(str(tmp_path), **by_name)).collections
    assert [gap.start.hour for gap in told.gaps] == [2, 4, 6]
    (untold,) = take_inventory(Met(str(tmp_path))).collections
    assert not untold.gaps
