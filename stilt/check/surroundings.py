"""Whether the transport model runs here, and whether Slurm would take the job."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from stilt.check.finding import (
    Finding,
    fine,
    from_error,
    note,
    warning,
    wrong_input,
    wrong_surroundings,
)
from stilt.config.variants import settings_by_kind
from stilt.foundations.errors import StiltError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stilt.config.schema import Config
    from stilt.foundations.paths import Layout

NODE_LOCAL = ("/tmp", "/var/tmp", "/dev/shm", "/run")  # noqa: S108 - looked at, not written to
"""Folders that every node has of its own."""

TRIAL_S = 20
"""hycs_std without input ends within a second; on a cold shared filesystem it may have to be read first."""

SECONDS_A_PARTICLE_HOUR = 25 / (200 * 24)
"""Of hycs_std: 21 to 30 s of CPU for 200 particles and 24 h."""


def check_engine(config: Config) -> Iterator[Finding]:
    """Prepare the transport engine as a worker would, and start HYSPLIT once."""
    from stilt.transport.engines import load_engine, prepare

    try:
        engine = load_engine(config)
        prepare(engine, config)
        yield fine("engine", f"{engine.name} {engine.version}")
        if config.model == "hysplit":
            yield from _try_hysplit(config)
    except StiltError as error:
        yield from from_error("engine", error)


def _try_hysplit(config: Config) -> Iterator[Finding]:
    """Start the binary in an empty folder, where it can only complain, to see that this machine executes it."""
    from stilt.transport.hysplit.locate import locate

    exe = locate(config.hysplit.exe_dir).exe
    hint = "name a build for this machine with hysplit.exe_dir, or use model: native"
    with tempfile.TemporaryDirectory(prefix="stilt-check-") as folder:
        try:
            done = subprocess.run(
                [exe],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=TRIAL_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return
        except OSError as error:
            yield wrong_surroundings(
                "engine",
                f"{exe} does not run here: {error.strerror}",
                hint,
                code="HYSPLIT_NOT_STARTED",
            )
            return
    if done.returncode < 0 or done.returncode in {126, 127}:
        words = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        yield wrong_surroundings(
            "engine", f"{exe} does not run here: {words[-1]}", hint, code="HYSPLIT_NOT_STARTED"
        )


def _is_cost_known(layout: Layout) -> bool:
    """Tell whether a simulation has ended well, so that a run can say into how many tasks to deal the others."""
    from stilt.log.index import OutputIndex

    costs = OutputIndex(layout.log_dir).fold().costs()
    return bool({"complete", "empty"} & costs.keys())


def check_slurm(layout: Layout, config: Config, simulations: int) -> Iterator[Finding]:
    """Ask Slurm for its limits, and sbatch whether it would take such a job."""
    from stilt.backends.slurm.answers import last_words
    from stilt.backends.slurm.preview import tested
    from stilt.backends.slurm.submit import Submission, ask_limits

    execution = config.execution
    if execution.n_workers is None and not _is_cost_known(layout):
        yield wrong_input(
            "slurm",
            "execution.n_workers is missing, and no simulation has told yet what it costs",
            "say into how many array tasks to deal the simulations, or run with --n-workers",
            code="N_WORKERS_NEEDED",
        )
    tasks = min(execution.n_workers or 1, max(simulations, 1))
    said: list[str] = []
    try:
        limits = ask_limits(said.append)
        if said:
            yield wrong_surroundings(
                "slurm",
                f"Slurm gives no answer: {said[0]}",
                "is its controller up? try again later",
                code="SLURM_SILENT",
            )
            return
        submission = Submission(layout, "check", tasks, execution.cpus_per_task, execution)
        arrays = len(submission.scripts(limits))
        answer = tested(submission, limits)
        yield from check_partition(config)
    except StiltError as error:
        yield from from_error("slurm", error)
        return
    if answer.code != 0:
        words = last_words(answer.err) or answer.words or "no answer"
        yield wrong_input(
            "slurm",
            f"sbatch would refuse: {words}",
            "mend execution in config.yaml",
            code="SBATCH_REFUSED",
        )
    else:
        where = f" in {arrays} arrays (MaxArraySize {limits.max_array_size})" if arrays > 1 else ""
        yield fine(
            "slurm", f"sbatch would take {tasks:,} tasks{where}: {last_words(answer.err, 1)}"
        )
    if limits.max_job_count and tasks > limits.max_job_count:
        yield warning(
            "slurm",
            f"{tasks:,} tasks are more than the controller holds ({limits.max_job_count:,} jobs)",
            "lower n_workers",
            code="SLURM_TASKS_LIMIT",
        )
    if simulations:
        yield from _workload(config, simulations, tasks)


def _workload(config: Config, simulations: int, tasks: int) -> Iterator[Finding]:
    """Compare what a task has to do with its time limit, roughly, for HYSPLIT."""
    from stilt.backends.slurm.script import time_limit_s
    from stilt.foundations.quantities import duration

    execution = config.execution
    if execution.n_workers and execution.n_workers > simulations:
        yield note(
            "slurm",
            f"n_workers is {execution.n_workers:,}, but there are {simulations:,} simulations",
        )
    if config.model != "hysplit":
        return
    every = settings_by_kind(config).values()
    hours = sum(own.numpar * abs(own.n_hours) for own in every) / len(every)
    one_s = SECONDS_A_PARTICLE_HOUR * hours
    share = -(-simulations // tasks)
    task_s = one_s * -(-share // execution.cpus_per_task)
    limit = time_limit_s(execution.sbatch.get("time"))
    text = f"a task has up to {share:,} simulations: roughly {duration(task_s)}"
    if limit is not None and task_s > limit:
        enough = -(-int(simulations * one_s) // (limit * execution.cpus_per_task))
        yield warning(
            "slurm",
            f"{text}, and the time limit is {duration(limit)}",
            f"raise time, or n_workers (to {enough:,} or more); what is left at the limit is requeued",
            code="TIME_LIMIT_SHORT",
        )
    else:
        yield note("slurm", text)


def check_shared(layout: Layout) -> Iterator[Finding]:
    """Look at the folders that every node must see: the project's, and that of this Python."""
    import sys

    places = {
        "the project": layout.project,
        "the output root": layout.output,
        "this Python": Path(sys.prefix),
    }
    for what, folder in places.items():
        if any(folder.is_relative_to(local) for local in NODE_LOCAL):
            yield warning(
                "slurm",
                f"{what} is in {folder}, which nodes do not share",
                "use a folder that all nodes see",
                code="FOLDER_NOT_SHARED",
            )


def check_partition(config: Config) -> Iterator[Finding]:
    """Compare the time limit with the partition's: Slurm takes a longer job, and never starts it."""
    from stilt.backends.slurm import commands
    from stilt.backends.slurm.script import time_limit_s

    asked = time_limit_s(config.execution.sbatch.get("time"))
    given = config.execution.sbatch.get("partition")
    if asked is None:
        return
    where = [f"--partition={given}"] if given else []
    answer = commands.run("sinfo", "--noheader", "--format=%P|%l", *where)
    for line in answer.out.splitlines():
        name, _, limit = line.strip().partition("|")
        allowed = time_limit_s(limit)
        if allowed is not None and asked > allowed and (given or name.endswith("*")):
            yield wrong_input(
                "slurm",
                f"time {config.execution.sbatch['time']} is more than the partition "
                f"{name.rstrip('*')} allows ({limit}): the job would wait for ever",
                "lower execution.time",
                code="SLURM_SETTING",
            )
            return
