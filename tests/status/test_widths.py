"""At every width each number is whole, or its column is absent as a whole."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from stilt.check.finding import note, wrong_input
from stilt.check.table import render as render_findings
from stilt.cli.status import _redraw
from stilt.foundations.page import ENDLESS, Page, columns
from stilt.status.failed import Failure
from stilt.status.failed import render as render_failed
from stilt.status.history import Entry, History
from stilt.status.history import render as render_history
from stilt.status.screen import render as render_status
from stilt.status.stream import wrapped
from tests.projects import make_project
from tests.status.test_screen import BUSY, NOW

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from subprocess import CompletedProcess

WIDTHS = [30, 60, 80, 100, 200]
MESSAGE = (
    "met has no hrrr_20300316_18 for 2030-03-16 18:00 to 2030-03-17 00:00 UTC, of 12,345 files"
)
SIM = "hrrr_203003170000_-112.123_40.512_1005"

FAILED = [
    Failure(
        sim=SIM,
        reason="MET_MISSING",
        message=MESSAGE,
        node="node0017",
        batch="0001-abcdef0123",
        task=3,
        wall_s=12.25,
        log=f"/data/my/tower/output/logs/2030-03-17/{SIM}.log",
    )
]
HISTORY = History(
    sim=SIM,
    state="failed",
    batch="0001-abcdef0123",
    damaged=0,
    events=(
        Entry(
            at=NOW,
            event="done",
            batch="0001-abcdef0123",
            seq=1,
            node="node0017",
            task=3,
            job="123456_3",
            outcome="failed",
            reason="MET_MISSING",
            message=MESSAGE,
            facts={"lifted_m": 123.456, "particles_left": 1024.0},
        ),
    ),
)
FINDINGS = [
    wrong_input("met hrrr", MESSAGE, "put 3 more files there", code="MET_MISSING"),
    note("native", MESSAGE),
]

PAGES: dict[str, Callable[[int], str]] = {
    "status": lambda width: render_status(BUSY, width, now=NOW),
    "status --failed": lambda width: render_failed(FAILED, width),
    "check": lambda width: render_findings(FINDINGS, width),
    "logs": lambda width: render_history(HISTORY, width),
    "log show": lambda width: wrapped(
        f"2030-03-17 17:46:40  0001-abcdef0123 task 3 on n1  done {SIM}: {MESSAGE}", width
    ),
}


def numbers(text: str) -> set[str]:
    return {word for word in text.split() if re.search(r"\d", word)}


@pytest.mark.parametrize("command", PAGES)
@pytest.mark.parametrize("width", WIDTHS)
def test_a_narrow_terminal_shows_no_part_of_a_number(command: str, width: int) -> None:
    shown, whole = PAGES[command](width), PAGES[command](ENDLESS)
    assert numbers(shown) <= numbers(whole)
    assert "…" not in shown
    if command != "status":  # nothing is left out but columns of its tables
        assert numbers(shown) == numbers(whole)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_narrow_status_keeps_all_but_whole_columns_of_what_runs(width: int) -> None:
    shown, whole = (PAGES["status"](each) for each in (width, ENDLESS))
    spared = {task.node for task in BUSY.running_tasks} | {task.job for task in BUSY.running_tasks}
    lost = numbers(whole) - numbers(shown) - {"n1)"}  # where a failure was: only beside its command
    assert lost <= spared
    for cells in ({task.node for task in BUSY.running_tasks}, {t.job for t in BUSY.running_tasks}):
        kept = cells & numbers(shown)
        assert not kept or kept == cells & numbers(whole)


@pytest.mark.parametrize("width", range(24, 70))
def test_a_table_loses_whole_columns_then_becomes_lines(width: int) -> None:
    page = Page(width)
    rows = [("0001-ab", "slurm 1234", "40,000", "1 h 5 min"), ("0002-cd", "-", "7", "3 s")]
    page.table(("batch", "where", "total", "for"), rows, "llrr", spare=("where",))
    text = page.text()
    assert {"40,000", "7", "0001-ab", "0002-cd"} <= set(text.split())
    assert ("1234" in text) == ("slurm" in text)
    assert all(columns(line) <= width for line in page.lines)
    if width < 28:
        assert "total 40,000" in " ".join(text.split())


def test_an_unread_line_of_a_short_window_is_counted(monkeypatch, capsys) -> None:
    monkeypatch.setenv("LINES", "5")
    monkeypatch.setenv("COLUMNS", "80")
    _redraw("".join(f"line {number}\n" for number in range(10)))
    shown = capsys.readouterr().out
    assert "line 2" in shown
    assert "line 3" not in shown
    assert "7 lines more" in shown


@pytest.mark.parametrize("width", WIDTHS)
def test_met_says_the_same_at_every_width(
    tmp_path: Path, stilt: Callable[..., CompletedProcess[str]], width: int
) -> None:
    """In a pipe each fact is a line, however narrow the terminal is said to be."""
    project = make_project(tmp_path / "p")
    (project.path / "met").mkdir()
    done = stilt("met", project.path, env={"COLUMNS": str(width)})
    assert done.returncode == 2
    assert "  files      no file reads as ARL, NetCDF, Zarr or GRIB\n" in done.stdout


def complete(stilt, words: str, cwd: Path) -> list[str]:
    """Return what Tab offers at the end of a command line."""
    env = {"_STILT_COMPLETE": "bash_complete", "COMP_WORDS": words}
    shown = stilt(cwd=cwd, env={**env, "COMP_CWORD": str(len(words.split(" ")) - 1)})
    return [line.partition(",")[2] for line in shown.stdout.splitlines() if line]


def test_tab_offers_what_the_project_has(tmp_path: Path, stilt) -> None:
    project = make_project(
        tmp_path / "p",
        footprints="{near: {xmin: -113, xmax: -111, ymin: 40, ymax: 41, xres: 1, yres: 1}}",
    )
    assert complete(stilt, "stilt logs ", tmp_path) == [], "no project, no names, no traceback"
    assert project.stilt("run").code == 0
    [sim] = project.outcomes()
    assert complete(stilt, "stilt logs fa", project.path) == [sim]
    assert complete(stilt, f"stilt logs {sim[6:]}", project.path) == [sim]
    assert complete(stilt, "stilt log replay --sim ", project.path) == [sim]
    assert complete(stilt, "stilt jacobian --footprint ", project.path) == ["near"]
    for command in ("export --footprint ", "plot p --footprint "):
        folder = tmp_path if "plot" in command else project.path
        assert complete(stilt, f"stilt {command}", folder) == ["near"]
    assert complete(stilt, "stilt met --met ", project.path) == ["fake"]
    assert complete(stilt, "stilt push-worker --batch ", project.path) == project.batches()
    assert "MET_MISSING" in complete(stilt, "stilt run --only met", project.path)
    assert complete(stilt, "stilt met --download hr", project.path)[0] == "hrrr"
