"""What can go wrong, one class for each exit code.

A message says what is wrong and where; ``hint`` says what to do next; ``code`` names the kind of trouble, which the
guide explains. A class that means one kind carries its code, otherwise the place that makes the error gives it.
"""

from __future__ import annotations

from typing import ClassVar

from stilt.foundations.text import shown

MOST_OF_A_MESSAGE = 4000
"""Characters of a message that are kept: it may quote a file or a program."""


EXIT_COMPLETE = 0
EXIT_SOME_FAILED = 1
EXIT_NOT_FINISHED = 3
"""Codes of a command that went through; of others the error has the code."""


def with_code(text: str, code: str) -> str:
    """Return what an error says with its code behind it, where it has one."""
    return f"{text} [{code}]" if code else text


class StiltError(Exception):
    """Base of every error that is meant for the person at the terminal.

    Parameters
    ----------
    message
        What is wrong, and where (a path, a line, a key). Characters that a terminal would obey are escaped.
    hint
        The next thing to do, if there is one.
    code
        The kind of trouble, as ``stilt help CODE`` takes it; that of the class unless given.
    """

    exit_code: ClassVar[int] = 2
    code: str = ""

    def __init__(self, message: str, hint: str = "", *, code: str = "") -> None:
        message = shown(message, MOST_OF_A_MESSAGE)
        super().__init__(message, hint)
        self.message = message
        self.hint = hint
        if code:
            self.code = code

    def __str__(self) -> str:
        told = f"{self.message} ({self.hint})" if self.hint else self.message
        return with_code(told, self.code)


class InputError(StiltError):
    """The command line, the configuration or the receptors are wrong."""

    exit_code = 2


class ProblemsError(InputError):
    """Several problems of one file, reported together.

    Parameters
    ----------
    source
        The file they were found in.
    problems
        One line each, with the place in the file. Characters that would break the line, or the
        terminal, are escaped: problems quote what stands in a file.
    count
        How many there are, where not all are told.
    """

    def __init__(
        self,
        source: str,
        problems: tuple[str, ...],
        hint: str = "",
        count: int = 0,
        *,
        code: str = "",
    ) -> None:
        problems = tuple(map(shown, problems))
        number = max(count, len(problems))
        message = f"{source}: {number:,} problem{'s' if number != 1 else ''}"
        super().__init__(message, hint, code=code)
        self.args = (source, problems, hint, count)
        self.source = source
        self.problems = problems


class NotFinishedError(StiltError):
    """The run stopped before its end; the same command goes on."""

    exit_code = EXIT_NOT_FINISHED


class EnvironmentFailure(StiltError):  # noqa: N818 - not an error in the input, a failing of the surroundings
    """The machine, the scheduler or the filesystem does not provide what is needed."""

    exit_code = 4


class DamagedError(StiltError):
    """The log or the outputs are damaged."""

    exit_code = 5
