"""A site of several clusters, each with its own job 7: which are asked for an array, and what `cancel` ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from stilt.backends.liveness import Fate
from stilt.backends.slurm import commands
from stilt.backends.slurm.cancel import cancel_jobs
from stilt.backends.slurm.observe import observe_slurm, open_arrays
from stilt.foundations.errors import DamagedError
from stilt.foundations.paths import Layout
from stilt.foundations.writers import this_writer
from stilt.log.events import Closed, Event, Pending, Submitted, Submitting
from stilt.log.index import OutputIndex
from stilt.log.writer import SegmentWriter
from tests.site import HERE, Site, job

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from stilt.backends.slurm.answers import QueuedTask

OURS = "stilt-{}-0"


@pytest.fixture
def make_site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def make(**jobs: list[QueuedTask]) -> Site:
        site = Site(jobs)
        site.stand_in(monkeypatch, tmp_path)
        return site

    return make


def hand_over(
    layout: Layout, seq: int, *, offered: str = "", taken_as: str = "", on: str = ""
) -> None:
    """Write what a hand-over leaves: offered to clusters, and taken as a job, where it is known."""
    batch, at = f"{seq:04d}-x", time.time() - 100
    events: list[Event] = [
        Pending(f"{seq:032d}", 1, batch, seq, at, 0),
        Submitting(batch, OURS.format(seq), at, 0, 1, offered),
    ]
    if taken_as:
        events.append(Submitted(batch, OURS.format(seq), taken_as, at, cluster=on))
    writer = SegmentWriter(layout.log_dir, batch, seq, this_writer("run"))
    writer.append(*events, Closed(at))


@pytest.mark.parametrize(
    ("offered", "asked"),
    [
        pytest.param("", (), id="an older log names none: that at hand"),
        pytest.param(HERE, (), id="that at hand needs no name"),
        pytest.param("one", ("one",), id="another"),
        pytest.param("one,two", ("one", "two"), id="two"),
    ],
)
def test_the_clusters_are_asked_that_the_intent_names(
    offered: str, asked: tuple[str, ...], make_site, tmp_path: Path
):
    site, layout = make_site(), Layout.of(tmp_path)
    hand_over(layout, 1, offered=offered)
    observe_slurm(open_arrays(OutputIndex(layout.log_dir).fold()), fresh=True)
    assert site.asked == [asked]


def test_an_array_of_an_older_log_is_looked_for_beside_one_that_went_elsewhere(
    make_site, tmp_path: Path
):
    site, layout = (
        make_site(one=[job(8, OURS.format(2))], two=[job(7, OURS.format(1))]),
        Layout.of(tmp_path),
    )
    hand_over(layout, 1, taken_as="7")
    hand_over(layout, 2, offered="one", taken_as="8", on="one")
    lives, _ = observe_slurm(open_arrays(OutputIndex(layout.log_dir).fold()), fresh=True)
    assert site.asked == [("one", HERE)]
    assert {batch: life.fate for (batch, _), life in lives.items()} == {
        "0001-x": Fate.LIVE,
        "0002-x": Fate.LIVE,
    }


OURS_ON_ONE = {"one": [job(7, OURS.format(1))], HERE: [job(7, "another")]}
OURS_AT_HAND = {"one": [job(7, "another")], HERE: [job(7, OURS.format(1))]}
OURS_AGAIN = {HERE: [job(7, "another"), job(9, OURS.format(1))]}
ONLY_OTHERS = {"one": [job(7, "another")], HERE: [job(7, "another")]}


@pytest.mark.parametrize(
    ("jobs", "known", "left"),
    [
        (OURS_AT_HAND, {"taken_as": "7"}, {"one": ["another"], HERE: []}),
        (OURS_AT_HAND, {}, {"one": ["another"], HERE: []}),
        (OURS_AGAIN, {"taken_as": "7"}, {HERE: ["another"]}),
        (OURS_ON_ONE, {"offered": "one"}, {"one": [], HERE: ["another"]}),
        (OURS_ON_ONE, {"offered": "one,two"}, {"one": [], HERE: ["another"]}),
        (
            OURS_ON_ONE,
            {"offered": "one", "taken_as": "7", "on": "one"},
            {"one": [], HERE: ["another"]},
        ),
        (ONLY_OTHERS, {"taken_as": "7"}, {"one": ["another"], HERE: ["another"]}),
        (ONLY_OTHERS, {"offered": "one,two"}, {"one": ["another"], HERE: ["another"]}),
        (OURS_ON_ONE, {"taken_as": "7"}, {"one": [OURS.format(1)], HERE: ["another"]}),
    ],
)
def test_cancel_ends_no_job_of_another_name_on_any_cluster(
    jobs, known: dict[str, str], left: dict[str, list[str]], make_site, tmp_path: Path
):
    site, layout = (
        make_site(**{name: list(tasks) for name, tasks in jobs.items()}),
        Layout.of(tmp_path),
    )
    hand_over(layout, 1, **known)
    cancel_jobs(layout, OutputIndex(layout.log_dir).fold())
    assert site.left == left


def test_cancel_names_a_job_that_the_log_calls_ours_and_slurm_does_not(
    make_site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The queue was asked when it was ours; then its id was given to another."""
    site, layout = make_site(two=[job(7, OURS.format(1))]), Layout.of(tmp_path)
    hand_over(layout, 1, taken_as="7")
    seen = site.squeue()

    def squeue(*filters: str, **how: Sequence[str]) -> tuple[QueuedTask, ...]:
        site.jobs[HERE] = [job(7, "another")]
        return site.squeue(*filters, **how) if filters else seen

    monkeypatch.setattr(commands, "squeue", squeue)
    with pytest.raises(DamagedError, match=r"is another of .*not cancelled"):
        cancel_jobs(layout, OutputIndex(layout.log_dir).fold())
    assert site.left == {HERE: ["another"]}
