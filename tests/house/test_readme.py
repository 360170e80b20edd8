"""README.md is true: its transcript runs as written, and its tables name what the code has."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from stilt.cli.program import SECTIONS
from stilt.config.load import load_config, parse_config
from stilt.config.reference import as_markdown
from stilt.config.schema import NAMELIST_KEYS, Config, Execution
from stilt.foundations import errors
from stilt.receptors.header import ALIASES
from stilt.status.summary import Summary
from stilt.transport.protocol import Reason
from tests.shared_data import REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
DONE = "--- done ---"


def steps_of(page: str) -> list[tuple[str, str]]:
    """Return the commands of a page's transcript with what they print."""
    found: list[tuple[str, str]] = []
    for block in re.findall(r"<!-- transcript -->\n```console\n(.*?)```", page, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            found.append((command, printed))
    return found


def matches(printed: str, expected: str) -> bool:
    """Compare with `...` standing for anything, lines included."""
    pattern = ".*?".join(map(re.escape, expected.split("...")))
    return re.fullmatch(pattern, printed, re.DOTALL) is not None


def script_of(steps: list[tuple[str, str]]) -> str:
    """Return the commands of a transcript as a script that says ``DONE`` after each."""
    commands = "\n".join(f"{command}\necho '{DONE}'" for command, _ in steps)
    return commands.replace(f"\necho '{DONE}'\necho $?", f"\ncode=$?; echo '{DONE}'\necho $code")


def hold(steps: list[tuple[str, str]], commands: str, folder: Path) -> None:
    """Run the commands of a transcript, a line ``DONE`` after each, and hold what they print against it."""
    shown = subprocess.run(
        ["bash", "-c", commands],
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "COLUMNS": "100",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    printed = shown.stdout.split(f"{DONE}\n")
    for (command, expected), text in zip(steps, printed, strict=False):
        assert matches(text, expected), f"$ {command}\n{text}\n--- it is told ---\n{expected}"


def test_the_transcript_runs_as_written(tmp_path) -> None:
    hold(steps_of(README), script_of(steps_of(README)), tmp_path)


def test_the_readme_names_every_command_and_no_other() -> None:
    known = {name for part in SECTIONS.values() for name in part}
    spans = re.findall(r"`(stilt [^`]*)`|^\$ (stilt .*)$", README, re.MULTILINE)
    named = {(span or line).split()[1] for span, line in spans}
    assert named == known


def test_every_setting_is_in_the_table_or_in_the_namelist() -> None:
    table = README[README.index("| key | meaning") : README.index("Further top-level keys")]
    rows = set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE))
    assert rows <= set(Config.__struct_fields__)
    assert {"mets", "footprints", "model", "hysplit", "seed", "output", "execution"} <= rows
    assert {"n_hours", "numpar"} <= rows
    defaults = dict(
        zip(reversed(Config.__struct_fields__), reversed(Config.__struct_defaults__), strict=False)
    )
    assert f"| {defaults['numpar']} |" in table
    assert "veght" in NAMELIST_KEYS


def test_the_reference_is_that_of_the_code() -> None:
    _, _, rest = README.partition("<!-- settings -->\n")
    assert rest.partition("<!-- end of settings -->")[0] == as_markdown(), (
        "put in what `stilt config reference --markdown` prints"
    )


def test_execution_keys_are_named() -> None:
    section = README[README.index("`execution` has keys") : README.index("### receptors.csv")]
    own = [name for name in Execution.__struct_fields__ if name != "sbatch"]
    assert all(name in section.replace("cpus-per-task", "cpus_per_task") for name in own)


def test_the_settings_shown_are_valid(tmp_path: Path) -> None:
    whole, *parts = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    for part in parts:
        (tmp_path / "config.yaml").write_text(f"{part}n_hours: -24\nfootprints: {{}}\n")
        load_config(tmp_path / "config.yaml")
    config = parse_config(whole, "README.md")
    assert config.execution.sbatch["partition"] == "mypartition"


def test_receptor_columns_are_those_that_are_read() -> None:
    known = {name for names in ALIASES.values() for name in names.split()}
    table = README[README.index("| column | meaning") : README.index("Two heights at one place")]
    for row in filter(None, table.splitlines()[2:]):
        cells = row.split("|")
        names = re.findall(r"`(\w+)`", cells[1]) + re.findall(r"`(\w+)`", cells[3])
        assert names == [] or set(names) <= known


def test_exit_codes_states_and_reasons_are_those_of_the_code() -> None:
    codes = README[README.index("### Exit codes") : README.index("## What is where")]
    for kind in (
        errors.InputError,
        errors.NotFinishedError,
        errors.EnvironmentFailure,
        errors.DamagedError,
    ):
        assert f"| {kind.exit_code} |" in codes
    for state in ("pending", "running", "complete", "empty", "failed", "interrupted", "stale"):
        assert state in Summary.__struct_fields__
        assert f"`{state}`" in README
    assert all(f"`{reason}`" in README for reason in Reason)
