"""Two met files of one model and grid for the same hours: which one both engines read is said."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pyarrow.parquet as pq
import pytest

from stilt.met.arl import read_arl
from stilt.met.overlaps import overlap_words, overlaps
from tests.hysplit_at_hand import settings_of
from tests.meteorology import KINDS, write
from tests.meteorology.air import Air
from tests.meteorology.files import START
from tests.projects import Project

USUAL = replace(KINDS["coarse"], step_h=1.0)
WINDY = replace(USUAL, air=Air(wind=2.0))
HOURS = {
    "the same values": (USUAL, 3, ""),
    "other values": (WINDY, 3, "later and early both hold 2021-06-01 03:00 to 2021-06-01 06:00"),
    "other values in the one hour that both have": (WINDY, 6, ""),
    "other hours": (WINDY, 7, ""),
    "another grid": (KINDS["gfs"], 3, ""),
}


@pytest.mark.parametrize("case", HOURS.values(), ids=HOURS)
def test_files_overlap_where_two_hours_have_other_values(tmp_path, case):
    kind, start, says = case
    files = (write(tmp_path / "early", USUAL, 6), later(tmp_path, kind, start))
    words = overlap_words(overlaps(map(read_arl, files)))
    assert words.startswith(says) if says else not words


def later(folder, kind, start):
    return write(folder / "later", kind, 6, START + timedelta(hours=start))


@pytest.mark.parametrize("model", ["native", pytest.param("hysplit", marks=pytest.mark.hysplit)])
def test_check_met_and_run_name_the_file_that_the_engine_reads(tmp_path, model):
    engine = settings_of(model)
    (tmp_path / "met").mkdir()
    write(tmp_path / "met" / "early", USUAL, 6)
    later(tmp_path / "met", WINDY, 3)
    longitude, latitude = USUAL.at(0.5, 0.5)
    rows = f"2021-06-01 05:00,{longitude:.3f},{latitude:.3f},500\n"
    (tmp_path / "receptors.csv").write_text(f"time,longitude,latitude,altitude\n{rows}")
    project = Project(tmp_path)
    settings = f"n_hours: -1\nnumpar: 10\n{engine}"
    (tmp_path / "config.yaml").write_text(f"mets: {{m: met}}\n{settings}")
    said = "later and early both hold 2021-06-01 03:00 to 2021-06-01 06:00 UTC, with other values: later is used"
    for command in ("check", "met", "run --dry-run", "run"):
        answer = project.stilt(*command.split())
        assert said in " ".join((answer.out + answer.err).split()), command
    (overlap,) = json.loads(project.stilt("met", "--json").out)["m"]["collections"][0]["overlaps"]
    assert overlap["used"] == str(tmp_path / "met" / "later")
    both = particles(tmp_path)
    (tmp_path / "met" / "early").unlink()
    assert project.stilt("run", "--no-skip").code == 0
    assert particles(tmp_path).equals(both)


def particles(folder):
    (path,) = (each for each in folder.glob("output/particles/*/m_*.parquet"))
    return pq.read_table(path).replace_schema_metadata(None)
