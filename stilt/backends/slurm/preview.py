"""What a submission would do, and what sbatch thinks of it; nothing is written or submitted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.backends.slurm import commands
from stilt.backends.slurm.script import render
from stilt.backends.slurm.submit import DEFAULT_MAX_ARRAY_SIZE
from stilt.foundations.quantities import counted

if TYPE_CHECKING:
    from stilt.backends.slurm.answers import Limits
    from stilt.backends.slurm.submit import Submission


def preview(submission: Submission, limits: Limits) -> str:
    """Return what a submission would do, for ``--dry-run``; writes nothing."""
    scripts = submission.scripts(limits)
    lines = [f"{counted(submission.tasks, 'task')} in {counted(len(scripts), 'array')}"]
    lines.append(_limits_line(limits))
    for script, path in scripts:
        lines += ["", f"# {path}", render(script).rstrip(), ""]
        after = script.part.after
        wait = "" if after is None else f" --dependency=afterany:<job of array {after}>"
        lines.append(f"$ sbatch --parsable{wait} {path}")
    return "\n".join(lines) + "\n"


def _limits_line(limits: Limits) -> str:
    if limits.max_array_size is None:
        return f"limits: the controller does not say; MaxArraySize {DEFAULT_MAX_ARRAY_SIZE} assumed"
    return (
        f"limits of {limits.cluster or 'the cluster'}: MaxArraySize {limits.max_array_size}, "
        f"MaxJobCount {limits.max_job_count}"
    )


def tested(submission: Submission, limits: Limits) -> commands.Answer:
    """Ask sbatch whether it would take the first array (``--test-only``)."""
    script, _ = submission.scripts(limits)[0]
    return commands.run("sbatch", "--test-only", given=render(script).encode())
