"""Progress: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest

from stilt.foundations.progress import FAILURES_SHOWN, Progress

SCRIPT = """
import sys
from stilt.foundations.progress import Progress
with Progress(30) as progress:
    for number in range(29):
        progress.finished(f"met_{number}", "complete", 2.0)
    progress.finished("met_bad", "failed", 1.0, "MET_MISSING: no file for 2015-10-18 00 UTC")
"""


def on_a_terminal(columns: int, **env: str) -> str:
    """Run the script on a pseudo-terminal of that width and return all that it wrote."""
    mine, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    inherited = {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "LINES"}}
    child = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdout=its,
        stdin=its,
        env={**inherited, "TERM": "xterm-256color", **env},
    )
    os.close(its)
    written = b""
    while True:
        try:
            written += os.read(mine, 65536)
        except OSError:
            break
    os.close(mine)
    assert child.wait() == 0
    return written.decode()


def test_without_a_terminal_each_simulation_has_a_line() -> None:
    stream = io.StringIO()
    with Progress(2, stream=stream) as progress:
        progress.finished("a", "complete", 24.31)
        progress.finished("b", "failed", 0.5, "MET_MISSING: no file")
    first, second = stream.getvalue().splitlines()
    assert first == "[1/2] complete    a  24 s"
    assert second == "[2/2] failed      b  0.5 s  MET_MISSING: no file"


def test_an_interrupted_simulation_is_not_counted_as_done() -> None:
    progress = Progress(3, stream=io.StringIO())
    progress.finished("a", "interrupted", 1.0)
    assert (progress.done, progress.failed) == (0, 0)


@pytest.mark.parametrize("columns", [20, 40, 80, 200])
def test_a_bar_fits_its_terminal(columns: int) -> None:
    progress = Progress(40_000)
    progress.done, progress.failed, progress.running = 31_234, 17, 64
    progress.note = "Slurm does not answer"
    line = progress.line(columns)
    assert line.cell_len <= columns
    assert "31,234/40,000 (78%)" in line.plain


def test_a_terminal_gets_a_bar_and_the_failures_above_it() -> None:
    shown = on_a_terminal(100)
    assert "━" in shown
    assert "30/30 (100%) · 1 failed" in shown.replace("\x1b[2m", "").replace("\x1b[0m", "").replace(
        "\x1b[31m", ""
    )
    assert "failed met_bad: MET_MISSING: no file for 2015-10-18 00 UTC" in shown
    assert "\x1b[31m" in shown
    assert shown.rstrip().endswith("\x1b[?25h"), "the cursor must be visible again"


def test_no_color_is_honoured() -> None:
    shown = on_a_terminal(100, NO_COLOR="1")
    assert "━" in shown
    assert "\x1b[31m" not in shown
    assert "\x1b[32m" not in shown


def test_a_dumb_terminal_gets_lines() -> None:
    assert "━" not in on_a_terminal(80, TERM="dumb")


def test_a_flood_of_failures_does_not_scroll_the_screen_away(monkeypatch) -> None:
    monkeypatch.setattr("stilt.foundations.screens.is_terminal", lambda _stream: True)
    stream = io.StringIO()
    with Progress(100, stream=stream) as progress:
        for number in range(100):
            progress.finished(f"sim{number}", "failed", 1.0, "MODEL_ERROR: it stopped")
    assert stream.getvalue().count("MODEL_ERROR") == FAILURES_SHOWN
    assert "stilt status --failed" in stream.getvalue()


def test_the_rate_is_that_of_a_stretch_of_time_not_of_a_burst(monkeypatch) -> None:
    now = 1000.0
    monkeypatch.setattr("stilt.foundations.progress.time.monotonic", lambda: now)
    progress = Progress(10_000, stream=io.StringIO())
    for _ in range(100):  # 50 workers that all need 24 s
        now += 24.0
        for _ in range(50):
            progress.finished("sim", "complete", 24.0)
        assert progress.per_second == pytest.approx(50 / 24, rel=0.05)
