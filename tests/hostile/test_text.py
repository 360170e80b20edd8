"""Nothing that a file or a program says reaches a terminal, a page or a script as more than text."""

from __future__ import annotations

import io
import json
import os
import pty
import shutil
import subprocess
import sys

import pytest

from stilt.foundations import errors, text
from stilt.foundations.page import Page
from stilt.foundations.progress import Progress
from stilt.migrate.migration import Migration
from tests.hostile.asking import ask
from tests.hostile.logs import ESCAPES, done, header, pending, write_segment
from tests.projects import PATIENCE_S, make_project

MEGABYTES = "M" * 2_000_000
MARKUP = "<script>document.title='hacked'</script><img src=x onerror=\"document.title='hacked'\">"
IMAGE = "<img src=x onerror=\"document.title='hacked'\">"
"""Markup that may be in the name of a simulation: it has no slash."""

ENDED = "\x1b\x07\x9b\x7f\u202e\r"

COMMANDS = [
    "status --no-slurm",
    "status --no-slurm --json",
    "status --failed",
    "status --failed --json",
    "log show",
    "log replay",
    "log replay --json",
    "log replay --sim fake_x",
    "log replay --sim fake_x --json",
    "logs fake_x",
    "logs fake_",
    "run --dry-run",
    "verify",
    "verify --json",
    "archive --dry-run",
    "cancel",
    "check",
    "check --json",
    "met",
    "plot fake_x",
    "report",
]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A project, run once, in whose log somebody else wrote."""
    project = make_project(tmp_path_factory.mktemp("hostile") / "p", (5, 50))
    (project.path / "met").mkdir()
    (project.path / "met" / f"20151210{ESCAPES.replace('/', '')}").write_bytes(b"x" * 200)
    assert project.stilt("run").code == 0
    more = [
        done(f"fake_{n}{ESCAPES}", "failed", reason="R" + ESCAPES, message="M" + ESCAPES)
        for n in range(3)
    ]
    write_segment(
        project.output / "log",
        header("N" + ESCAPES + MARKUP, stilt="9" + ESCAPES),
        pending(),
        done("fake_x", "failed", reason="MODEL_ERROR", message="M" + ESCAPES),
        done("fake_m", "failed", reason="TIMEOUT", message=MEGABYTES),
        *more,
        done(f"fake_{IMAGE}", "failed", reason=f"Z{MARKUP}", message=MARKUP),
        {"event": "started", "sim": "fake_y" + ESCAPES, "at": 1.7e9},
        {"event": "invalid" + ESCAPES, "at": 1.7e9},
        {"event": "cancelled", "batch": "0002-b", "jobs": ["1" + ESCAPES], "at": 1.7e9},
        {"event": "closed", "at": 1.7e9, "why": "S" + ESCAPES},
    )
    receptors = project.path / "receptors.csv"
    head, *rows = receptors.read_text().splitlines()
    label = '"' + IMAGE.replace('"', '""') + '"'
    receptors.write_text("\n".join([f"{head},site", *(f"{row},{label}" for row in rows)]))
    words = project.output / "logs" / "2015-12-10" / "fake_x.log"
    words.parent.mkdir(parents=True)
    words.write_text(f"the model says\n{ESCAPES}")
    return project


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_prints_what_a_terminal_obeys(hostile, command: str) -> None:
    answer = ask(hostile, *command.split())
    for stream in (answer.out, answer.err):
        assert not set(stream).intersection(ENDED), ascii(stream)
        # the model's own words are shown line by line
        assert command == "logs fake_x" or "\n stilt: all is well" not in stream
        assert len(max(stream.splitlines(), key=len, default="")) < 3 * text.MOST_SHOWN or (
            "--json" in command
        )
    assert "Traceback" not in answer.err
    assert answer.code != 70, answer.err
    if "--json" in command:
        json.loads(answer.out)


@pytest.mark.parametrize("command", ["status", "status --failed", "log show", "logs fake_x"])
def test_a_terminal_gets_no_sequence_but_colours(hostile, command: str) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "stilt", *command.split()],
        cwd=hostile.path,
        env=hostile.environment(TERM="xterm"),
        stdout=theirs,
        stderr=theirs,
        stdin=subprocess.DEVNULL,
    ):
        os.close(theirs)
        shown = b""
        while block := _read(ours):
            shown += block
    os.close(ours)
    lines = shown.decode().replace("\r\n", "\n")
    assert not set(lines).intersection(set(ENDED) - {"\x1b"})
    for part in lines.split("\x1b")[1:]:
        assert part.partition("m")[0] in {"[0", "[1", "[2", "[31", "[32", "[33", "[36"}, ascii(part)
    assert "title" in lines


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other side is closed
        return b""


@pytest.mark.parametrize(
    ("given", "becomes"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\x1b]52;c;x\x07b", "a\\x1b]52;c;x\\x07b"),
        ("a\rb\x9b1m\n", "a\\rb\\x9b1m\n"),
        ("über 日本 °\tx\n", "über 日本 °\tx\n"),
        ("\udcff", "\\udcff"),
    ],
)
def test_a_stream_to_a_file_gets_text_and_line_ends(given: str, becomes: str) -> None:
    kept = io.StringIO()
    stream = text.PrintableStream(kept)
    stream.write(given)
    assert kept.getvalue() == becomes


def test_a_stream_to_a_terminal_gets_what_stilt_draws_with_and_no_more() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    kept = Terminal()
    stream = text.PrintableStream(kept)
    ours = "\x1b[31mred\x1b[0m\x1b[?25l\x1b[2K\r\x1b[1A\n"
    stream.write(ours + "\x1b]0;title\x07\x1b[6n\x1bc\x1b[31;6x\x9bm")
    assert kept.getvalue() == ours + "\\x1b]0;title\\x07\\x1b[6n\\x1bc\\x1b[31;6x\\x9bm"


def test_bytes_go_the_same_way() -> None:
    kept = io.StringIO()
    text.PrintableStream(kept).buffer.write(b"a\x1b[2J\xff\n")
    assert kept.getvalue() == "a\\x1b[2J\\xff\n"


def test_errors_are_made_printable_and_cut() -> None:
    error = errors.InputError("a " + ESCAPES + MEGABYTES, "b")
    assert not set(error.message).intersection(ENDED)
    assert len(error.message) <= errors.MOST_OF_A_MESSAGE + 100
    problems = errors.ProblemsError("f", (MEGABYTES, ESCAPES))
    assert len(problems.problems[0]) == text.MOST_SHOWN
    assert "2,000,000 characters" in problems.problems[0]
    assert problems.problems[1].isprintable()


def test_what_is_shown_is_bounded_and_says_how_long_it_was() -> None:
    assert len(text.shown(MEGABYTES)) == text.MOST_SHOWN
    assert text.shown(MEGABYTES).endswith("... (2,000,000 characters)")
    assert text.shown("short") == "short"
    once = text.shown("\x00" * 5000)
    assert text.shown(once) == once


def test_a_page_of_status_takes_text_from_anywhere() -> None:
    page = Page(80, colour=True)
    page.line((ESCAPES, "red"), ESCAPES)
    page.prose(ESCAPES + MEGABYTES)
    page.table(("a", "b"), [(ESCAPES, MEGABYTES)], "ll")
    lines = page.text().split("\n")
    assert len(page.text()) < 10_000
    assert all(part[:1] == "[" for line in lines for part in line.split("\x1b")[1:])
    assert not set(page.text()).intersection(set(ENDED) - {"\x1b"})


def test_progress_shows_a_failure_on_one_line() -> None:
    kept = io.StringIO()
    with Progress(1, kept) as progress:
        progress.finished("sim" + ESCAPES, "failed", 1.0, ESCAPES + MEGABYTES)
    assert kept.getvalue().count("\n") == 1
    assert len(kept.getvalue()) <= text.MOST_SHOWN + 1


def test_json_escapes_what_json_itself_leaves_as_it_is() -> None:
    value = {"a": "\x9b\x7f\u202e\U000e0001 ü\n"}
    assert not set(text.json_text(value)).intersection(ENDED)
    assert text.json_text(value).replace("\n", "").isprintable()
    assert json.loads(text.json_text(value)) == value


def test_json_writes_names_of_files_that_are_not_utf8_as_they_are_shown() -> None:
    value = {"a\udcff": ["\udcff\x1b", 1, None]}
    assert json.loads(text.json_text(value)) == {"a\\udcff": ["\\udcff\x1b", 1, None]}


def test_a_batch_whose_folder_has_no_name_in_utf8_is_told_of_in_json(tmp_path) -> None:
    project = make_project(tmp_path / "p", (5,))
    write_segment(project.output / "log", header(batch="0002-b"), pending(), batch="\udcff")
    answer = ask(project, "status", "--json", "--no-slurm")
    assert answer.code in {0, 5}, answer.err
    json.loads(answer.out)


def test_the_report_holds_no_markup_of_the_data(hostile, tmp_path) -> None:
    page = tmp_path / "report.html"
    answer = ask(hostile, "report", "-o", str(page))
    assert answer.code == 0, answer.err
    html = page.read_text()
    assert MARKUP not in html
    assert IMAGE not in html
    assert "&lt;script&gt;" in html
    assert not set(html).intersection(set(ENDED))
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no Chromium here")
    seen = subprocess.run(
        [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert "<h1>" in seen.stdout, seen.stderr
    assert "<script" not in seen.stdout
    assert "<img src=x" not in seen.stdout
    assert "hacked" not in seen.stdout.partition("</title>")[0]


def test_html_has_no_markup_of_the_data() -> None:
    assert text.as_html("<b>" + "\x1b\n'\"") == ("&lt;b&gt;\\x1b\n&#x27;&quot;")


def test_notes_of_a_migration_add_no_line_to_the_settings(tmp_path) -> None:
    import yaml

    migration = Migration(tmp_path / "run\u2028n_hours: -9.r", settings={"n_hours": -1})
    migration.note("x\u2028model: evil\x85numpar: 3\n")
    assert yaml.safe_load(migration.yaml()) == {"n_hours": -1}
