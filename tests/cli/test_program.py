"""The command line answers fast, and says what went wrong in a line, with the right exit code."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import click
import pytest

from stilt.cli.notes import warnings_as_notes
from stilt.cli.program import PROBLEMS_SHOWN, SECTIONS, program, report
from stilt.foundations import errors
from stilt.foundations.remarks import StaleResults, remark

HEAVY = (
    "numpy",
    "pandas",
    "xarray",
    "numba",
    "pyarrow",
    "netCDF4",
    "pyproj",
    "rich",
    "arlmet",
    "yaml",
)
ENTRIES = {name: entry for part in SECTIONS.values() for name, entry in part.items()}


def modules_after(code: str) -> set[str]:
    shown = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(shown.stdout.split())


def test_a_warning_of_ours_is_a_note_and_one_of_others_is_not(capsys) -> None:
    with warnings_as_notes():
        for _ in range(2):
            remark("2 of 3 results are stale", StaleResults)
        with pytest.raises(RuntimeWarning, match="of others"):
            warnings.warn("of others", RuntimeWarning, stacklevel=1)
    assert capsys.readouterr().err == "note: 2 of 3 results are stale\n"
    with pytest.warns(StaleResults) as told:
        remark("again", StaleResults)
    assert told[0].filename == __file__


@pytest.mark.parametrize("code", ["import stilt", "import stilt.cli"])
def test_importing_loads_nothing_heavy(code: str) -> None:
    assert not modules_after(code).intersection(HEAVY)


def test_help_names_every_command_without_importing_one(stilt) -> None:
    shown = stilt("--help")
    assert shown.returncode == 0
    assert all(name in shown.stdout for name in ENTRIES)
    modules = modules_after(
        "import stilt.cli.program as p\n"
        "with p.program.make_context('stilt', [], resilient_parsing=True) as c: p.program.get_help(c)"
    )
    assert not modules.intersection(entry.module for entry in ENTRIES.values())


@pytest.mark.parametrize(
    "name", [*ENTRIES, "log show", "log replay", "hysplit install", "hysplit use"]
)
def test_every_command_has_help_that_fits_a_terminal(stilt, name: str) -> None:
    shown = stilt(*name.split(), "--help", env={"COLUMNS": "80"})
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith(f"Usage: stilt {name}")
    assert "--debug" in shown.stdout
    assert not [line for line in shown.stdout.splitlines() if len(line) > 80]
    assert "..." not in shown.stdout.partition("Commands:")[2].partition("Examples:")[0]


def test_a_misspelt_command_is_answered_with_the_nearest_one(stilt) -> None:
    shown = stilt("sttus")
    assert shown.returncode == 2
    assert "'status'" in shown.stderr


def test_an_unknown_option_is_a_usage_error(stilt) -> None:
    shown = stilt("--nonsense")
    assert shown.returncode == 2
    assert "--nonsense" in shown.stderr


def test_version_is_printed(stilt) -> None:
    assert stilt("--version").stdout.startswith("stilt 0.")


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (errors.InputError("config.yaml: n_hours is 0", "give -24"), 2, "-> give -24"),
        (errors.ProblemsError("receptors.csv", ("line 3: no time",)), 2, "  line 3: no time"),
        (errors.NotFinishedError("interrupted"), 3, "interrupted"),
        (errors.EnvironmentFailure("no sbatch"), 4, "no sbatch"),
        (errors.DamagedError("segment a.log"), 5, "a.log"),
        (PermissionError(13, "Permission denied", "/data/out"), 4, "/data/out: Permission denied"),
        (OSError(28, "No space left on device"), 4, "No space left on device"),
        (click.UsageError("no such option"), 2, "no such option"),
        (click.exceptions.Exit(3), 3, ""),
        (ZeroDivisionError("oops"), 70, "internal error: ZeroDivisionError: oops"),
    ],
)
def test_each_error_has_its_exit_code_and_no_traceback(capsys, error, code, says) -> None:
    assert report(error) == code
    shown = capsys.readouterr().err
    assert says in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (errors.InputError("no such place", "look", code="PATH_UNUSABLE"), "place [PATH_UNUSABLE]"),
        (
            errors.ProblemsError("a.csv", ("line 3",), code="RECEPTORS_WRONG"),
            "a.csv: 1 problem [RECEPTORS_WRONG]\n  line 3",
        ),
        (PermissionError(13, "Permission denied", "/data/out"), "denied [SYSTEM_REFUSED]"),
        (ZeroDivisionError("oops"), "oops [INTERNAL]"),
    ],
)
def test_an_error_ends_in_its_code(capsys, error, says: str) -> None:
    report(error)
    assert f"{says}\n" in f"{capsys.readouterr().err}\n"
    if isinstance(error, errors.StiltError):
        assert f"[{error.code}]" in str(error)


def test_a_long_list_of_problems_is_cut_and_counted(capsys) -> None:
    report(errors.ProblemsError("receptors.csv", tuple(f"line {n}" for n in range(100))))
    assert f"... and {100 - PROBLEMS_SHOWN} more" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error() -> None:
    script = f"set -o pipefail; {sys.executable} -m stilt completion bash | true; exit ${{PIPESTATUS[0]}}"
    shown = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode in {0, 141}
    assert shown.stderr == ""


@pytest.mark.parametrize("closed", [">&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_command_started_without_standard_streams_does_its_work(tmp_path, closed: str) -> None:
    script = f"{sys.executable} -m stilt init --example {tmp_path}/demo {closed}"
    assert subprocess.run(["bash", "-c", script], check=False).returncode == 0
    assert (tmp_path / "demo" / "config.yaml").exists()


def test_what_is_opened_never_takes_the_number_of_a_closed_stream() -> None:
    script = (
        "from stilt.cli.program import main; import os\n"
        "try: main(['--version'])\n"
        "except SystemExit: os._exit(os.open('/dev/null', os.O_RDONLY) < 3 or not os.get_inheritable(2))"
    )
    command = ["bash", "-c", 'exec "$0" -c "$1" <&- >&- 2>&-', sys.executable, script]
    assert subprocess.run(command, check=False).returncode == 0


def test_commands_complete_on_tab(stilt) -> None:
    shown = stilt(
        env={"_STILT_COMPLETE": "bash_complete", "COMP_WORDS": "stilt st", "COMP_CWORD": "1"}
    )
    assert "plain,status" in shown.stdout


def test_every_command_stands_in_one_section_only() -> None:
    assert len(ENTRIES) == sum(len(part) for part in SECTIONS.values())
    assert list(ENTRIES) == program.list_commands(click.Context(program))


@pytest.mark.parametrize(
    ("arguments", "code"), [(["status", "nowhere"], 2), (["nonsense"], 2), (["--version"], 4)]
)
def test_an_exit_code_says_what_a_full_disk_keeps_from_being_printed(arguments, code) -> None:
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "stilt", *arguments]
        assert subprocess.run(command, stdout=full, stderr=full, check=False).returncode == code
