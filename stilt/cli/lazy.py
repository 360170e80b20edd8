"""A click group whose commands are imported when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from click.shell_completion import CompletionItem


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command lives (its module defines ``command``), and its line in ``--help``."""

    module: str
    summary: str


def debug_option() -> click.Option:
    """Return ``--debug``, which every command understands."""
    return click.Option(
        ["--debug"],
        is_flag=True,
        expose_value=False,
        help="Show the traceback of an error.",
    )


def _accept_debug(command: click.Command) -> click.Command:
    """Give a command, and the commands under it, the ``--debug`` option once."""
    if not any(parameter.name == "debug" for parameter in command.params):
        command.params.append(debug_option())
        for child in getattr(command, "commands", {}).values():
            _accept_debug(child)
    return command


class LazyGroup(click.Group):
    """A group that knows names and summaries, and imports a command to run it or to show its help.

    Parameters
    ----------
    sections
        Heading to commands, in the order of ``--help``.
    """

    def __init__(
        self, *args: Any, sections: Mapping[str, Mapping[str, Entry]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.sections = sections
        self.entries = {name: entry for part in sections.values() for name, entry in part.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names, without importing anything."""
        return list(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the module of one command and return the command."""
        entry = self.entries.get(cmd_name)
        if entry is None:
            return None
        command = import_module(entry.module).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{entry.module}.command is no click command")
        return _accept_debug(command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, and name the nearest one where there is none of that name."""
        name = args[0]
        if name not in self.entries and not name.startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(name, self.entries, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else f" See '{ctx.command_path} --help'."
            ctx.fail(f"There is no command '{name}'.{hint}")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete names from the table: Tab must not wait for imports."""
        from click.shell_completion import CompletionItem

        named = [
            CompletionItem(name, help=entry.summary)
            for name, entry in self.entries.items()
            if name.startswith(incomplete)
        ]
        return named + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the sections from the table."""
        width = max(len(name) for name in self.entries)
        for heading, part in self.sections.items():
            with formatter.section(heading):
                formatter.write_dl(
                    [(name.ljust(width), entry.summary) for name, entry in part.items()]
                )
