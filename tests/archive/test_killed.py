"""Killed at any moment, ``stilt archive`` loses nothing, and the same command goes on."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.archive.conftest import HEIGHTS
from tests.archive.reading import archives, everything, loose

ROOT = Path(__file__).parents[2]
OUTPUTS = 9 + 2 * (len(HEIGHTS) - 2)
STRIDE = 3


def archive_killed(project, number):
    """Archive, killed before that effect; return whether it was."""
    words = [sys.executable, "-m", "tests.archive.killed", project.path, str(number)]
    answer = subprocess.run(
        words, cwd=ROOT, env=project.environment(), capture_output=True, check=False
    )
    assert answer.returncode in (0, -signal.SIGKILL), answer.stderr
    return answer.returncode != 0


@pytest.mark.parametrize("first", range(STRIDE))
def test_a_kill_before_any_effect_loses_nothing(project, finished, first):
    before = everything(finished)
    number = first
    kills = 0
    # each kill meets what the one before it left
    while archive_killed(project, number):
        kills += 1
        assert everything(project) == before, f"killed before effect {number}"
        number += STRIDE
    assert kills >= OUTPUTS // STRIDE // 2
    assert project.stilt("archive").code == 0
    assert loose(project) == []
    assert list(project.output.rglob(".tmp-*")) == []
    assert everything(project) == before
    assert project.stilt("verify").code == 0
    recorded = project.stilt("log", "show").out
    assert all(
        path.relative_to(project.output).as_posix() in recorded for path in archives(project)
    )
