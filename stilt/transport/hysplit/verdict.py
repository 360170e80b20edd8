"""How a run ended: complete, or failed for a reason.

Exit status 0 and "Complete Hysplit" are not enough: a run whose meteorology ends early, or whose particle file was
cut, has both.
"""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stilt.foundations.failures import Reason, TransportError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stilt.config.schema import Config
    from stilt.transport.hysplit.dump import DumpParser
    from stilt.transport.hysplit.process import Ended

MINUTES_PER_HOUR = 60
MESSAGE_LINES = 40
MESSAGE_CHARACTERS = 200
_READ_BYTES = 1 << 22

_WANTS = (
    (Reason.DISK_FULL, ("No space left on device", "Disk quota exceeded")),
    (
        Reason.OUT_OF_MEMORY,
        ("memory allocation", "exceed memory limit", "Cannot allocate memory", "Error allocating"),
    ),
)
"""What the machine refused, in the words of the operating system, of Fortran's library and of HYSPLIT."""

_MET_INTERVAL = ("meteorological data time interval varies", "excessive interpolation")
_OFF_GRID = "all source points off all meteo grids"
_SOME_OFF_GRID = "number of sources reduced to"
_NO_START = "start point not within (x,y,t) any data file"
_ONE_TIME = "Only one time period of meteo data"
_MET_ENDS = (
    "no more meteorology",
    "too much time between files",
    "no meteo data at current time",
    "no data at current time on any grid",
    "trying to read past end-of-file",
    "trying to read before file start",
)
_LEFT_DOMAIN = "off spatial domain of all grids"
_COMPLETE = "Complete Hysplit"
_MET_TIME = re.compile(r"NOTICE metinp: .*?(\d{7,9}) +\d+ +\d+ +\d+ +\d+\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Words:
    """What hycs_std said: on its output, in WARNING, and in MESSAGE."""

    printed: str
    warning: str
    message: str

    @classmethod
    def of(cls, ended: Ended, folder: Path) -> Words:
        """Collect them from a finished run."""
        return cls(ended.words, _text(folder / "WARNING"), _text(folder / "MESSAGE"))

    def log(self, *, with_message: bool = False) -> str:
        """Return the part that is worth keeping; of MESSAGE only the end, for failures."""
        parts = [self.printed.rstrip()]
        if self.warning.strip():
            parts.append(f"--- WARNING\n{self.warning.rstrip()}")
        if with_message and self.message.strip():
            tail = self.message.rstrip().splitlines()[-MESSAGE_LINES:]
            parts.append("\n".join(["--- MESSAGE (its end)", *tail]))
        return "\n".join(parts) + "\n"

    def line_with(self, *phrases: str) -> str:
        """Return the first line that has one of these phrases, printed or warned; empty if there is none."""
        for line in (self.printed + "\n" + self.warning).splitlines():
            if any(phrase in line for phrase in phrases):
                return " ".join(line.split())[:MESSAGE_CHARACTERS]
        return ""

    def last_line(self) -> str:
        """Return the last line that was printed, cut to what a table can hold."""
        lines = self.printed.split("\n")
        return next((line.strip()[:MESSAGE_CHARACTERS] for line in lines[::-1] if line.strip()), "")


def judge(
    ended: Ended,
    dump: DumpParser,
    words: Words,
    config: Config,
    *,
    is_inside: Callable[[], bool] = lambda: True,
) -> None:
    """Return if the run is complete.

    ``is_inside`` tells whether the receptor can start on the meteorology's grid: hycs_std has the same words for a
    time that is not in its files and for a place on the grid's last cells.

    Raises
    ------
    TransportError
        With the reason, one line in hycs_std's own words where there are any, and its log.
    """
    reason, message = (
        _stopped(ended, dump, words)
        or _complained(words, is_inside)
        or _ended_badly(ended, words)
        or _cut_short(dump, words, config)
        or (None, "")
    )
    if reason is not None:
        raise TransportError(reason, message, words.log(with_message=True))


Finding = tuple[Reason, str] | None


def _stopped(ended: Ended, dump: DumpParser, words: Words) -> Finding:
    """Look for an end that came from outside."""
    reached = f"{dump.last_time():.0f} min into the run"
    if ended.timed_out:
        limit = f"after {ended.wall_s:.0f} s (execution.timeout)"
        return Reason.TIMEOUT, f"hycs_std was stopped {limit}, {reached}"
    if ended.dump_error:
        return Reason.TRUNCATED, ended.dump_error
    for reason, phrases in _WANTS:
        line = words.line_with(*phrases)
        if line:
            return reason, line
    return _killed(ended, reached) if ended.exit_code < 0 else None


def _killed(ended: Ended, reached: str) -> Finding:
    at = f"{reached}, at {ended.peak_rss_bytes / 2**20:.0f} MiB"
    if ended.exit_code == -signal.SIGKILL and ended.out_of_memory_kills > 0:
        return Reason.OUT_OF_MEMORY, f"the kernel killed hycs_std for want of memory, {at}"
    return Reason.KILLED, f"hycs_std was ended by {signal.Signals(-ended.exit_code).name}, {at}"


def _complained(words: Words, is_inside: Callable[[], bool]) -> Finding:
    """Look for what hycs_std found wrong with its input."""
    line = words.line_with(_OFF_GRID)
    if line:
        return Reason.BAD_RECEPTOR, f"the receptor lies outside of the meteorology's grid: {line}"
    if words.line_with(_SOME_OFF_GRID):
        line = words.line_with("source point off grid", "Position:")
        return (
            Reason.BAD_RECEPTOR,
            f"places of the receptor lie outside of the meteorology's grid: {line}",
        )
    line = words.line_with(_NO_START)
    if line:
        return _no_start(line, words, is_inside)
    line = words.line_with(*_MET_INTERVAL)
    if line:
        return Reason.MET_INTERVAL, line
    return None


def _no_start(line: str, words: Words, is_inside: Callable[[], bool]) -> Finding:
    """Tell what hycs_std means by a start that is in none of its files."""
    if words.line_with(_ONE_TIME):
        return Reason.MET_INTERVAL, "met files of a single time: hycs_std needs two or more in each"
    if not is_inside():
        return (
            Reason.BAD_RECEPTOR,
            f"the receptor lies on the outermost cells of the meteorology's grid: {line}",
        )
    # what hycs_std adds (start "before" or "after") is often the wrong one of the two
    return Reason.MET_COVERAGE, f"the meteorology does not hold the time of the receptor: {line}"


def _ended_badly(ended: Ended, words: Words) -> Finding:
    """Look at the exit status, and for the words with which a good run ends."""
    if ended.exit_code:
        line = words.line_with("ERROR", "runtime error", "Error") or words.last_line()
        return Reason.MODEL_ERROR, f"hycs_std exited with status {ended.exit_code}: {line}"
    if _COMPLETE not in words.printed:
        return Reason.MODEL_ERROR, f"hycs_std ended without saying {_COMPLETE!r}"
    return None


def _cut_short(dump: DumpParser, words: Words, config: Config) -> Finding:
    """Look for particles that end before they should."""
    if dump.is_cut:
        return Reason.TRUNCATED, f"the particle file ends inside of a line, after {dump.rows} rows"
    wanted = abs(config.n_hours) * MINUTES_PER_HOUR
    reached = dump.last_time()
    if dump.rows and reached > wanted - max(1.0, config.outdt):
        return None
    span = f"particles end {reached:.0f} of {wanted} min from the release"
    line = words.line_with(*_MET_ENDS)
    if line or (dump.rows and _met_ends_at(words.message, reached, config)):
        return Reason.MET_COVERAGE, f"the meteorology ends early, {span}: {line}".rstrip(": ")
    if words.line_with(_LEFT_DOMAIN):
        return None if dump.rows else (Reason.NO_PARTICLES, "no particle stayed in the domain")
    if not dump.rows:
        return Reason.NO_PARTICLES, "hycs_std wrote no particles and did not say why"
    return Reason.TRUNCATED, f"{span}, and hycs_std did not say why"


def _met_ends_at(message: str, reached: float, config: Config) -> bool:
    """Tell whether the particles end at the very last analysis that was read.

    hycs_std warns once a run only: where a particle left the domain before, nothing is said of the meteorology's
    end. Particles that merely left were followed by meteorology that goes on beyond them.
    """
    times = [int(minutes) for minutes in _MET_TIME.findall(message)]
    steps = re.findall(r"NOTICE +main: +\d+ +(\d{7,9}) ", message)
    if not times or not steps:
        return False
    forward = config.n_hours > 0
    start = int(steps[0]) - 1 if forward else int(steps[0]) + 1
    last = max(times) if forward else min(times)
    return abs(last - start) == round(reached)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_READ_BYTES).decode("latin-1")
    except FileNotFoundError:
        return ""
