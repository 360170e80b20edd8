"""No script is so odd that reading its settings ends in anything but settings and notes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stilt.migrate.migration import write_project
from stilt.migrate.r_stilt import read_r_stilt

WORDS = (
    "n_hours numpar xmn receptors c list rep seq function if else for in TRUE NA NULL <- = <<- ( ) { } [ ] "
    "[[ ]] , ; + - * / ^ : $ %% ~ 1 2.5 1e9 'text' 'hour' as.POSIXct expand.grid data.frame paste0 # \n "
    "-> |> %>% %in% ! & || == < while repeat break next return lapply do.call rbind subset mutate source eval assign "
    "stilt_apply 1L names \\ @ ? := receptors$zagl x[1] . _ q"
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


@pytest.mark.parametrize(
    "text",
    [
        "x <- " + "+".join(["1"] * 5000),
        "x <- " + "(" * 400 + "1" + ")" * 400,
        "x <- " + "-" * 3000 + "1",
        "f <- function(n) f(n + 1)\nx <- f(1)",
        "x <- c(" + ", ".join(map(str, range(30000))) + ")",
        "if (a) " * 300 + "b <- 1",
        "while (TRUE) x <- 1",
        "for (i in 1:2000) for (j in 1:2000) for (k in 1:2000) x <- i",
        "x <- list(); x$x <- x; x$x <- x",
        "x <- 10^400; y <- -7 %/% 0; z <- 2^-1e9; w <- 9L^9L^9L^9L",
    ],
    ids=range(10),
)
def test_what_is_deep_long_or_endless_ends_too(text, tmp_path):
    path = tmp_path / "run_stilt.r"
    path.write_text(f"n_hours <- -24\n{text}\nnumpar <- 50\n")
    assert read_r_stilt(path).account.startswith(("3 ", "5 ", "4 ", "6 "))
