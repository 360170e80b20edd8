"""Two ``stilt run`` at once where locks hold nothing: rounds of it, and what must hold after each."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.engines import runs
from tests.projects import PATIENCE_S, wait_until
from tests.shared_data import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.projects import Project

RUN = """
import os, sys, time
if os.environ["RACE_LOCKS"] == "none":
    import errno, portalocker
    def refuse(*_):
        error = OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
        raise portalocker.LockException(error, str(error))
    portalocker.lock = refuse
import stilt.receptors.read, stilt.commands.run as command
def slowly(name):
    real = getattr(command, name)
    def slow(*args, **kwargs):
        time.sleep(float(os.environ["RACE_DELAY_S"]))
        return real(*args, **kwargs)
    setattr(command, name, slow)
for name in sys.argv[2:]:
    slowly(name)
print("ready", flush=True)
sys.stdin.readline()
from stilt.cli import main
main(["run", sys.argv[1], "--cpus", "1"])
"""
DELAY_S = "1.5"
"""Longer than it takes to plan and hand over these few simulations."""

NEVER_SAID = ("damaged", "check space", "Traceback")
GAVE_WAY = ("handed over at the same moment", "queued or running", "already done")


@dataclass(frozen=True)
class Round:
    """Where each of the two is slow, and whether the second begins only when the first has registered."""

    first: tuple[str, ...] = ()
    second: tuple[str, ...] = ()
    second_waits: bool = False


ROUNDS = (
    Round(),
    Round(first=("give_way",), second_waits=True),
    Round(first=("write_batch",)),
    Round(first=("give_way",), second=("give_way",)),
    Round(first=("write_batch",), second=("give_way",)),
    Round(first=("write_batch",), second=("write_batch",)),
)
"""From planning to registration lies ``write_batch``, from there to the start ``give_way``."""


def rounds(default: int) -> list[int]:
    """Return the rounds to be run: STILT_RACE_ROUNDS of them where that is set."""
    return list(range(int(os.environ.get("STILT_RACE_ROUNDS", default))))


def race(
    project: Project,
    number: int,
    *,
    client: Sequence[str] = (),
    locks: str = "none",
    heavy_s: str = "0.3",
) -> list[tuple[int, str]]:
    """Let two run at once, each through a client of its own if there are such; return code and words of each."""
    how = ROUNDS[number % len(ROUNDS)]
    env = project.environment(FAKE_SLEEP=heavy_s, RACE_DELAY_S=DELAY_S, RACE_LOCKS=locks)
    both = [
        subprocess.Popen(
            [*client, sys.executable, "-c", RUN, str(project.path), *slow],
            cwd=REPOSITORY,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for slow in (how.first, how.second)
    ]
    try:
        for process in both:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for place, process in enumerate(both):
            assert process.stdin is not None
            if place and how.second_waits:
                wait_until(lambda: _has_registered(project), "the first one has registered")
            process.stdin.write("\n")
            process.stdin.flush()
        words = ["".join(process.communicate(timeout=PATIENCE_S)) for process in both]
    finally:
        for process in both:
            process.kill()
            process.wait()
    return [(process.returncode, said) for process, said in zip(both, words, strict=True)]


def _has_registered(project: Project) -> bool:
    return any('"pending"' in path.read_text() for path in project.output.glob("log/*/run*.log"))


def check_words(answers: list[tuple[int, str]]) -> None:
    """One went on; the other one said why it did not, or what it found."""
    codes = sorted(code for code, _ in answers)
    assert codes in ([0, 0], [0, 3]), answers
    for code, said in answers:
        assert not [words for words in NEVER_SAID if words in said], said
        if code == 3:
            assert any(words in said for words in GAVE_WAY), said


def check_run_once(project: Project) -> None:
    """One batch was begun, and every simulation once."""
    begun = Counter(runs(Path(project.environment()["FAKE_RUNS"]), "begin"))
    assert max(begun.values()) == 1, begun
    worked = [batch.id for batch in project.fold().batches.values() if batch.tasks]
    assert len(worked) == 1, worked
    assert set(project.outcomes().values()) == {"complete"}
    assert len(project.outcomes()) == len(begun)
