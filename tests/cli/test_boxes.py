"""One order of a box's corners in every command, and no other one taken for it."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from stilt.cli.boxes import BoxCommand, box_option


@click.command(cls=BoxCommand, context_settings={"ignore_unknown_options": True})
@box_option("--now", text="")
@box_option("--once", text="", was_south_second=True)
@click.argument("rest", nargs=-1)
def command(**options: object) -> None:
    """Say what was understood."""
    click.echo(f"{options['now'] or options['once']} {options['rest']}")


UTAH = (-115.0, -108.0, 38.0, 43.0)


@pytest.mark.parametrize(
    "words",
    [
        ("-115", "-108", "38", "43"),
        ("-115,-108,38,43",),
        ("-115/-108/38/43",),
        ("115W", "108W", "38N", "43N"),
        ("115w", "38n", "108w", "43n"),
        ("43N,38N,115W,108W",),
    ],
)
@pytest.mark.parametrize("option", ["--now", "--once"])
def test_a_box_is_west_east_south_north_or_says_what_is_what(option, words) -> None:
    answer = CliRunner().invoke(command, [option, *words, "sim"])
    assert (answer.exit_code, answer.stdout, answer.stderr) == (0, f"{UTAH} ('sim',)\n", "")


def test_what_is_a_box_only_in_the_other_order_is_refused_or_was_allowed_before() -> None:
    other = ["-115", "38", "-108", "43"]
    answer = CliRunner().invoke(command, ["--now", *other])
    assert answer.exit_code == 2
    assert "as west south east north alone: write 115W 108W 38N 43N" in answer.stderr
    answer = CliRunner().invoke(command, ["--once", *other])
    assert answer.stdout == f"{UTAH} ()\n"
    assert "is 115W 108W 38N 43N; write west east south north from now on" in answer.stderr


def test_what_is_a_box_in_both_orders_is_said_or_refused() -> None:
    both = ["5", "45", "10", "50"]
    answer = CliRunner().invoke(command, ["--now", *both])
    assert answer.stdout == "(5.0, 45.0, 10.0, 50.0) ()\n"
    assert "5 45 10 50 is 5E 45E 10N 50N: west east south north" in answer.stderr
    answer = CliRunner().invoke(command, ["--once", *both])
    assert answer.exit_code == 2
    assert "say which, 5E 10E 45N 50N or 5E 45E 10N 50N" in answer.stderr


def test_a_box_over_the_date_line_keeps_its_order() -> None:
    answer = CliRunner().invoke(command, ["--once", "170E", "170W", "40N", "60N"])
    assert answer.stdout == "(170.0, -170.0, 40.0, 60.0) ()\n"
    answer = CliRunner().invoke(command, ["--once", "170", "40", "-170", "60"])
    assert answer.stdout == "(170.0, -170.0, 40.0, 60.0) ()\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["1", "2", "3"], "is no box of four"),
        (["1,2,3"], "is no box of four"),
        (["115W", "108W", "100W", "43N"], "two longitudes and two latitudes"),
        (["1", "2", "3", "x"], "is no box: -115"),
        (["0", "1", "95", "99"], "0 1 95 99 is no box: west east south north"),
    ],
)
def test_what_is_no_box_is_refused(words, says) -> None:
    answer = CliRunner().invoke(command, ["--once", *words])
    assert answer.exit_code == 2
    assert says in answer.stderr
