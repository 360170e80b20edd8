"""The one place that runs Slurm's commands.

Never a shell. The environment is scrubbed: ``SBATCH_*`` would beat the script's own lines, and
``SLURM_*`` of a surrounding job would leak into the new one.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from stilt.backends.slurm.answers import (
    JobId,
    Limits,
    QueuedTask,
    last_words,
    parse_job_id,
    parse_limits,
    parse_squeue,
    squeue_format,
)
from stilt.foundations.errors import EnvironmentFailure
from stilt.foundations.processes import die_with_parent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

QUERY_TIMEOUT_S = 20.0
SUBMIT_TIMEOUT_S = 180.0
"""A full controller has sbatch itself try again for two minutes."""

SILENCE_S = 5.0
"""After so long the person at the terminal is told what is waited for."""

TRY_AGAIN = "run the same command again when Slurm answers"

_KEPT = frozenset({"SLURM_CONF", "SLURM_CLUSTERS", "SLURM_JWT"})
_SCRUBBED = (
    "SLURM",
    "SBATCH_",
    "SQUEUE_",
    "SCANCEL_",
    "SCONTROL_",
    "SACCT_",
    "SALLOC_",
    "SRUN_",
    "SINFO_",
    "PMI_",
    "PMIX_",
)

TRANSIENT = (
    "socket timed out",
    "unable to contact slurm controller",
    "temporarily unable to accept job",
    "resource temporarily unavailable",
    "zero bytes were transmitted or received",
    "slurm backup controller in standby mode",
    "connection refused",
    "connection timed out",
    "connection reset by peer",
    "connect failure",
    "transport endpoint is not connected",
    "unexpected message received",
)
"""What sbatch says when it may go well the next time, and when the job may have been accepted."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command did. ``code`` is None when it was stopped for giving no answer in time."""

    code: int | None
    out: str
    err: str

    @property
    def words(self) -> str:
        """What the command says for itself, on one line."""
        return last_words(self.err) or last_words(self.out)

    @property
    def is_transient(self) -> bool:
        """Whether it may go well the next time; what was asked for may have been done all the same."""
        return self.code is None or any(sign in self.err.lower() for sign in TRANSIENT)


class SlurmError(EnvironmentFailure):
    """A command of Slurm's gave no answer that can be used.

    Attributes
    ----------
    transient
        Whether it may go well the next time; what was asked for may have been done all the same.
    """

    code = "SLURM_SILENT"

    def __init__(
        self, message: str, hint: str = "", *, transient: bool = True, code: str = ""
    ) -> None:
        super().__init__(message, hint, code=code)
        self.transient = transient


def has_slurm() -> bool:
    """Tell whether this machine has Slurm's commands."""
    return shutil.which("sbatch") is not None


def require_slurm() -> None:
    """Refuse to go on where there is no Slurm.

    Raises
    ------
    EnvironmentFailure
        If sbatch is not on PATH.
    """
    if not has_slurm():
        raise EnvironmentFailure(
            "backend slurm: there is no sbatch on PATH",
            "run this on a login node of the cluster (or `module load slurm`), or here with "
            "--backend local",
            code="SLURM_ABSENT",
        )


