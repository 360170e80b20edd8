"""``stilt completion``: the script with which a shell completes commands and options."""

from __future__ import annotations

import click

WHERE = {
    "bash": 'eval "$(stilt completion bash)"   in ~/.bashrc',
    "zsh": 'eval "$(stilt completion zsh)"    in ~/.zshrc',
    "fish": "stilt completion fish | source    in ~/.config/fish/config.fish",
}


@click.command("completion", epilog="\b\n" + "\n".join(WHERE.values()))
@click.argument("shell", type=click.Choice(list(WHERE)))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script that completes stilt's commands in SHELL on Tab."""
    from click.shell_completion import get_completion_class

    from stilt.cli.program import COMPLETE_VARIABLE

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"There is no completion for {shell}.")
    click.echo(kind(context.find_root().command, {}, "stilt", COMPLETE_VARIABLE).source())
