"""What sbatch means when it refuses, and what to change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stilt.foundations.errors import EnvironmentFailure, InputError, StiltError

if TYPE_CHECKING:
    from stilt.backends.slurm.commands import SlurmError
    from stilt.backends.slurm.script import Script

SETTINGS = {
    "invalid partition": "set execution.partition to one that `sinfo` lists",
    "invalid account": "set execution.account to one of yours (`sacctmgr show assoc user=$USER`)",
    "invalid qos": "set execution.qos to one that your account may use",
    "time limit": "set execution.time to no more than the partition allows (`sinfo -o '%P %l'`)",
    "memory specification": "set execution.mem to no more than a node has (`sinfo -o '%n %m'`)",
    "node configuration is not available": "lower execution.mem or execution.cpus_per_task to what "
    "one node has (`sinfo -o '%n %c %m'`)",
    "more processors requested": "lower execution.cpus_per_task to what one node has",
    "unrecognized option": "remove that key from execution: sbatch does not know it",
    "ambiguous": "write that key of execution in full, as `sbatch --help` does",
    "requires an argument": "give that key of execution a value",
    "doesn't allow an argument": "write that key of execution as true",
    "invalid --": "correct that key of execution",
    "invalid feature": "set execution.constraint to features that `sinfo -o '%n %f'` lists",
    "invalid generic resource": "set execution.gres to what `sinfo -o '%n %G'` lists",
    "invalid license": "set execution.licenses to what `scontrol show licenses` lists",
    "reservation is invalid": "set execution.reservation to one that `scontrol show reservation` lists",
    "invalid node name": "set execution.nodelist and execution.exclude to nodes that `sinfo -N` lists",
    "dependency problem": "set execution.dependency to jobs that Slurm knows",
    "mutually exclusive": "keep one of these keys of execution",
    "unrecognized --": "correct that key of execution",
    "invalid job array specification": "lower execution.n_workers below MaxArraySize "
    "(`scontrol show config | grep MaxArraySize`)",
}
"""Beginnings of what sbatch says, in small letters, that name a key of config.yaml."""

FEWER_TASKS = (
    "fewer tasks at once: lower execution.n_workers, or wait until others of your jobs have ended; `stilt run` then "
    "submits what is left, and `stilt run --wait` does so by itself"
)

NAMED_LIMITS = {
    r"(qos|assoc)\w*submit\w*limit|maxsubmit": FEWER_TASKS,
    r"(qos|assoc)\w*(wall|time)\w*limit": "lower execution.time: it is more than your account may ask for "
    "(`sacctmgr show qos`)",
    r"(qos|assoc)\w*mem\w*": "lower execution.mem: it is more than your account may ask for",
    r"(qos|assoc)\w*cpu\w*limit": "lower execution.cpus_per_task: it is more than your account may ask for",
    r"(qos|assoc)\w*limit": "it is a limit of your account: see `sacctmgr show qos` and `sacctmgr show assoc`",
}
"""Limits that Slurm calls by name, before a sentence that speaks of every limit there is."""

LIMITS = {
    "accounting/qos policy": "lower execution.n_workers: the number of jobs, CPUs or minutes is more "
    "than your account may submit (`sacctmgr show qos`)",
    "job limit": FEWER_TASKS,
    "batch script is empty": "look at the script, and at execution.setup",
    "access/permission denied": "this user may not submit here: ask the cluster's support",
}


class TasksLimitError(EnvironmentFailure):
    """So many tasks may not be in the queue at once; when others have ended, more may."""

    code = "SLURM_TASKS_LIMIT"


def refusal(error: SlurmError, script: Script, accepted: tuple[str, ...]) -> StiltError:
    """Return sbatch's own words as an error, with what to change.

    ``accepted`` are the arrays of the same batch that were taken before.
    """
    words = error.message.lower()
    before = f" (earlier arrays of this batch are in the queue: {', '.join(accepted)})"
    message = error.message + (before if accepted else "")
    if error.transient:
        return EnvironmentFailure(
            message,
            "the work is registered: when Slurm answers again, `stilt run` looks for the job "
            f"{script.name} and submits it only if it is not there",
            code="SLURM_SILENT",
        )
    for pattern, hint in NAMED_LIMITS.items():
        if re.search(pattern, words):
            return _limit(message, hint)
    for sign, hint in SETTINGS.items():
        if sign in words and "accounting/qos policy" not in words:
            return InputError(
                message, f"{hint}, then run the same command again", code="SLURM_SETTING"
            )
    for sign, hint in LIMITS.items():
        if sign in words:
            return _limit(message, hint)
    return EnvironmentFailure(
        message,
        "nothing of this array was submitted; mend it and run the same command again",
        code="SBATCH_REFUSED",
    )


def _limit(message: str, hint: str) -> EnvironmentFailure:
    if hint == FEWER_TASKS:
        return TasksLimitError(message, hint)
    return EnvironmentFailure(
        message, f"{hint}, then run the same command again", code="SLURM_ACCOUNT_LIMIT"
    )
