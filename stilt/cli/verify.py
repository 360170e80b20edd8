"""``stilt verify``: outputs against the sizes and digests in the log."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from stilt.cli.bar import with_bar
from stilt.cli.options import project_argument

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.commands.verify import Findings

SHOWN = 20

EXAMPLES = """\b
Examples:
  stilt verify demo && echo all as written
  stilt verify demo; stilt run demo   make anew what is broken, only that
"""


@click.command("verify", epilog=EXAMPLES)
@project_argument
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(project: Path, as_json: bool) -> int:
    """Read every output of every complete simulation and compare it with the log.

    What is missing or damaged is noted in the log, and becomes work for the next `stilt run`. So does what tasks
    cannot begin any more whose chunk is damaged. Exits with 5 if there was any, with 4 if a file cannot be read.
    """
    from stilt.commands.verify import record, verify
    from stilt.config.digests import rows_digest
    from stilt.foundations.errors import DamagedError, EnvironmentFailure
    from stilt.status.opened import open_project

    opened = open_project(project)
    layout, config = opened.layout, opened.config
    matrix = "" if config is None else rows_digest(config, config.jacobian)
    findings = with_bar("verify", partial(verify, layout, matrix=matrix))
    click.echo(_to_json(findings) if as_json else _to_text(findings))
    if findings.broken:
        record(layout, findings)
    if findings.broken or findings.chunks:
        return DamagedError.exit_code
    return EnvironmentFailure.exit_code if findings.unreadable else 0


def _to_json(findings: Findings) -> str:
    from stilt.foundations.text import json_text

    facts = {
        "simulations": findings.simulations,
        "files": findings.files,
        "bytes": findings.size_bytes,
        "broken": [broken for _, broken in findings.broken],
        "unreadable": findings.unreadable,
        "too_new": findings.too_new,
        "other_met": findings.other_met,
        "chunks": findings.chunks,
        "rows": findings.rows,
    }
    return json_text(facts)


def _to_text(findings: Findings) -> str:
    from stilt.foundations.quantities import counted, size
    from stilt.foundations.text import shown

    looked = (
        f"{counted(findings.files, 'file')} of {counted(findings.simulations, 'simulation')}, "
        f"{size(findings.size_bytes)}"
    )
    broken = [broken for _, broken in findings.broken]
    lines = [f"  {found.path}: {found.why}" for found in [*broken, *findings.unreadable][:SHOWN]]
    more = len(broken) + len(findings.unreadable) - len(lines)
    if more:
        lines.append(f"  ... and {more:,} more; --json lists all")
    if findings.too_new:
        lines.append(
            f"  {findings.too_new:,} were made on other nodes just now and are not visible here yet: "
            "verify again in two minutes"
        )
    if findings.unreadable:
        lines.append(
            f"{len(findings.unreadable):,} cannot be read: check permissions and the filesystem"
        )
    if broken:
        sims = len({found.sim for found in broken})
        lines.append(
            f"{len(broken):,} broken; {sims:,} simulation{'s are' if sims != 1 else ' is'} work again: stilt run"
        )
    lines += findings.chunks
    verdict = "" if lines else ": all as the log says"
    if findings.other_met:
        first, count = findings.other_met[0], len(findings.other_met)
        lines.append(
            f"note: {counted(count, 'met file')} not as when results were made: {first}"
            f"{f' and {count - 1:,} more' if count > 1 else ''}; these results stay done, "
            "`stilt run --no-skip` makes them anew"
        )
    if findings.rows:
        lines.append(
            f"note: {counted(len(findings.rows), 'row')} of H not as workers wrote them: "
            "`stilt jacobian` makes them of footprints"
        )
    return "\n".join(map(shown, [looked + verdict, *lines]))
