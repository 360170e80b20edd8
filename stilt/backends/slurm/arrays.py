"""How many arrays a batch needs, and how they share the throttle."""

from __future__ import annotations

from stilt.backends.slurm.script import ArrayPart


def split(tasks: int, max_array_size: int | None, parallelism: int | None) -> tuple[ArrayPart, ...]:
    """Divide tasks among arrays that Slurm accepts.

    ``MaxArraySize`` limits the index, which must be smaller: indices 0 to ``MaxArraySize - 1`` make
    as many tasks. Arrays get nearly equal shares of tasks and of the throttle. Where there are more
    arrays than tasks may run at once, each waits for an earlier one to end.
    """
    limit = max_array_size or tasks
    count = -(-tasks // limit)
    lanes = count if parallelism is None else min(count, parallelism)
    bounds = [tasks * part // count for part in range(count + 1)]
    return tuple(
        ArrayPart(
            number=part,
            first=bounds[part],
            tasks=bounds[part + 1] - bounds[part],
            parallelism=_share(parallelism, part % lanes, lanes),
            after=part - lanes if part >= lanes else None,
        )
        for part in range(count)
    )


def _share(parallelism: int | None, lane: int, lanes: int) -> int | None:
    if parallelism is None:
        return None
    return parallelism // lanes + (lane < parallelism % lanes)
