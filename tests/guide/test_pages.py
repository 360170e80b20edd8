"""The guide is whole: every topic, setting, state, reason and link is there, and `stilt help` shows it."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest

from stilt.config.schema import SETTINGS
from stilt.config.sections import Execution, FootprintGrid
from stilt.foundations import errors
from stilt.guide.screen import drawn, plain
from stilt.guide.topics import FOLDER, TOPICS, explained, named, topic
from stilt.status.summary import Summary
from stilt.transport.protocol import Reason
from tests.guide.pages import PAGES
from tests.shared_data import REPOSITORY

STATES = ("pending", "running", "complete", "empty", "failed", "interrupted", "stale")


def test_every_file_is_a_topic_and_begins_with_a_heading_and_a_sentence() -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} == set(TOPICS)
    for name in TOPICS:
        page = topic(name)
        assert page.text.startswith("# ")
        assert 20 < len(page.summary) < 160
        assert page.summary.endswith((".", "?")), name
        assert not [line for line in page.text.splitlines() if line.startswith("# ")][1:] or (
            "```" in page.text
        )


def test_every_setting_is_in_the_guide_as_the_code_has_it() -> None:
    rows = set(re.findall(r"^\| (\w+) \|", PAGES["configuration"], re.MULTILINE))
    assert set(SETTINGS) <= rows
    own = {name for name in Execution.__struct_fields__ if name != "sbatch"}
    text = PAGES["configuration"].replace("cpus-per-task", "cpus_per_task")
    assert all(f"`{name}`" in text for name in own)
    assert all(re.search(rf"[` ]{name}[` ]", text) for name in FootprintGrid.__struct_fields__)


def test_states_reasons_and_exit_codes_are_explained() -> None:
    assert set(STATES) <= set(Summary.__struct_fields__)
    assert all(f"| `{state}` |" in PAGES["states"] for state in STATES)
    assert all(f"## {reason}\n" in PAGES["errors-simulations"] for reason in Reason)
    for kind in (
        errors.InputError,
        errors.NotFinishedError,
        errors.EnvironmentFailure,
        errors.DamagedError,
    ):
        assert f"## Exit code {kind.exit_code}:" in PAGES["troubleshooting"]
        assert f"| {kind.exit_code} |" in PAGES["states"]


@pytest.mark.parametrize("name", TOPICS)
def test_links_lead_to_topics_and_paths_to_files(name: str) -> None:
    for target, anchor in re.findall(r"\]\(([^)#]*)(#[^)]*)?\)", PAGES[name]):
        assert target.removesuffix(".md") in TOPICS
        assert not anchor
    for path in re.findall(r"`((?:spec|tools|tests|stilt)/[\w./-]+)`", PAGES[name]):
        assert (REPOSITORY / path).exists(), path
    for path in re.findall(r"tools/test ((?:tests/[\w./-]+ ?)+)", PAGES[name]):
        assert all((REPOSITORY / each).exists() for each in path.split()), path


def test_help_lists_topics_and_shows_one_plainly_in_a_pipe(stilt) -> None:
    shown = stilt("help")
    assert shown.returncode == 0
    assert all(name in shown.stdout for name in TOPICS)
    assert not [line for line in shown.stdout.splitlines() if len(line) > 100]
    narrow = stilt("help", env={"COLUMNS": "60"})
    assert not [line for line in narrow.stdout.splitlines() if len(line) > 60]
    shown = stilt("help", "Receptors")
    assert shown.stdout == plain(topic("receptors"))
    assert "\x1b" not in shown.stdout
    assert "(stilt help satellite)" in shown.stdout


def test_an_unknown_topic_is_answered_with_the_nearest(stilt) -> None:
    shown = stilt("help", "metorology")
    assert shown.returncode == 2
    assert "the guide has no topic 'metorology'" in shown.stderr
    assert "nearest: meteorology" in shown.stderr
    shown = stilt("help", "verify")
    assert shown.returncode == 2
    assert "the guide has no topic 'verify': it is a command" in shown.stderr
    assert "'stilt verify --help'" in shown.stderr


@pytest.mark.parametrize(
    ("begun", "completed"),
    [("write-e", "write-engine"), ("CHECKPO", "CHECKPOINT_ODD"), ("met-mis", "MET_MISSING")],
)
def test_a_shell_completes_topics_and_codes(stilt, begun: str, completed: str) -> None:
    words = {
        "COMP_WORDS": f"stilt help {begun}",
        "COMP_CWORD": "2",
        "_STILT_COMPLETE": "bash_complete",
    }
    assert stilt(env=words).stdout == f"plain,{completed}\n"


def test_help_shows_what_a_code_means(stilt) -> None:
    for word in ("MET_MISSING", "met-missing", "[MET_MISSING]"):
        shown = stilt("help", word)
        assert shown.returncode == 0
        assert shown.stdout.startswith("# MET_MISSING\n\nThere is no meteorology file")
        assert "`stilt help errors-simulations`" in shown.stdout
    shown = stilt("help", "MET_MISING")
    assert "nearest: MET_MISSING" in shown.stderr
    assert "the guide has no topic 'MET_MISING' [TOPIC_UNKNOWN]\n" in shown.stderr
    listed = stilt("help", "errors").stdout
    assert all(f"`{code}`" in listed for code in explained())


def test_words_that_people_try_lead_to_a_topic() -> None:
    assert named("Kernels") == "satellite"
    assert named("R-STILT") == "moving"
    assert named("write engine") == "write-engine"
    assert named("nonsense") is None


def test_a_topic_is_drawn_on_a_terminal() -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "90", "LINES": "999"}
    with subprocess.Popen(
        [sys.executable, "-m", "stilt", "help", "states"],
        stdin=theirs,
        stdout=theirs,
        env=environment,
    ) as child:
        os.close(theirs)
        text = b""
        try:
            while part := os.read(ours, 65536):
                text += part
        except OSError:  # a terminal that its last writer has left
            pass
    os.close(ours)
    assert child.returncode == 0
    assert b"\x1b[" in text
    assert b"States of a simulation" in text


def test_what_is_drawn_fits_the_terminal() -> None:
    for name in TOPICS:
        text = re.sub(r"\x1b\[[0-9;]*m", "", drawn(topic(name), 80))
        assert not [line for line in text.splitlines() if len(line) > 80]
        assert "](" not in text
