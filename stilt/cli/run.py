"""``stilt run``: register what is not yet done, and run it."""

from __future__ import annotations

from pathlib import Path

import click

from stilt.cli import offered
from stilt.cli.options import project_argument

EXAMPLES = """\b
Examples:
  stilt run                        what is not complete, as config.yaml says
  stilt run --backend local --cpus 4
  stilt run --dry-run              what would be done; writes nothing
  stilt run --only OUT_OF_MEMORY   again what failed for that reason
  STILT_KEEP_WORK=1 stilt run --failed
                                   keep work folders of failures in $TMPDIR
"""


@click.command("run", epilog=EXAMPLES)
@project_argument
@click.option(
    "--backend",
    type=click.Choice(["local", "slurm"]),
    help="Where to run; as config.yaml says unless given.",
)
@click.option(
    "--wait/--no-wait",
    default=None,
    help="Slurm: stay with progress until the array ends. Local always waits.",
)
@click.option("--no-skip", is_flag=True, help="Everything again, complete or not.")
@click.option(
    "--redo-engine",
    is_flag=True,
    help="Also what another version of the engine has made, which is kept as done otherwise.",
)
@click.option("--failed", is_flag=True, help="Only what failed.")
@click.option(
    "--only",
    multiple=True,
    metavar="REASON",
    shell_complete=offered.reasons,
    help="Only what failed for this reason; repeatable.",
)
@click.option(
    "--max-fails",
    type=click.IntRange(min=1),
    help="Stop a worker after this many failures.",
)
@click.option("--n-workers", type=click.IntRange(min=1), help="Chunks: the most workers or tasks.")
@click.option("--cpus", type=click.IntRange(min=1), help="Simulations a worker runs at a time.")
@click.option(
    "--receptors",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Another file in place of receptors.csv.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done; write nothing.")
def command(  # noqa: PLR0917 - click passes them by name
    project: Path,
    backend: str | None,
    wait: bool | None,
    no_skip: bool,
    redo_engine: bool,
    failed: bool,
    only: tuple[str, ...],
    max_fails: int | None,
    n_workers: int | None,
    cpus: int | None,
    receptors: Path | None,
    dry_run: bool,
) -> int:
    """Hand over what is not yet complete, and run it here or on Slurm.

    Complete simulations are skipped as long as their receptor and settings are today's and their files are
    there; so are those that a live job has. Exit code: 0 all good, 1 some failed, 3 not finished.
    """
    from stilt.batch.plan import Selection
    from stilt.commands.run import Request, run
    from stilt.foundations.errors import InputError
    from stilt.transport.protocol import Reason
    from stilt.worker.lean_arrow import spare_pandas

    spare_pandas()
    unknown = [reason for reason in only if reason.upper() not in Reason.__members__]
    if unknown:
        raise InputError(
            f"--only {unknown[0]}: there is no such reason",
            f"one of {', '.join(Reason)}",
            code="NAME_UNKNOWN",
        )
    reasons = frozenset(reason.upper() for reason in only)
    request = Request(
        project=project,
        backend=backend,
        wait=wait,
        n_workers=n_workers,
        cpus=cpus,
        receptors=receptors,
        selection=Selection(not no_skip, failed, reasons, redo_engine),
        dry_run=dry_run,
        max_fails=max_fails or 0,
    )
    return run(request, click.echo)
