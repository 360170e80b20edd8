"""A client of a shared filesystem with many writing processes: ``python -m tests.log.many_writers``.

Arguments: ``segments`` or ``shared``, the folder, the first task, how many, events for each. Prints how many events
were acknowledged.
"""

import fcntl
import multiprocessing
import os
import sys
from pathlib import Path

from stilt.foundations.writers import this_writer
from stilt.log.events import Done, Started
from stilt.log.lines import encode_line
from stilt.log.writer import SegmentWriter


def segments(folder, task, events):
    """Write a life of the product's own; return what it acknowledged."""
    writer = SegmentWriter(folder / "log", "b1", 1, this_writer("worker", task=task, attempt=1))
    for number in range(events // 2):
        sim = f"hrrr_{task}_{number}"
        writer.append(Started(sim, 1.0))
        writer.append(Done(sim, "complete", 2.0))
    writer.close()
    return 2 * (events // 2)


def shared(folder, task, events):
    """Append to one file for all, each event under an exclusive lock; return how many."""
    descriptor = os.open(folder / "shared", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in range(events):
        line = encode_line(number, [Started(f"hrrr_{task}_{number}", 1.0)])
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, line)
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)
    return events


def main():
    how, folder, first, tasks, events = sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:])
    target = {"segments": segments, "shared": shared}[how]
    with multiprocessing.get_context("fork").Pool(tasks) as pool:
        jobs = [(folder, task, events) for task in range(first, first + tasks)]
        sys.stdout.write(f"{sum(pool.starmap(target, jobs, chunksize=1))}\n")


if __name__ == "__main__":
    main()
