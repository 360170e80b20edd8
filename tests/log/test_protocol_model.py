"""The protocols, explored in full by spin: what must never happen does not, and would without their rules."""

import shutil
import subprocess

import pytest

from tests.log.spec_state import SPEC

pytestmark = pytest.mark.skipif(
    not (shutil.which("spin") and shutil.which("gcc")),
    reason="the model checker needs spin and gcc",
)


def explore(folder, *defines, model="protocol.pml"):
    """Return what spin prints of a full exploration."""
    shutil.copy(SPEC / model, folder)
    command = [
        "spin",
        *(f"-D{define}" for define in defines),
        "-search",
        "-m100000",
        model,
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
    assert_nothing_is_wrong(explore(tmp_path, *defines))


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
    assert broken in violated_in(explore(tmp_path, "CRASHES=1", dropped))


@pytest.mark.parametrize(
    "defines",
    [
        ["CRASHES=2", "REQUEUES=0"],
        ["CRASHES=1", "REQUEUES=1"],
        ["CRASHES=1", "REQUEUES=0", "LEGACY"],
        ["CRASHES=0", "REQUEUES=1", "LEGACY"],
    ],
    ids=" ".join,
)
def test_what_the_log_vouches_for_is_served_and_never_replaced_by_an_older_writer(
    tmp_path, defines
):
    assert_nothing_is_wrong(explore(tmp_path, *defines, model="fence.pml"))


SERVED, PLAIN = "seen_holds", "plain=="


@pytest.mark.parametrize(
    ("defines", "broken"),
    [
        (["CRASHES=0", "REQUEUES=0", "SHARED"], SERVED),
        (["CRASHES=1", "REQUEUES=0", "LAZY"], SERVED),
        (["CRASHES=1", "REQUEUES=0", "LAZY", "LEGACY"], SERVED),
        (["CRASHES=0", "REQUEUES=0", "REMOVE_ALL"], SERVED),
        (["CRASHES=0", "REQUEUES=1", "BELIEVE"], SERVED),
        (["CRASHES=0", "REQUEUES=0", "LOOK_AWAY"], PLAIN),
        (["CRASHES=0", "REQUEUES=0", "EMPTY_STAYS"], PLAIN),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_each_rule_about_results_is_needed(tmp_path, defines, broken):
    assert broken in violated_in(explore(tmp_path, *defines, model="fence.pml"))


def test_without_the_question_work_is_done_twice_and_nothing_else_is_wrong(tmp_path):
    defines = ["CRASHES=0", "REQUEUES=1", "NO_QUESTION"]
    assert_nothing_is_wrong(explore(tmp_path, *defines, model="fence.pml"))


@pytest.mark.parametrize("defines", [["RIVALS=2"], ["RIVALS=3", "CRASHES=2"]], ids=" ".join)
def test_of_runs_at_once_without_a_lock_just_one_goes_on(tmp_path, defines):
    assert_nothing_is_wrong(explore(tmp_path, *defines, model="rivals.pml"))


@pytest.mark.parametrize(
    ("dropped", "broken"),
    [
        ("LOOK_FIRST", "<=1"),
        ("NO_WAIT", "<=1"),
        ("FORGET", "<=1"),
        ("HASTY", "<=1"),
        ("NO_ORDER", "==1"),
    ],
)
def test_each_rule_about_runs_at_once_is_needed(tmp_path, dropped, broken):
    assert broken in violated_in(explore(tmp_path, "RIVALS=2", dropped, model="rivals.pml"))


def assert_nothing_is_wrong(said):
    assert "errors: 0" in said
    assert "Search not completed" not in said
    assert "max search depth too small" not in said


def violated_in(said):
    assert "errors: 1" in said
    return next(line for line in said.splitlines() if "assertion violated" in line)
