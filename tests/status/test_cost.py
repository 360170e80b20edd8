"""What simulations have cost becomes advice for the next ones."""

from __future__ import annotations

import pytest

from stilt.status.cost import advice, clock, spread, suggest
from stilt.status.summary import PastRuns, Spread
from tests.projects import make_project

PAST = PastRuns(
    simulations=500,
    wall_s=Spread(24.0, 31.0, 88.0),
    peak_rss_bytes=Spread(2e8, 2.2e8, 300 * 2**20),
    core_hours=3.3,
    core_hours_wasted=0.1,
)


@pytest.mark.parametrize(
    ("left", "cpus", "n_workers", "wanted"),
    [
        (40_000, 2, None, {"n_workers": 400, "time": '"00:35:00"', "mem": "1536M"}),
        (40_000, 2, 200, {"n_workers": 200, "time": '"01:10:00"', "mem": "1536M"}),
        (1_000_000, 1, None, {"n_workers": 1000, "time": '"10:50:00"', "mem": "1024M"}),
        (3, 1, None, {"n_workers": 1, "time": '"00:05:00"', "mem": "1024M"}),
    ],
)
def test_tasks_are_of_about_twenty_minutes_with_room_to_spare(
    left, cpus, n_workers, wanted
) -> None:
    assert suggest(PAST, left, cpus, n_workers) == {**wanted, "cpus-per-task": cpus}


def test_nothing_left_needs_nothing() -> None:
    assert suggest(PAST, 0, 2) == {}


@pytest.mark.parametrize(
    ("seconds", "text"), [(1, "00:05:00"), (301, "00:10:00"), (90_000, "25:00:00")]
)
def test_a_time_limit_is_rounded_up_to_five_minutes(seconds, text) -> None:
    assert clock(seconds) == text


def test_the_spread_of_a_sample_keeps_the_greatest_of_all() -> None:
    assert spread([float(n) for n in range(101)], 1e6) == Spread(50.0, 95.0, 1e6)


def test_advice_is_said_in_words() -> None:
    took, wanted = advice(PAST, 40_000, 2, slurm=True)
    assert took == (
        "past simulations took 24 s each (95% 31 s, most 1 min 28 s) and up to 300 MiB; "
        "40,000 need about 11 d 2 h of core time"
    )
    assert wanted.startswith("they suggest, under execution:  n_workers: 400")
    assert len(advice(PAST, 40_000, 2, slurm=False)) == 1


def test_a_dry_run_tells_what_the_last_run_suggests(tmp_path) -> None:
    project = make_project(tmp_path / "p", (5, 6))
    assert "past simulations" not in project.stilt("run", "--dry-run").out
    assert project.stilt("run").code == 0
    answer = project.stilt("run", "--dry-run", "--no-skip")
    assert "past simulations took" in answer.out
    assert "2 need about" in answer.out
