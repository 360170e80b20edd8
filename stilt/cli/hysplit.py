"""``stilt hysplit``: install or find the transport binary."""

from __future__ import annotations

from pathlib import Path

import click

from stilt.cli.options import project_argument


@click.group("hysplit")
def command() -> None:
    """Install or find NOAA's hycs_std, the default transport model."""


@command.command("install", short_help="Download hycs_std and its data tables.")
@click.option(
    "--wheel",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The wheel, downloaded elsewhere, for a machine without a network.",
)
def install_command(wheel: Path | None) -> None:
    """Download hycs_std and its data tables into $STILT_HOME, checking their digests."""
    from stilt.transport.hysplit.install import install

    click.echo(install(wheel))


@command.command("where", short_help="Print the hycs_std that would run.")
@project_argument
def where_command(project: Path) -> None:
    """Print the hycs_std that would run, and what named it: PROJECT's hysplit.exe_dir comes first."""
    from stilt.transport.hysplit.locate import locate

    exe_dir = None
    config_file = project / "config.yaml"
    if config_file.is_file():
        from stilt.config.load import load_config

        exe_dir = load_config(config_file, projections=False).hysplit.exe_dir
    found = locate(exe_dir)
    click.echo(found.exe)
    click.echo(f"HYSPLIT {found.version}, named by {found.named_by}", err=True)
