"""Progress: a bar on a terminal or in a notebook, one line for each simulation elsewhere."""

from __future__ import annotations

import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Self, TextIO

from stilt.foundations.quantities import duration, rate
from stilt.foundations.screens import screen_for
from stilt.foundations.text import shown

if TYPE_CHECKING:
    from rich.text import Text

    from stilt.foundations.screens import Screen
    from stilt.log.events import Outcome

REDRAW_S = 0.2
LATELY_S = (
    600.0  # the rate is that of the last so many seconds: what counts is how fast it goes now
)
MARK_S = 1.0
FAILURES_SHOWN = 10
BAR_LEAST, BAR_MOST = 8, 40


class Progress:
    """Show how far a run is, what failed, how fast it goes and how long it will still take.

    It starts no thread (a pool may fork beside it): it redraws when told something, and on ``tick``.

    Parameters
    ----------
    total
        Simulations that this run looks after; of other work its parts, 0 as long as nobody knows.
    stream
        Where to write, stdout unless given; a terminal gets a bar.
    label
        What goes on, said before the numbers.

    Attributes
    ----------
    running
        How many simulations run now, for the bar.
    note
        What else to say in the bar, such as why Slurm does not answer.
    """

    def __init__(self, total: int, stream: TextIO | None = None, label: str = "") -> None:
        self.total = total
        self.label = label
        self._given = stream
        self.stream = stream or sys.stdout
        self.done = 0
        self.failed = 0
        self.running = 0
        self.note = ""
        self._screen: Screen | None = None
        self._drawn = 0.0
        self._failures_shown = 0
        self._started = time.monotonic()
        self._marks: deque[tuple[float, int]] = deque([(self._started, 0)])

    def __enter__(self) -> Self:
        self._screen = screen_for(self._given)
        self.tick(force=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._screen is not None:
            self.tick(force=True)
            self._screen.close()
            self._screen = None

    def finished(self, sim: str, outcome: Outcome, wall_s: float, reason: str = "") -> None:
        """Report that a simulation ended; ``reason`` is the failure's, with or without its message."""
        if outcome != "interrupted":
            self.done += 1
            self.failed += outcome == "failed"
            self._mark(time.monotonic())
        if self._screen is None:
            width = len(str(self.total))
            self.say(
                f"[{self.done:>{width}}/{self.total}] {outcome:<11} {sim}  {duration(wall_s)}"
                + (f"  {reason}" if reason else "")
            )
        elif outcome == "failed":
            self._show_failure(sim, reason)
        self.tick()

    def reach(self, done: int, total: int) -> None:
        """Report how much is done, of how much."""
        self.total = total
        if done > self.done:
            self.done = done
            self._mark(time.monotonic())
        self.tick()

    def say(self, message: str) -> None:
        """Write a line above the bar."""
        message = shown(message)
        if self._screen is None:
            self._say(message)
        else:
            self._screen.say(message)

    def tick(self, *, force: bool = False) -> None:
        """Redraw the bar, at most five times a second: time left goes on between reports."""
        now = time.monotonic()
        if self._screen is not None and (force or now - self._drawn >= REDRAW_S):
            self._drawn = now
            self._screen.draw(self)

    @property
    def per_second(self) -> float:
        """Simulations that end in a second, of late; 0 as long as none has."""
        (since, before), now = self._marks[0], time.monotonic()
        return (self.done - before) / (now - since) if now > since else 0.0

    def _mark(self, now: float) -> None:
        """Remember how far it was: workers that began together end together, so a few ends say nothing."""
        if now - self._marks[-1][0] >= MARK_S:
            self._marks.append((now, self.done - 1))
        while len(self._marks) > 1 and self._marks[1][0] < now - LATELY_S:
            self._marks.popleft()

    def line(self, width: int) -> Text:
        """Return the bar in a terminal of that width: the last facts go first where it is narrow."""
        from rich.text import Text

        facts = self.facts()
        while len(facts) > 1 and BAR_LEAST + 2 + len(" · ".join(facts)) > width:
            facts.pop()
        room = width - len(" · ".join(facts)) - 2
        text = Text(no_wrap=True, overflow="crop")
        if room >= BAR_LEAST:
            self._append_bar(text, min(room, BAR_MOST))
        for number, fact in enumerate(facts):
            text.append(" · " if number else "", style="dim")
            text.append(fact, style="red" if fact.endswith(" failed") else "")
        return text

    def _append_bar(self, text: Text, width: int) -> None:
        good = width * (self.done - self.failed) // self.total if self.total else width
        bad = width * self.done // self.total - good if self.total else 0
        if self.failed and not bad and good:
            good, bad = good - 1, 1
        text.append("━" * good, style="green")
        text.append("━" * bad, style="red")
        # Without colours, the part to come must still look different from the part that is done.
        text.append("╌" * (width - good - bad) + " ", style="dim")

    def facts(self) -> list[str]:
        """Return what to say, the most important first."""
        share = f" ({100 * self.done // self.total}%)" if self.total else ""
        number = f"{self.done:,}/{self.total:,}{share}" if self.total or not self.label else ""
        facts = [f"{self.label} {number}".strip()]
        if self.failed:
            facts.append(f"{self.failed:,} failed")
        if self.per_second and self.done < self.total:
            facts.append(f"{duration((self.total - self.done) / self.per_second)} left")
        if self.running:
            facts.append(f"{self.running:,} running")
        if self.note:
            facts.append(shown(self.note))
        if self.per_second:
            facts.append(rate(self.per_second))
        facts.append(duration(time.monotonic() - self._started))
        return facts

    def _show_failure(self, sim: str, reason: str) -> None:
        self._failures_shown += 1
        if self._failures_shown <= FAILURES_SHOWN:
            self.say(f"failed {sim}: {reason}")
        elif self._failures_shown == FAILURES_SHOWN + 1:
            self.say("further failures are counted, not shown: stilt status --failed lists them")

    def _say(self, message: str) -> None:
        self.stream.write(f"{message}\n")
        self.stream.flush()
