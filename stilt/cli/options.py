"""Arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stilt.cli import offered

if TYPE_CHECKING:
    from collections.abc import Callable


def _local(_context: click.Context, _parameter: click.Parameter, value: str) -> Path:
    """Refuse a place that is no local or shared filesystem before anything else happens."""
    from stilt.foundations.paths import local_path

    return local_path(value, "the project")


def project_argument(function: Any) -> Any:
    """Add PROJECT, the folder with ``config.yaml``: a path, the current folder unless it is given."""
    # click.Path only for Tab: it leaves the text as it is, also one that is a URI
    kind = click.Path(file_okay=False)
    return click.argument("project", default=".", type=kind, callback=_local)(function)


def footprint_option(*name: str, metavar: str | None = None) -> Callable[[Any], Any]:
    """Return the option ``--footprint``, passed on under its own name or another one."""
    return click.option(
        "--footprint",
        *name,
        metavar=metavar,
        shell_complete=offered.products,
        help="Which footprint; the first of config.yaml unless given.",
    )


def refuse_projects(sims: tuple[str, ...]) -> None:
    """Refuse a project's folder where a simulation is to be named.

    Raises
    ------
    click.UsageError
        If there is one: the project comes last.
    """
    for sim in sims:
        if (Path(sim) / "config.yaml").is_file():
            raise click.UsageError(
                f"{sim} is a project, and not a simulation: SIM goes before PROJECT."
            )
