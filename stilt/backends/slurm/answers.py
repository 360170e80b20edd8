"""What Slurm's commands print, read: text in, facts out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_PARSABLE = re.compile(r"(\d+)(?:;([\w.-]+))?")
_SENTENCE = re.compile(r"Submitted batch job (\d+)(?: on cluster ([\w.-]+))?")
_SETTING = re.compile(r"^(\w+)\s*=\s*(.*?)\s*$", re.MULTILINE)

_SQUEUE_FIELDS = "%F|%K|%T|%N|%S|%u|%r|{mark}|%j"
"""Array job id, index, state, nodes, start, user, reason, name: what may hold anything comes last."""

_SQUEUE_HEADER = "ARRAY_JOB_ID|"
_SQUEUE_COLUMNS = 8

ENDED = frozenset(
    {
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PREEMPTED",
        "REVOKED",
        "TIMEOUT",
    }
)
"""States after which a task does not run again. All others are of a task that runs or will."""


@dataclass(frozen=True, slots=True)
class JobId:
    """A job, and its cluster where sbatch names one."""

    job: str
    cluster: str = ""


@dataclass(frozen=True, slots=True)
class QueuedTask:
    """One line of squeue.

    Attributes
    ----------
    index
        The array index; None for a job that is no array.
    since
        When it started, or is expected to, in seconds since 1970.
    """

    job: str
    index: int | None
    state: str
    node: str
    since: float | None
    user: str
    reason: str
    name: str

    @property
    def has_ended(self) -> bool:
        """Whether it does not run and will not."""
        return self.state in ENDED


@dataclass(frozen=True, slots=True)
class Limits:
    """What ``scontrol show config`` says that matters here; None where it does not say."""

    cluster: str = ""
    max_array_size: int | None = None
    max_job_count: int | None = None
    private_jobs: bool = False


def parse_job_id(text: str) -> JobId | None:
    """Find the job id in what sbatch printed, whatever banners a site puts around it.

    The last line that is ``id``, ``id;cluster`` or ``Submitted batch job id``.
    """
    for line in reversed(text.splitlines()):
        match = _PARSABLE.fullmatch(line.strip()) or _SENTENCE.fullmatch(line.strip())
        if match:
            return JobId(match[1], match[2] or "")
    return None


def squeue_format(mark: str) -> str:
    """Return what squeue prints of a task. The mark, which nobody can guess, tells a line from one in a job's name."""
    return _SQUEUE_FIELDS.format(mark=mark)


def parse_squeue(text: str, mark: str) -> tuple[QueuedTask, ...] | None:
    """Read squeue's lines; None if its header is not there, as it is whenever squeue has an answer.

    Lines have the mark if the header, which comes before the name of any job, has it: not so from a program in place of
    squeue that prints what it always prints. What it lists is in the queue all the same.
    """
    lines = text.splitlines()
    header = next((at for at, line in enumerate(lines) if line.startswith(_SQUEUE_HEADER)), None)
    if header is None:
        return None
    before_name = f"{mark}|" if f"|{mark}|" in lines[header] else ""
    return tuple(task for line in lines[header + 1 :] if (task := _queued(line, before_name)))


def _queued(line: str, before_name: str) -> QueuedTask | None:
    columns = line.strip().split("|", _SQUEUE_COLUMNS - 1)
    if len(columns) != _SQUEUE_COLUMNS or not columns[0].isdigit():
        return None
    job, index, state, node, since, user, reason, name = columns
    if not name.startswith(before_name):
        return None
    name = name.removeprefix(before_name)
    return QueuedTask(
        job=job,
        index=int(index) if index.isdigit() else None,
        state=first_word(state),
        node=node if node not in {"", "(null)", "n/a"} else "",
        since=float(since) if since.isdigit() else None,
        user=user,
        reason=reason if reason != "None" else "",
        name=name,
    )


def first_word(state: str) -> str:
    """Return a state without what follows it: ``CANCELLED by 1000``, ``CANCELLED+``."""
    return state.split(maxsplit=1)[0].rstrip("+") if state.strip() else ""


def parse_limits(text: str) -> Limits:
    """Read ``scontrol show config``."""
    settings = dict(_SETTING.findall(text))
    return Limits(
        cluster=settings.get("ClusterName", ""),
        max_array_size=_number(settings.get("MaxArraySize", "")),
        max_job_count=_number(settings.get("MaxJobCount", "")),
        private_jobs="jobs" in settings.get("PrivateData", "").split(","),
    )


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None


def last_words(text: str, lines: int = 3) -> str:
    """Return the end of what a command said, on one line, without its repeated prefix."""
    said: Sequence[str] = [line.strip() for line in text.splitlines() if line.strip()]
    return " / ".join(
        line.removeprefix("sbatch: ").removeprefix("error: ") for line in said[-lines:]
    )
