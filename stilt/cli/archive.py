"""``stilt archive``: a finished project's outputs in few large files."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from stilt.cli.bar import with_bar
from stilt.cli.options import project_argument

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.commands.pack import Packing

SHOWN = 20

EXAMPLES = """\b
Examples:
  stilt archive demo --dry-run       what it would pack, and what that saves
  stilt archive demo                 pack; everything reads as before
"""


@click.command("archive", epilog=EXAMPLES)
@project_argument
@click.option("--dry-run", is_flag=True, help="Say what would be packed, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(project: Path, dry_run: bool, as_json: bool) -> int:
    """Pack the particles and footprints of what is complete into few large files.

    A file is removed only when the archive that it went into was read back, compared with it, and noted in the
    log. Python, plot, report, verify, status and run read on as before. Killed half-way it loses nothing: the
    same command goes on. What is made anew later has files of its own again, which count more than an archive;
    stale results are packed too, and counted.

    Exits with 3 while jobs are queued or running, with 5 if files had to be left as they are.
    """
    from stilt.commands.archive import archive, preview
    from stilt.foundations.errors import DamagedError
    from stilt.status.opened import open_project

    layout = open_project(project).layout
    packing = preview(layout) if dry_run else with_bar("archive", partial(archive, layout))
    click.echo(_to_json(packing) if as_json else _to_text(packing, dry_run=dry_run))
    return DamagedError.exit_code if packing.left else 0


def _to_json(packing: Packing) -> str:
    from stilt.foundations.text import json_text

    return json_text(packing)


def _to_text(packing: Packing, *, dry_run: bool) -> str:
    from stilt.foundations.quantities import counted, size
    from stilt.foundations.text import shown

    about, were = ("about ", "would be") if dry_run else ("", "were")
    lines = [
        f"{product}: {counted(number, 'file')} {were} packed, {size(packing.before_bytes[product])} into "
        f"{about}{size(packing.after_bytes[product])}"
        for product, number in packing.outputs.items()
    ]
    lines += [f"  {path}" for path in packing.archives]
    if packing.stale:
        lines.append(
            f"{counted(packing.stale, 'simulation')} of these stale, with other settings or receptors than today's: "
            "`stilt run` makes them again, and the archive keeps what is replaced then, and its bytes"
        )
    left_behind = packing.removed - sum(packing.outputs.values())
    if left_behind > 0:
        lines.append(f"{counted(left_behind, 'file')} removed that an archive had already")
    if packing.row_files[0] > packing.row_files[1]:
        before, after = packing.row_files
        lines.append(f"rows of H: {counted(before, 'file')} -> {after:,}")
    lines += [f"left as it is: {path}: {why}" for path, why in packing.left[:SHOWN]]
    if len(packing.left) > SHOWN:
        lines.append(f"... and {len(packing.left) - SHOWN:,} more; --json lists all")
    if not lines:
        lines.append("nothing to archive: no complete simulation has files of its own")
    if dry_run:
        lines.append("dry run: nothing was written")
    return "\n".join(map(shown, lines))
