"""``stilt hysplit``: install or find the transport binary."""

from __future__ import annotations

import sys
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
@click.option(
    "--accept-terms", is_flag=True, help="Accept NOAA's terms of use without being asked."
)
def install_command(wheel: Path | None, accept_terms: bool) -> None:
    """Download hycs_std and its data tables into $STILT_HOME, checking their digests.

    HYSPLIT is the work of NOAA's Air Resources Laboratory, under terms of its own
    (https://www.ready.noaa.gov/HYSPLIT_agreement.php), which are to be accepted once.
    """
    from stilt.transport.hysplit.install import install, is_installed

    if not is_installed() and not accept_terms:
        _ask()
    click.echo(install(wheel))


def _ask() -> None:
    """Name author and terms, and go on only if whoever sits there accepts them."""
    from stilt.foundations.errors import InputError
    from stilt.transport.hysplit.install import NOTICE

    again = "read them; 'stilt hysplit install --accept-terms' accepts them"
    if not sys.stdin.isatty():
        raise InputError(f"{NOTICE} They have not been accepted", again, code="HYSPLIT_TERMS")
    click.echo(NOTICE, err=True)
    if not click.confirm("Do you accept NOAA's terms of use?", err=True):
        raise InputError(
            "NOAA's terms of use were not accepted: nothing was installed",
            again,
            code="HYSPLIT_TERMS",
        )


@command.command("use", short_help="Use a HYSPLIT of your own.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path), required=False)
@click.option("--none", "forget", is_flag=True, help="Use what was installed again.")
def use_command(folder: Path | None, forget: bool) -> None:
    """Use the hycs_std in DIR, a build of your own, from now on.

    Its tables (ASCDATA.CFG, LANDUSE.ASC, ROUGLEN.ASC) lie beside it, or in ../bdyfiles as NOAA packs them.
    hysplit.exe_dir in config.yaml and STILT_HYSPLIT still count more.
    """
    from stilt.transport.hysplit.locate import use, used_link

    if forget == (folder is not None):
        raise click.UsageError("Give DIR, or --none.")
    if folder is None:
        used_link().unlink(missing_ok=True)
        return
    found = use(folder)
    click.echo(found.exe)
    click.echo(f"HYSPLIT {found.version}", err=True)


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
