"""What commands print at 60, 80, 100 and 200 columns and in a pipe, word for word, as it lies in ``pages/``.

``STILT_WRITE_PAGES=1`` writes these files anew: read the difference before it is committed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stilt.cli import met
from stilt.example.atmosphere import write_atmosphere
from stilt.foundations.page import ENDLESS
from tests.projects import make_project
from tests.status.test_widths import PAGES

FOLDER = Path(__file__).parent / "pages"
IN_A_PIPE = {"status": 80, "check": 80}
"""How wide these are there; others have a line for each entry."""


def widths(command: str) -> dict[str, int]:
    piped = IN_A_PIPE.get(command, ENDLESS)
    return {**{f"{width} columns": width for width in (60, 80, 100, 200)}, "in a pipe": piped}


def compare(command: str, shown: dict[str, str]) -> None:
    said = "".join(f"===== {where}\n{text.rstrip()}\n" for where, text in shown.items())
    file = FOLDER / f"{command.replace(' ', '-')}.txt"
    if os.environ.get("STILT_WRITE_PAGES"):
        file.write_text(said, encoding="utf-8")
    assert said == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("command", PAGES)
def test_a_command_prints_these_words(command: str) -> None:
    render = PAGES[command]
    compare(command, {where: render(width) for where, width in widths(command).items()})


def test_met_prints_these_words(tmp_path, monkeypatch, capsys) -> None:
    project = make_project(tmp_path / "p", settings="roughness: 0.2").path
    text = (project / "config.yaml").read_text().replace(", file_format: '%Y%m%d'", "")
    lines = [line for line in text.splitlines() if not line.startswith("model:")]
    (project / "config.yaml").write_text(
        "\n".join([*lines, "model: native"]).replace(", file_tres: 6h", "") + "\n"
    )
    (project / "receptors.csv").write_text(
        "time,longitude,latitude,altitude\n2026-06-16 22:00,-111.9,40.5,30\n2026-07-16 22:00,-111.9,40.5,30\n"
    )
    write_atmosphere(project / "met")
    shown = {}
    for where, width in widths("met").items():
        monkeypatch.setattr(met, "terminal_width", lambda width=width, **_: width)
        assert met.command.main([str(project)], standalone_mode=False) == 0
        shown[where] = capsys.readouterr().out.replace(str(project), "/my/project")
    compare("met", shown)
