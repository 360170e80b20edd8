"""Tasks that a limit on a user's tasks kept out of the queue: offered again, in arrays that fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.backends.slurm.refusals import TasksLimitError
from stilt.backends.slurm.script import ArrayPart

if TYPE_CHECKING:
    from stilt.backends.slurm.observe import Array
    from stilt.backends.slurm.submit import Submitter


class Rest:
    """The last tasks of a batch, from ``first`` on.

    Parameters
    ----------
    number
        Of the next array: each one has a name of its own.
    size
        How many tasks to try at once.
    """

    def __init__(self, submitter: Submitter, first: int, number: int, size: int) -> None:
        self._submitter = submitter
        self._first = first
        self._number = number
        self._size = max(size, 1)
        self.refusal: TasksLimitError | None = None

    @property
    def left(self) -> int:
        """How many tasks are not in the queue yet."""
        return self._submitter.submission.tasks - self._first

    def offer(self) -> list[Array]:
        """Submit as many tasks as the limit has room for now, and return the arrays.

        A refused array is halved until it is taken, one that was taken is followed by a larger one, and the first
        refusal after that ends it: so Slurm is asked a handful of times.
        """
        taken: list[Array] = []
        size = min(self._size, self.left)
        while size:
            self._size = size
            try:
                taken.append(self._submit(size))
            except TasksLimitError as refusal:
                self.refusal = refusal
                size = 0 if taken else size // 2
            else:
                self._first += size
                size = min(2 * size, self.left)
        return taken

    def _submit(self, size: int) -> Array:
        submission = self._submitter.submission
        throttle = submission.execution.array_parallelism
        share = None if throttle is None else max(1, throttle * size // submission.tasks)
        part = ArrayPart(self._number, self._first, size, share)
        self._number += 1
        return self._submitter.submit(*submission.script(part))
