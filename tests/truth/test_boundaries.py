"""A worker may be stopped between any two of its calls: what is served in the end is what the newest settings make."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.drawn import drawn
from tests.shared_data import REPOSITORY
from tests.truth.stopping import STORIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MEANWHILE = ("complete", "archived", "registered", "cancelled", "taken-back")
"""How far the newer batch gets while the older worker is stopped: that its settings were taken back, too."""

ALWAYS = [
    *(("transport", meanwhile) for meanwhile in MEANWHILE if meanwhile != "taken-back"),
    ("footprints", "complete"),
]
SELDOM = [
    (story, meanwhile)
    for story in STORIES
    for meanwhile in MEANWHILE
    if (story, meanwhile) not in ALWAYS
]

A_DAY = 5
"""So many of these, drawn by the date; STILT_TEST_EVERYTHING=1 has them all told."""


@pytest.fixture(scope="module")
def tell(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str, str], dict[str, Any]]]:
    """Tell a story with the worker stopped at each boundary, in one process for all stories."""
    folder = tmp_path_factory.mktemp("stories")
    with subprocess.Popen(
        [sys.executable, "-m", "tests.truth.stopping"],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as teller:
        assert teller.stdin is not None
        assert teller.stdout is not None

        def told(story: str, meanwhile: str) -> dict[str, Any]:
            teller.stdin.write(f"{story} {meanwhile} {folder / story / meanwhile}\n")
            teller.stdin.flush()
            line = teller.stdout.readline()
            assert line, f"who tells the stories ended with {teller.wait()}"
            answer: dict[str, Any] = json.loads(line)
            return answer

        yield told
        with contextlib.suppress(BrokenPipeError):
            teller.stdin.close()


def check(told: dict[str, Any], story: str, meanwhile: str, capsys: Any) -> None:
    calls = [call.split()[0] for call in told["calls"]]
    with capsys.disabled():
        print(f"\n{story}, newer batch {meanwhile}: {len(calls)} boundaries")  # noqa: T201 - asked for
    assert {"replace", "write", "fsync"} <= set(calls), "the worker was stopped while it published"
    assert told["faults"] == {}


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("story", "meanwhile"), ALWAYS)
def test_an_older_worker_that_goes_on_changes_nothing_that_is_served(
    tell: Callable[[str, str], dict[str, Any]], capsys: Any, story: str, meanwhile: str
) -> None:
    check(tell(story, meanwhile), story, meanwhile, capsys)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("story", "meanwhile"), drawn(SELDOM, A_DAY))
def test_nor_does_one_that_computes_something_else(
    tell: Callable[[str, str], dict[str, Any]], capsys: Any, story: str, meanwhile: str
) -> None:
    check(tell(story, meanwhile), story, meanwhile, capsys)
