"""The status screen answers the next question, and fits any terminal."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace

from stilt.foundations.page import Page, columns
from stilt.status.screen import render
from stilt.status.summary import (
    BatchSummary,
    FailureExample,
    PastRuns,
    RunningTask,
    Spread,
    Summary,
    WaitingJob,
)

NOW = 1_900_000_000.0

BUSY = Summary(
    project="/data/my tower",
    as_of="2030-03-17T17:46:40Z",
    total=40_000,
    in_hand=1,
    to_do=1,
    pending=15_521,
    running=100,
    complete=24_310,
    empty=12,
    failed=57,
    failures={"MET_MISSING": 51, "TIMEOUT": 6},
    failure_examples={
        "MET_MISSING": FailureExample(
            sim="hrrr_203003170000_-112_40.5_5", message="no file for 2030-03-16", node="n1"
        )
    },
    batches=(
        BatchSummary(
            id="0001-abcdef0123",
            seq=1,
            backend="slurm",
            jobs=("1234",),
            total=40_000,
            complete=24_322,
            failed=57,
            running=100,
            pending=15_521,
        ),
    ),
    rate_per_hour=1860,
    time_left_s=30_000,
    last_event_at=NOW - 3,
    tasks_live=100,
    tasks_unknown=2,
    running_tasks=tuple(
        RunningTask(
            batch="0001-abcdef0123",
            task=task,
            node=f"n{task % 4}",
            job=f"1234_{task}",
            sims=("hrrr_203003170000_-112_40.5_5",),
            since=NOW - 40 * task,
            life="live",
            stuck=task == 3,
        )
        for task in range(12)
    ),
    waiting=(WaitingJob(batch="0001-abcdef0123", job="1234", tasks=99, reason="Resources"),),
    past_runs=PastRuns(
        simulations=24_379,
        wall_s=Spread(24, 31, 88),
        peak_rss_bytes=Spread(2e8, 2.2e8, 5e8),
        core_hours=162.2,
        core_hours_wasted=1.2,
        suggest={"time": '"00:30:00"', "mem": "1024M"},
    ),
    damaged=1,
    damages=("0001-abcdef0123/x.log, byte 77: the line does not hold",),
    notes=("Slurm did not answer in 20 s: tasks on Slurm are shown as they last reported",),
)


def test_the_screen_says_how_far_how_fast_what_failed_what_runs_and_what_is_stuck() -> None:
    shown = render(BUSY, 100, now=NOW)
    for words in (
        "40,000 simulations",
        "60% ended",
        "24,310 complete",
        "31/min of late · 8 h 20 min left, done about Mon 02:06 UTC",
        "51 MET_MISSING",
        "no file for 2030-03-16",
        "stilt logs hrrr_203003170000_-112_40.5_5 '/data/my tower'   (on n1)",
        "99 tasks waiting in the queue: Resources",
        "1 task far longer at it than usual",
        "of 2 tasks nothing is known",
        "162.2 core-hours used, 1.2 core-hours on what failed or was stopped",
        'time: "00:30:00"  mem: 1024M',
        "byte 77: the line does not hold",
        "Slurm did not answer",
    ):
        assert words in shown
    rows = shown[shown.index("Running") :].splitlines()
    assert "! hrrr" in rows[2], "what is stuck comes first"


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_lines_fit_the_terminal_but_for_what_is_copied(width) -> None:
    for line in render(BUSY, width, now=NOW).splitlines():
        copied = line.lstrip().startswith(("see: stilt", "Follow it:", "/data")) or "/data" in line
        assert columns(line) <= width or copied


def test_colours_are_written_only_when_asked_for() -> None:
    assert "\x1b" not in render(BUSY, 100, now=NOW)
    coloured = render(BUSY, 100, now=NOW, colour=True)
    assert re.sub(r"\x1b\[\d*m", "", coloured) == render(BUSY, 100, now=NOW)


def test_commands_repeat_the_project_as_it_was_given() -> None:
    assert "stilt status --watch\n" in render(BUSY, 100, now=NOW, argument=".")
    assert "stilt status --watch ../tower\n" in render(BUSY, 100, now=NOW, argument="../tower")


@pytest.mark.parametrize(
    ("summary", "words"),
    [
        (Summary(project="p", as_of="t"), "Nothing was run yet: stilt run p"),
        (Summary(project="p", as_of="t", total=2, complete=2), "All simulations are complete."),
        (
            Summary(project="p", as_of="t", total=9, complete=3, failed=6),
            "All simulations that are asked for today are complete; 6 without a result are of",
        ),
        (
            Summary(project="p", as_of="t", total=2, complete=1, pending=1, to_do=1),
            "1 simulation to do and nothing running: stilt run p",
        ),
        (
            Summary(project="p", as_of="t", total=2, stale=1, interrupted=1),
            "1 interrupted  1 stale",
        ),
    ],
)
def test_the_last_line_is_the_next_step(summary, words) -> None:
    assert words in render(summary, 100, now=NOW)


def test_advice_is_for_what_a_run_would_hand_over() -> None:
    assert "for the 1 to do, under execution:" in render(BUSY)
    assert "under execution" not in render(replace(BUSY, to_do=0))


def test_what_is_run_again_has_not_ended() -> None:
    again = Summary(project="p", as_of="t", total=4, complete=4, in_hand=3, redoing=3, tasks_live=1)
    shown = render(again, 100, now=NOW)
    assert "25% ended" in shown
    assert "3 queued or running, 3 of them again: their results stand until then" in shown
    assert "stilt status --watch p" in shown
    assert "All simulations are complete." not in shown


def test_wide_characters_are_counted_as_two_columns() -> None:
    assert columns("塔") == 2
    page = Page(80)
    page.table(("where", "n"), [("塔", "1"), ("here", "2")], "lr")
    assert page.lines[1:] == ["  塔     1", "  here   2"]


def test_columns_that_have_nothing_to_say_are_left_out() -> None:
    local = RunningTask(
        batch="0001-a", task=0, node="here", sims=("a",), since=NOW - 5, life="live"
    )
    summary = Summary(project="p", as_of="t", total=1, running=1, running_tasks=(local,))
    shown = render(summary, 100, now=NOW)
    assert "job" not in shown
    assert "here  5.0 s  a" in shown


def test_the_node_of_a_failure_goes_before_the_command_is_broken() -> None:
    assert "   (on n1)" in render(BUSY, 100, now=NOW)
    narrow = render(BUSY, 60, now=NOW)
    assert "see: stilt logs hrrr_203003170000_-112_40.5_5" in narrow
    assert "(on n1)" not in narrow


def test_who_watches_is_not_told_to_watch() -> None:
    watched = render(BUSY, 100, now=NOW, watching=True)
    assert "--watch" not in watched
    assert "Ctrl-C leaves this screen; the run goes on." in watched