def environment(given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment for Slurm's commands: as from a login shell."""
    source = os.environ if given is None else given
    return {
        key: value for key, value in source.items() if key in _KEPT or not key.startswith(_SCRUBBED)
    }


def run(
    program: str,
    *arguments: str,
    timeout_s: float = QUERY_TIMEOUT_S,
    given: bytes = b"",
    waiting: Callable[[str], None] | None = None,
) -> Answer:
    """Run one of Slurm's commands to its end, with ``given`` as its standard input.

    ``waiting`` gets what it has said so far, once, when it takes long to answer.
    """
    path = shutil.which(program)
    if path is None:
        require_slurm()
        raise EnvironmentFailure(
            f"there is no {program} on PATH", "ask the cluster's support", code="SLURM_ABSENT"
        )
    settings = environment()
    if program == "squeue":
        # only here: in sbatch's environment it would go on into the job
        settings["SLURM_TIME_FORMAT"] = "%s"
    try:
        process = subprocess.Popen(
            [path, *arguments],
            env=settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # an sbatch that lives on when this process was killed could be accepted unseen
            preexec_fn=partial(die_with_parent, os.getpid()),  # noqa: PLW1509 - no threads here
        )
    except OSError as error:
        raise EnvironmentFailure(
            f"{path}: {error.strerror}",
            "that is no working Slurm: ask the cluster's support",
            code="SLURM_ABSENT",
        ) from error
    with process:
        try:
            out, err = _communicate(process, given, timeout_s, waiting)
        except subprocess.TimeoutExpired:
            process.kill()
            return Answer(None, "", f"no answer within {timeout_s:.0f} s")
        except BaseException:
            process.kill()
            raise
    return Answer(process.returncode, _text(out), _text(err))


def _communicate(
    process: subprocess.Popen[bytes],
    given: bytes,
    timeout_s: float,
    waiting: Callable[[str], None] | None,
) -> tuple[bytes, bytes]:
    if waiting is None or timeout_s <= SILENCE_S:
        return process.communicate(given, timeout_s)
    try:
        return process.communicate(given, SILENCE_S)
    except subprocess.TimeoutExpired as early:
        waiting(last_words(_text(early.stderr or b"")))
        return process.communicate(timeout=timeout_s - SILENCE_S)


def sbatch(script: Path, *arguments: str, say: Callable[[str], None]) -> JobId:
    """Submit a script once; ``say`` tells the person who waits where sbatch itself waits.

    Raises
    ------
    SlurmError
        With sbatch's own words, when it printed no job id.
    """

    def waiting(words: str) -> None:
        say(f"sbatch has not answered yet{f' ({words})' if words else ''}; waiting")

    answer = run(
        "sbatch",
        "--parsable",
        *arguments,
        str(script),
        timeout_s=SUBMIT_TIMEOUT_S,
        waiting=waiting,
    )
    job = parse_job_id(answer.out)
    if answer.code == 0 and job is not None:
        return job
    words = answer.words or "it printed nothing"
    raise SlurmError(f"sbatch did not take {script}: {words}", transient=answer.is_transient)


def squeue(
    *arguments: str, users: Sequence[str] = (), clusters: Sequence[str] = ()
) -> tuple[QueuedTask, ...]:
    """List array tasks in every state that Slurm still knows, one by one; of ``users``, if any.

    One of them may be nobody on this machine (who left, or has a number only, as in a container):
    squeue then leaves out that user's jobs and calls it a success, so everybody's are asked for, and
    those of others whom this machine knows left aside: anybody may give a job any name.

    Raises
    ------
    SlurmError
        If it gives no answer. No tasks is an answer.
    """
    where = [f"--clusters={','.join(clusters)}"] if clusters else []
    mark = secrets.token_hex(4)
    asked = f"--format={squeue_format(mark)}"
    command = ("squeue", "--array", "--states=all", asked, *where, *arguments)
    answer = run(*command, *([f"--user={','.join(users)}"] if users else []))
    is_of_all = bool(users) and "Invalid user" in answer.err
    if is_of_all:
        answer = run(*command)
    if answer.code not in {None, 0} and "Invalid job id specified" in answer.err:
        return ()  # asked for a single job that the controller has forgotten
    tasks = parse_squeue(answer.out, mark) if answer.code == 0 else None
    if tasks is None:
        raise SlurmError(f"squeue: {answer.words or 'it printed nothing'}", TRY_AGAIN)
    return tuple(task for task in tasks if not is_of_all or _is_of(task, users))


def _is_of(task: QueuedTask, users: Sequence[str]) -> bool:
    """Tell whether a task may be one of these users': whom this machine does not know, squeue lists by number."""
    return task.user in users or task.user.isdigit()


def find_by_name(name: str, clusters: str = "") -> tuple[JobId, ...]:
    """Look jobs up by their name, among this user's; the earliest first.

    ``clusters`` are the names of those to ask, with commas between them; empty: the one at hand.
    """
    jobs = set[JobId]()
    for cluster in clusters.split(","):
        where = (cluster,) if cluster else ()
        tasks = squeue(f"--name={name}", users=(str(os.getuid()),), clusters=where)
        jobs |= {JobId(task.job, cluster) for task in tasks if task.name == name}
    return tuple(sorted(jobs, key=lambda found: (len(found.job), found.job)))


def show_limits() -> Limits:
    """Read the limits of the cluster.

    Raises
    ------
    SlurmError
        If the controller gives no answer.
    """
    answer = run("scontrol", "show", "config")
    if answer.code != 0:
        raise SlurmError(f"scontrol show config: {answer.words or 'it printed nothing'}", TRY_AGAIN)
    return parse_limits(answer.out)


def scancel(jobs: Sequence[str], *, cluster: str = "") -> Answer:
    """Cancel jobs; those that Slurm does not know are no error."""
    where = [f"--clusters={cluster}"] if cluster else []
    return run("scancel", "--quiet", *where, *jobs, timeout_s=60)


def requeue(job: str) -> Answer:
    """Put a running array task back into the queue; Slurm then ends this life of it."""
    return run("scontrol", "requeue", job, timeout_s=30)


def _text(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")
