"""``stilt logs``: what the model said about a simulation, and what its task printed around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from stilt.cli import offered
from stilt.cli.options import project_argument, refuse_projects
from stilt.cli.terminal import terminal_width

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.status.words import Words

EXAMPLES = """\b
Examples:
  stilt logs hrrr_202606162200_-111.9_40.5_30
  stilt logs 2200_-111.9_40.5_30 demo     a part that only one id has will do
  stilt logs hrrr_202606162200_-111.9_40.5_30 -n 0 | less
"""


@click.command("logs", epilog=EXAMPLES, context_settings={"ignore_unknown_options": True})
@click.argument("sim", shell_complete=offered.simulations)
@project_argument
@click.option(
    "--lines",
    "-n",
    type=click.IntRange(min=0),
    default=40,
    show_default=True,
    help="How many lines of each; 0 for all.",
)
def command(sim: str, project: Path, lines: int) -> None:
    """Show what happened to simulation SIM: its events, the model's words, its task's output."""
    from stilt.foundations.page import ENDLESS
    from stilt.status.history import history, render
    from stilt.status.opened import open_project
    from stilt.status.words import find_id, model_words, task_words

    refuse_projects((sim,))
    opened = open_project(project)
    layout = opened.layout
    name = find_id(layout, sim)
    width = terminal_width(piped=ENDLESS)
    click.echo(render(history(opened, name), width), nl=False)
    _section("the model", model_words(layout, name), lines)
    _section("the task", task_words(layout, name), lines)


def _section(who: str, words: Words | None, lines: int) -> None:
    from stilt.status.words import tail

    if words is None:
        return
    click.echo(f"\n--- {who}, in {words.source} ---")
    click.echo(tail(words.text, lines) or "(it printed nothing)")
