"""Run hycs_std: read its particles while it writes them, and let nothing outlive the caller."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import subprocess
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stilt.foundations.linux import size_of_pipe
from stilt.foundations.processes import die_with_parent
from stilt.transport.hysplit.dump import FILE_NAME, DumpError
from stilt.transport.hysplit.probe import cannot_start

if TYPE_CHECKING:
    import resource
    from typing import Self

    from stilt.transport.hysplit.dump import DumpParser

PIPE_BYTES = 1 << 20
BYTES_PER_S = 6e6
"""How fast hycs_std writes at most, about: the pipe is emptied often enough that it never waits, and no oftener."""

TICKS_PER_LOOK = 10
"""How many times the pipe is emptied for one look at the memory that it takes."""

WORDS_KEPT = 1 << 16

_NOT_A_PROGRAM = (errno.ENOEXEC, errno.EACCES, errno.ENOENT, errno.ETXTBSY)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run of the program ended.

    Attributes
    ----------
    exit_code
        As ``subprocess`` has it: negative for the signal that killed it.
    words
        What it printed, the middle left out where it is very long.
    timed_out
        Whether it was killed here because its time was up.
    dump_error
        A line of the particle file that is not a row; the run was ended there.
    peak_rss_bytes, cpu_s, wall_s
        What it cost.
    out_of_memory_kills
        How often the kernel's out-of-memory killer struck on this machine meanwhile.
    """

    exit_code: int
    words: str
    timed_out: bool
    dump_error: str
    peak_rss_bytes: int
    cpu_s: float
    wall_s: float
    out_of_memory_kills: int


class ModelProcess:
    """hycs_std in a process group of its own, killed when the context is left, however that is.

    Parameters
    ----------
    exe
        The program.
    folder
        Its work directory. The particle file is made here as a pipe: hycs_std opens it as it would a file, and no
        copy of the particles as text ever reaches a disk.
    """

    def __init__(self, exe: Path, folder: Path) -> None:
        self._words = bytearray()
        fifo = folder / FILE_NAME
        os.mkfifo(fifo)
        self._dump = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        self._tick_s = size_of_pipe(self._dump, PIPE_BYTES) / BYTES_PER_S / 2
        self._output, child_output = os.pipe()
        os.set_blocking(self._output, False)
        self._poll = select.poll()
        self._poll.register(self._output, select.POLLIN)
        try:
            self._process = _start(exe, folder, child_output)
        except BaseException:
            os.close(self._dump)
            os.close(self._output)
            raise
        finally:
            os.close(child_output)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._kill()
            os.wait4(self._process.pid, 0)
            self._process.returncode = -signal.SIGKILL
        os.close(self._dump)
        os.close(self._output)

    def follow(self, dump: DumpParser, timeout_s: float) -> Ended:
        """Feed the particles to the parser until the program ends or its time is up."""
        begun = time.monotonic()
        kills_before = out_of_memory_kills()
        timed_out = False
        error = ""
        usage = None
        peak_rss = ticks = 0
        while usage is None:
            self._wait_a_tick()
            if ticks < TICKS_PER_LOOK or ticks % TICKS_PER_LOOK == 0:
                peak_rss = self._peak_rss() or peak_rss
            ticks += 1
            usage = self._usage_if_ended()
            try:
                _drain(self._dump, dump)
            except DumpError as bad_row:
                error = error or str(bad_row)
                if usage is None:
                    self._kill()
            if usage is None and not timed_out and time.monotonic() - begun > timeout_s:
                timed_out = True
                self._kill()
        self._read_words()
        return Ended(
            exit_code=self._process.returncode,
            words=self._words.decode("utf-8", "replace"),
            timed_out=timed_out,
            dump_error=error,
            peak_rss_bytes=peak_rss or usage.ru_maxrss * 1024,
            cpu_s=usage.ru_utime + usage.ru_stime,
            wall_s=time.monotonic() - begun,
            out_of_memory_kills=out_of_memory_kills() - kills_before,
        )

    def _wait_a_tick(self) -> None:
        """Sleep until the program prints something or a tick has passed."""
        if self._poll.poll(1000 * self._tick_s) and not self._read_words():
            time.sleep(0.001)  # it has closed its output and is about to end

    def _read_words(self) -> int:
        """Take what it printed: the beginning and the end of it."""
        taken = 0
        with contextlib.suppress(BlockingIOError):
            while words := os.read(self._output, WORDS_KEPT):
                self._words += words
                taken += len(words)
                if len(self._words) > 2 * WORDS_KEPT:
                    del self._words[WORDS_KEPT:-WORDS_KEPT]
        return taken

    def _usage_if_ended(self) -> resource.struct_rusage | None:
        pid, status, usage = os.wait4(self._process.pid, os.WNOHANG)
        if not pid:
            return None
        self._process.returncode = os.waitstatus_to_exitcode(status)
        return usage

    def _peak_rss(self) -> int:
        """Return the peak of its resident memory so far; wait4's figure counts this process before exec too."""
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return 1024 * int(line.split()[1])
        return 0

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


def _start(exe: Path, folder: Path, output: int) -> subprocess.Popen[bytes]:
    parent = os.getpid()
    with warnings.catch_warnings():
        # from 3.12 on Python warns of fork beside threads; what runs before exec here takes no lock of Python's
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return subprocess.Popen(
                [exe],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=_environment(),
                process_group=0,
                preexec_fn=lambda: die_with_parent(parent),  # noqa: PLW1509 - see above
            )
        except OSError as error:
            if error.errno in _NOT_A_PROGRAM:
                raise cannot_start(exe, error) from error
            raise


def _environment() -> dict[str, str]:
    """Return the environment without what would change how Fortran writes."""
    return {name: text for name, text in os.environ.items() if not name.startswith("GFORTRAN")}


def _drain(descriptor: int, dump: DumpParser) -> None:
    with contextlib.suppress(BlockingIOError):
        while dump.read_from(descriptor):
            pass


def out_of_memory_kills() -> int:
    """Return how many processes the kernel has killed for want of memory, cgroups' limits included."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0
