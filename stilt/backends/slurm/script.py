"""The batch script of one array: text from typed arguments, nothing else.

Two readers take it: sbatch reads the ``#SBATCH`` lines by quoting rules of its own, and bash reads
the rest. Each value is quoted for its reader, and none may hold a line break, so that no value adds
a line, an option or a shell word. ``setup`` lines are shell lines by their purpose.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

from stilt.foundations.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

STOP_SIGNAL = "B:USR1@120"
"""USR1 to the batch shell alone, which ``exec`` has made the worker, 120 s before the limit."""

_OPTION = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PLAIN = re.compile(r"[A-Za-z0-9_./:=@%+,~^\[\]-]+")
_SET_BY_STILT = ("array", "parsable", "wrap", "signal", "job-name", "output", "open-mode")


@dataclass(frozen=True, slots=True)
class ArrayPart:
    """One array of a batch: the tasks ``first`` to ``first + tasks - 1``, as indices from 0.

    Attributes
    ----------
    number
        Which array of its batch this is.
    parallelism
        Most tasks of this array at once; None for no limit.
    after
        The part that has to end before this one starts, where all together exceed the throttle.
    """

    number: int
    first: int
    tasks: int
    parallelism: int | None = None
    after: int | None = None

    @property
    def spec(self) -> str:
        """What ``--array`` gets."""
        throttle = f"%{self.parallelism}" if self.parallelism else ""
        return f"0-{self.tasks - 1}{throttle}"


@dataclass(frozen=True, slots=True)
class Script:
    """All that a batch script depends on.

    Attributes
    ----------
    name
        The job's name, by which a lost submission is found again.
    logs
        Existing folder for what tasks print.
    max_requeues
        How often a task that runs out of time goes back into the queue.
    setup
        Shell lines before the worker.
    options
        What goes to sbatch: text and numbers as ``--key=value``, true as a bare flag, false not.
    python
        The interpreter that runs the worker.
    project, output
        The project's folder and the output root.
    time_limit_s
        The time limit, if the options hold one: Slurm before 23.02 does not tell a job its end.
    """

    name: str
    batch: str
    part: ArrayPart
    cpus: int
    logs: Path
    project: Path
    output: Path
    python: str
    max_requeues: int
    setup: tuple[str, ...]
    options: Mapping[str, str | int | float | bool]
    time_limit_s: int | None = None


def job_name(batch: str, part: int, output: Path) -> str:
    """Return the name of a batch's array: the token under which a lost submission is looked up.

    A batch's id is a digest of its content, which a copy of the project has too: the output root
    tells the two apart.
    """
    place = blake2b(str(output).encode(), digest_size=3).hexdigest()
    return f"stilt-{batch}-{place}-{part}"


def task_output(logs: Path, task: int, first: int = 0) -> Path:
    """Return the file that a task of the array that begins with task ``first`` prints to."""
    return logs / _output_name(first, str(task - first))


def render(script: Script) -> str:
    """Return the text of the script.

    Raises
    ------
    InputError
        If a value cannot be written into it.
    """
    lines = ["#!/bin/bash", *(f"#SBATCH {option}" for option in options(script))]
    # sbatch stops looking for options at the first command, so none can follow from `setup`
    lines.append(f"STILT_TASK=$(({script.part.first} + SLURM_ARRAY_TASK_ID))")
    if script.time_limit_s is not None:
        end = f"$(($(date +%s) + {script.time_limit_s}))"
        lines.append(f'export SLURM_JOB_END_TIME="${{SLURM_JOB_END_TIME:-{end}}}"')
    lines += [_setup_line(line) for line in script.setup]
    lines.append(_worker(script))
    return "\n".join(lines) + "\n"


def check_output_folder(logs: str) -> None:
    """Refuse a folder in which Slurm would not number the tasks' output files, or that no script can name."""
    bad = {
        "a backslash": "\\" in logs,
        "a line break or a control character": _CONTROL.search(logs) is not None,
    }
    for what, is_there in bad.items():
        if is_there:
            raise InputError(
                f"Slurm cannot write to {logs}: there is {what} in it",
                "rename the project's folder",
                code="PATH_UNUSABLE",
            )


def options(script: Script) -> list[str]:
    """Return sbatch's options, quoted for ``#SBATCH`` lines."""
    check_output_folder(str(script.logs))
    output = str(script.logs).replace("%", "%%") + "/" + _output_name(script.part.first, "%a")
    forbidden = script.options.get("requeue") is False or bool(script.options.get("no-requeue"))
    own: dict[str, str | int | float | bool] = {
        "job-name": script.name,
        "array": script.part.spec,
        "cpus-per-task": script.cpus,
        "output": output,
        "open-mode": "append",
        "requeue": not forbidden,
        "no-requeue": forbidden,
        "signal": STOP_SIGNAL,
    }
    return [
        line
        for key, value in {**_forwarded(script.options), **own}.items()
        if (line := _option(key, value))
    ]


def time_limit_s(text: object) -> int | None:
    """Read Slurm's ways to write a time limit; None for no limit and for what Slurm refuses.

    ``minutes``, ``minutes:seconds``, ``hours:minutes:seconds``, ``days-hours``,
    ``days-hours:minutes`` and ``days-hours:minutes:seconds``; zero is no limit (sbatch's manual
    page, ``--time``).
    """
    match = re.fullmatch(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", str(text).strip())
    if match is None:
        return None
    days, first, second, third = (int(part) if part else 0 for part in match.groups())
    if match[1] is not None:
        seconds = ((days * 24 + first) * 60 + second) * 60 + third
    elif match[4] is not None:
        seconds = (first * 60 + second) * 60 + third
    else:
        seconds = first * 60 + second
    return seconds or None


def _output_name(first: int, index: str) -> str:
    """Return a name that tells the task: its number, or where the array begins and the index."""
    return f"task-{first}+{index}.out" if first else f"task-{index}.out"


def _forwarded(
    given: Mapping[str, str | int | float | bool],
) -> dict[str, str | int | float | bool]:
    for key in given:
        if not _OPTION.fullmatch(key) or any(name.startswith(key) for name in _SET_BY_STILT):
            raise InputError(
                f"execution.{key} cannot be handed on to sbatch",
                "remove it",
                code="EXECUTION_VALUE",
            )
    return dict(given)


def _option(key: str, value: str | float | bool) -> str:
    if value is False:
        return ""
    return f"--{key}" if value is True else f"--{key}={_quoted(key, str(value))}"


def _quoted(key: str, value: str) -> str:
    """Quote as sbatch reads: double quotes, in which a backslash takes the next character as it is."""
    if _CONTROL.search(value):
        raise InputError(
            f"execution.{key} contains a line break or a control character",
            "write it on one line in config.yaml",
            code="EXECUTION_VALUE",
        )
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _setup_line(line: str) -> str:
    if _CONTROL.search(line.replace("\t", " ")):
        raise InputError(
            "execution.setup: a line contains a line break or a control character",
            "make it two lines of the list in config.yaml",
            code="EXECUTION_VALUE",
        )
    return line


def _worker(script: Script) -> str:
    """Return the last line. ``exec``: the signal before the limit must reach the worker itself.

    ``-P`` keeps the job's working directory off the import path.
    """
    words = [
        *(script.python, "-P", "-m", "stilt", "push-worker", str(script.project)),
        *("--output", str(script.output), "--batch", script.batch, "--cpus", str(script.cpus)),
        *("--max-requeues", str(script.max_requeues)),
    ]
    return f'exec {shlex.join(words)} --task "$STILT_TASK"'
