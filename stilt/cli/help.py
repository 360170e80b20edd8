"""``stilt help``: the guide, in the terminal."""

from __future__ import annotations

import os
import shutil
import sys

import click


def _topics(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the topics that a shell may complete to; codes of errors where a word is begun."""
    from stilt.guide.topics import TOPICS, as_code, explained

    codes = [code for code in explained() if incomplete and code.startswith(as_code(incomplete))]
    return [*(name for name in TOPICS if name.startswith(incomplete)), *codes]


@click.command("help")
@click.argument("topic", required=False, shell_complete=_topics)
@click.pass_context
def command(context: click.Context, topic: str | None) -> None:
    """Show a TOPIC of the guide, or what the CODE of an error means; without one, list the topics.

    The guide is part of the program, so that it can be read on a node without internet. The options of a
    command are in its own --help.
    """
    from stilt.guide.screen import WIDEST, contents, drawn, plain
    from stilt.guide.topics import named
    from stilt.guide.topics import topic as read

    columns, lines = shutil.get_terminal_size()
    if topic is None:
        click.echo(contents(min(columns, WIDEST)))
        return
    commands = context.find_root().command
    if named(topic) is None and isinstance(commands, click.Group):
        _leave_to_command(commands.list_commands(context), topic)
    page = read(topic)
    is_plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    if is_plain or not sys.stdout.isatty():
        click.echo(plain(page), nl=False)
        return
    text = drawn(page, columns)
    show = click.echo_via_pager if text.count("\n") >= lines else click.echo
    show(text)


def _leave_to_command(commands: list[str], topic: str) -> None:
    """Refuse the name of a command, and say where it is described."""
    from stilt.foundations.errors import InputError

    if topic in commands:
        raise InputError(
            f"the guide has no topic {topic!r}: it is a command",
            f"'stilt {topic} --help' describes it; `stilt help` lists all topics",
            code="TOPIC_UNKNOWN",
        )
