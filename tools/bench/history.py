"""What ``status`` and ``run`` cost after many batches over the same simulations, beside what they cost after one.

    python tools/bench/history.py [--batches 200] [--simulations 2000] [--tasks 10] [--keep FOLDER]

Each batch does everything again (``run --no-skip``, to a fake sbatch), and the product's own writer writes what its
tasks would. Costs are seconds of CPU, the least of three processes each. Standard output is Markdown.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from log import Cost, make_project, stilt, write_segments

from stilt.batch.plan import Selection
from stilt.commands.run import Request, run

TRIES = 3


def work(project: Path) -> None:
    """Hand everything over, and let the tasks end: in a process forked from this one, which has all of it loaded."""
    pid = os.fork()
    if not pid:
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - until this process ends
        run(Request(project, selection=Selection(skip=False)), lambda _: None)
        write_segments(project)
        os._exit(0)
    if os.waitpid(pid, 0)[1]:
        raise SystemExit("a batch did not go well")


def cost(*arguments: str | Path) -> Cost:
    """Return the least that a command costs."""
    return min((stilt(*arguments)[0] for _ in range(TRIES)), key=lambda cost: cost.cpu_s)


def costs(project: Path) -> dict[str, Cost]:
    """Return what commands cost now."""
    checkpoint = project / "output" / "log" / "checkpoint"
    checkpoint.unlink(missing_ok=True)
    first = stilt("status", project)[0]
    return {
        "status, from nothing": first,
        "status": cost("status", project),
        "run --dry-run": cost("run", "--dry-run", project),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--batches", type=int, default=200)
    parser.add_argument("--simulations", type=int, default=2_000)
    parser.add_argument("--tasks", type=int, default=10)
    parser.add_argument("--keep", type=Path, help="work in this folder, and leave it")
    arguments = parser.parse_args()
    folder = arguments.keep or Path(tempfile.mkdtemp())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        project = make_project(folder, arguments.simulations, arguments.tasks)
        work(project)
        before = costs(project)
        for _ in range(arguments.batches - 1):
            work(project)
        after = costs(project)
    finally:
        if arguments.keep is None:
            shutil.rmtree(folder)
    sys.stdout.write(
        f"{arguments.simulations:,} simulations in {arguments.tasks} tasks; CPU s\n\n"
        f"| | after one batch | after {arguments.batches} | ratio |\n|---|---|---|---|\n"
    )
    for what, least in before.items():
        now = after[what]
        sys.stdout.write(
            f"| {what} | {least.cpu_s:.2f} | {now.cpu_s:.2f} | {now.cpu_s / least.cpu_s:.2f} |\n"
        )


if __name__ == "__main__":
    main()
