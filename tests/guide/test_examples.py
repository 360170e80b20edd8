"""What the guide tells people to type is right: commands, settings, tables, Python."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import click
import pytest
import yaml

import stilt
from stilt.cli.program import program
from stilt.config.load import parse_config
from stilt.guide.topics import TOPICS
from stilt.receptors import read_receptors
from stilt.weighting.table import read_rows
from tests.guide.pages import PAGES, blocks, commands
from tests.house.test_readme import hold, script_of, steps_of

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = sorted({(name, tuple(words)) for name, words in commands()})
IN_BLOCKS = {tuple(words) for _, words in commands(within_lines=False)}
NEEDED = {"mets": {"m": "/data/m"}, "n_hours": -1}


@pytest.mark.parametrize("topic", TOPICS)
def test_commands_have_the_options_and_arguments_that_are_given(topic: str) -> None:
    for words in (words for name, words in COMMANDS if name == topic):
        _parse(topic, words)


def _parse(topic: str, words: tuple[str, ...]) -> None:
    command, left = program, list(words)
    context = click.Context(program, info_name="stilt")
    while isinstance(command, click.Group):
        assert left, f"{topic}: `stilt {' '.join(words)}` lacks a command"
        name = left.pop(0)
        found = command.get_command(context, name)
        assert found is not None, f"{topic}: there is no `stilt {name}`"
        command, context = found, click.Context(found, info_name=name, parent=context)
        if not left:
            return
    try:
        _, rest, _ = command.make_parser(context).parse_args(left)
    except click.BadOptionUsage:  # an option that is named, and not used, in a sentence
        assert words not in IN_BLOCKS
    else:
        assert not rest


@pytest.mark.parametrize(("topic", "text"), blocks("yaml"))
def test_settings_are_read_by_the_program(topic: str, text: str) -> None:
    given = yaml.safe_load(text)
    lacking = {key: value for key, value in NEEDED.items() if key not in given}
    parse_config(f"{text}\n{yaml.safe_dump(lacking) if lacking else ''}", topic)


@pytest.mark.parametrize(("topic", "text"), blocks("csv"))
def test_tables_are_read_by_the_program(topic: str, text: str, tmp_path: Path) -> None:
    if text.startswith("sounding,"):
        (tmp_path / "kernels.csv").write_text(text)
        assert set(read_rows(tmp_path / "kernels.csv", {"sounding"}).numbers)
        return
    (tmp_path / "receptors.csv").write_text(text)
    assert len(read_receptors(tmp_path / "receptors.csv", ("m",))), topic


@pytest.mark.parametrize(("topic", "text"), blocks("python"))
def test_python_uses_names_that_there_are(topic: str, text: str) -> None:
    for node in ast.walk(ast.parse(text, topic)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "stilt":
                assert node.attr in stilt.__all__
            if node.value.id == "project":
                assert hasattr(stilt.Project, node.attr)


def test_the_first_run_goes_as_it_is_told(tmp_path: Path) -> None:
    steps = steps_of(PAGES["first-run"])
    hold(steps, script_of(steps), tmp_path)


def test_the_template_of_an_engine_makes_footprints(tmp_path: Path, stilt) -> None:
    _, _, rest = PAGES["write-engine"].partition("<!-- template: drift.py -->\n```python\n")
    (tmp_path / "drift.py").write_text(rest.partition("```")[0])
    (tmp_path / "met").mkdir()
    (tmp_path / "config.yaml").write_text(
        "mets: {m: {directory: met, file_format: x, file_tres: 1d}}\n"
        "n_hours: -2\nnumpar: 20\nmodel: drift.py:Drift\n"
        "footprints: {f: {xmin: -114, xmax: -110, ymin: 39, ymax: 42, xres: 0.1}}\n"
    )
    (tmp_path / "receptors.csv").write_text(
        "time,longitude,latitude,altitude\n2024-07-01 18:00,-111.85,40.77,5\n"
    )
    done = stilt("run", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 simulation: 1 complete" in done.stdout
    assert len(list(tmp_path.glob("output/footprints/f/*/m_*.nc"))) == 1
