"""What the guide tells people to type is right: commands, settings, tables, Python."""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import pytest
import yaml
from netCDF4 import Dataset

import stilt
from stilt.cli.boxes import BoxCommand
from stilt.cli.program import program
from stilt.config.load import parse_config
from stilt.guide.topics import TOPICS
from stilt.met.dataset import content, magic
from stilt.receptors import read_receptors
from stilt.weighting.table import read_rows
from tests.dataset.conftest import COLUMNS, arl, run
from tests.guide.pages import PAGES, blocks, commands
from tests.house.test_readme import hold, script_of, steps_of
from tests.meteorology.netcdf import Style, write_era5

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["arl"]

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
    if isinstance(command, BoxCommand):
        left = command.joined(left)
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


def template(topic: str, name: str) -> str:
    """Return a file that a page gives as a whole."""
    _, _, rest = PAGES[topic].partition(f"<!-- template: {name} -->\n```python\n")
    return rest.partition("```")[0]


def test_the_template_of_an_engine_makes_footprints(tmp_path: Path, stilt) -> None:
    (tmp_path / "drift.py").write_text(template("write-engine", "drift.py"))
    for language, file in (("yaml", "config.yaml"), ("csv", "receptors.csv")):
        [text] = [text for topic, text in blocks(language) if topic == "write-engine"]
        (tmp_path / file).write_text(text)
    checked = stilt("check", tmp_path)
    assert checked.returncode == 0, checked.stdout
    assert "mend mets.m.directory, if your engine reads any" in " ".join(checked.stdout.split())
    done = stilt("run", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 simulation: 1 complete" in done.stdout
    assert len(list(tmp_path.glob("output/footprints/near/*/m_*.nc"))) == 1


def test_an_engine_with_an_identity_and_refusals_is_asked_for_them(tmp_path: Path, stilt) -> None:
    whole = template("write-engine", "drift.py") + template("write-engine", "more")
    (tmp_path / "drift.py").write_text(whole)
    (tmp_path / "winds.csv").write_text("1,2\n")
    assert stilt("init", ".", "--example").returncode == 0
    config = tmp_path / "config.yaml"
    own = "model: drift.py:DriftByTable"
    config.write_text(re.sub("^model: .*", own, config.read_text(), flags=re.MULTILINE))
    with (tmp_path / "receptors.csv").open("a") as table:
        table.write("2020-01-01 00:00,-111.9,40.5,30\n")
    assert "1 of 7 simulations cannot run: MET_MISSING" in stilt("check").stdout
    assert "7 simulations: 6 complete, 1 failed" in stilt("run").stdout
    (tmp_path / "winds.csv").write_text("1,3\n")
    assert "engine input winds.csv was" in stilt("run", "--dry-run").stdout


def test_the_template_of_a_reader_gives_the_same_particles(
    arl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write_era5(tmp_path, arl, Style(is_double=True))
    theirs = run(files, -2, particles=10)
    reader: dict[str, Any] = {}
    exec(compile(template("write-reader", "npz.py"), "npz.py", "exec"), reader)  # noqa: S102
    monkeypatch.setitem(magic._KINDS, b"PK\x03\x04", "NPZ")
    monkeypatch.setattr(content, "open_file", reader["open_npz"])  # what the branch calls
    ours = run([_as_npz(path) for path in files], -2, particles=10)
    assert len(ours) == len(theirs) > 0
    for name in COLUMNS:
        np.testing.assert_array_equal(ours[name], theirs[name])


def _as_npz(path: Path) -> Path:
    """Write a NetCDF file's content as the template has it."""
    arrays: dict[str, Any] = {}
    about: dict[str, Any] = {}
    with Dataset(path) as file:
        file.set_auto_maskandscale(False)
        for name, variable in file.variables.items():
            numbers = variable[...]
            arrays[name] = numbers.astype(str) if numbers.dtype == object else numbers
            attrs = {key: variable.getncattr(key) for key in variable.ncattrs()}
            plain = {
                key: getattr(value, "tolist", lambda v=value: v)() for key, value in attrs.items()
            }
            about[name] = {"dims": variable.dimensions, "attrs": plain}
    found = path.with_suffix(".npz")
    np.savez(found, about=json.dumps(about), **arrays)
    return found
