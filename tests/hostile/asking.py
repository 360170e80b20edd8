"""Commands that read, in this process: there are many of them, and each start of Python takes a second."""

from __future__ import annotations

import io
import os
from contextlib import chdir, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING
from unittest import mock

from stilt.cli.program import main
from tests.projects import Answer

if TYPE_CHECKING:
    from tests.projects import Project


def ask(project: Project, *arguments: str) -> Answer:
    """Run a command as the command line does, and return what it printed."""
    out, err = io.StringIO(), io.StringIO()
    code: object = None
    with (
        chdir(project.path),
        mock.patch.dict(os.environ, project.environment()),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main(list(arguments))
        except SystemExit as error:
            code = error.code
    assert isinstance(code, int)
    return Answer(code, out.getvalue(), err.getvalue())
