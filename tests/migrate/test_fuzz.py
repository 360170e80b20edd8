"""No script is so odd that reading its settings ends in anything but settings and notes."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from stilt.migrate.migration import write_project
from stilt.migrate.r_stilt import read_r_stilt

WORDS = (
    "n_hours numpar xmn receptors c list rep seq function if else for in TRUE NA NULL <- = <<- ( ) { } [ ] "
    "[[ ]] , ; + - * / ^ : $ %% ~ 1 2.5 1e9 'text' 'hour' as.POSIXct expand.grid data.frame paste0 # \n"
)
words = st.sampled_from(WORDS.split(" "))


@settings(deadline=None, max_examples=150)
@given(st.lists(words, max_size=25).map(" ".join))
def test_any_script_ends_in_settings_and_notes(text):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run_stilt.r"
        path.write_text(text)
        migration = read_r_stilt(path)
        write_project(Path(folder) / "new", migration)
        migration.problems(Path(folder) / "new")
