"""The hand-over protocol, explored in full by spin: what must never happen does not, and would without its guards."""

import shutil
import subprocess

import pytest

from tests.log.spec_state import SPEC

pytestmark = pytest.mark.skipif(
    not (shutil.which("spin") and shutil.which("gcc")),
    reason="the model checker needs spin and gcc",
)


def explore(folder, *defines):
    """Return what spin prints of a full exploration."""
    shutil.copy(SPEC / "protocol.pml", folder)
    command = [
        "spin",
        *(f"-D{define}" for define in defines),
        "-search",
        "-m100000",
        "protocol.pml",
    ]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    assert "errors:" in done.stdout, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "defines",
    [["CRASHES=0", "REQUEUES=0"], ["CRASHES=2", "REQUEUES=1"], ["CRASHES=2", "REQUEUES=2"]],
    ids=" ".join,
)
def test_nothing_is_lost_repeated_or_left_unfinished_whatever_dies_when(tmp_path, defines):
    said = explore(tmp_path, *defines)
    assert "errors: 0" in said
    assert "Search not completed" not in said
    assert "max search depth too small" not in said


@pytest.mark.parametrize(
    ("dropped", "broken"),
    [
        ("NO_LOCK", "job[0]"),
        ("HASTY", "job[0]"),
        ("ONE_FOLD", "!(was)"),
        ("DONE_FIRST", "output"),
        ("SYNC_LATE", "acknowledged"),
    ],
)
def test_each_guard_is_needed(tmp_path, dropped, broken):
    said = explore(tmp_path, "CRASHES=1", dropped)
    assert "errors: 1" in said
    violated = next(line for line in said.splitlines() if "assertion violated" in line)
    assert broken in violated
