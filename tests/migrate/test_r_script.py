"""What is understood of R: the expressions that settings are written with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from stilt.migrate.r_script import Script, read_script
from stilt.migrate.r_values import NA, Frame, Vector

if TYPE_CHECKING:
    from pathlib import Path


def run(folder: Path, text: str) -> Script:
    path = folder / "script.r"
    path.write_text(text)
    return read_script(path, folder)


def plain(value: Any) -> Any:
    """Return vectors as lists and frames as dicts."""
    if isinstance(value, Vector):
        return [plain(item) for item in value.values]
    return (
        {name: plain(Vector(c)) for name, c in value.columns.items()}
        if isinstance(value, Frame)
        else value
    )


UNDERSTOOD = {
    "42": 42,
    "-24L": -24,
    "0x10": 16,
    "1.5e-3": 0.0015,
    ".5": 0.5,
    "'a\\'b'": "a'b",
    '"tab\\tnew\\nline"': "tab\tnew\nline",
    "TRUE": True,
    "F": False,
    "NULL": None,
    "NA": NA,
    "2 + 3 * 4 ^ 2 / 8 - 1": 7.0,
    "-2^2": -4,
    "(1 + 2) * 3": 9,
    "7 %% 4": 3,
    "7 %/% 2": 3,
    "1 > 2 || 2 >= 2 && !FALSE": True,
    "'a' == 'a'": True,
    "1:4": [1, 2, 3, 4],
    "3:1": [3, 2, 1],
    "c(1, c(2, 3), 4)": [1, 2, 3, 4],
    "c(1, 2) * 10": [10, 20],
    "c(a = 1, b = 2)['b']": 2,
    "c(5, 6, 7)[2]": 6,
    "list(a = list(b = 'x'))$a$b": "x",
    "list(a = 1, b = 2)[['a']]": 1,
    "rep(c(1, 2), times = 2)": [1, 2, 1, 2],
    "rep(c(1, 2), each = 2)": [1, 1, 2, 2],
    "rep(c(1, 2), length.out = 3)": [1, 2, 1],
    "seq(0, 1, by = 0.25)": [0, 0.25, 0.5, 0.75, 1.0],
    "seq(from = 5, to = 3)": [5, 4, 3],
    "paste0('a', 1, TRUE)": "a1TRUE",
    "paste('a', 'b', sep = '-')": "a-b",
    "paste(c('a', 'b'), collapse = '/')": "a/b",
    "file.path('/data', 'hrrr')": "/data/hrrr",
    "base::paste0('a', 'b')": "ab",
    "length(c(1, 2, 3))": 3,
    "unlist(list(c(1, 2), 3))": [1, 2, 3],
    "as.numeric('2.5')": 2.5,
    "is.na(NA)": True,
    "path.expand('~/x')": "~/x",
    "as.POSIXct('2015-12-10 07:00', tz = 'UTC')": datetime(2015, 12, 10, 7, tzinfo=UTC),
    "as.POSIXct('2015/12/10', tz = 'UTC') + 3600": datetime(2015, 12, 10, 1, tzinfo=UTC),
    "as.POSIXct('10.12.2015', format = '%d.%m.%Y', tz = 'GMT')": datetime(2015, 12, 10, tzinfo=UTC),
    "as.POSIXct(1449705600)": datetime(2015, 12, 10, tzinfo=UTC),
    "nrow(expand.grid(a = 1:3, b = 1:2))": 6,
    "expand.grid(a = 1:2, b = c('x', 'y'))$b": ["x", "x", "y", "y"],
    "data.frame(a = 1:4, b = c(0, 1))": {"a": [1, 2, 3, 4], "b": [0, 1, 0, 1]},
}


@pytest.mark.parametrize(("expression", "value"), UNDERSTOOD.items(), ids=list(UNDERSTOOD))
def test_an_expression_has_the_value_that_r_gives_it(tmp_path, expression, value):
    script = run(tmp_path, f"x <- {expression}")
    assert script.unread == {}
    assert plain(script.values["x"]) == value


def test_times_follow_each_other_by_the_step_that_is_said(tmp_path):
    script = run(
        tmp_path,
        "a <- as.POSIXct('2015-12-10', tz = 'UTC')\n"
        "x <- seq(from = a, to = a + 86400, by = '6 hours')\ny <- seq(a, a + 60, by = 30)\n",
    )
    assert [time.hour for time in script.values["x"].values] == [0, 6, 12, 18, 0]
    assert len(script.values["y"].values) == 3


NOT_UNDERSTOOD = [
    "f(1)",
    "unknown",
    "1 +",
    "1 / 0",
    "'a' + 1",
    "seq(1, 10, by = -1)",
    "seq(1, 10, length.out = 4)",
    "seq(0, 1e9)",
    "rep(1, 1e9)",
    "expand.grid(a = 1:2000, b = 1:2000)",
    "data.frame(a = 1:3, b = 1:2)",
    "data.frame(1:3)",
    "as.POSIXct('soon', tz = 'UTC')",
    "as.POSIXct('2015-12-10', tz = 'MST')",
    "seq(as.POSIXct('2015-12-10'), as.POSIXct('2015-12-11'), by = 'month')",
    "c(1, 2)[3]",
    "c(a = 1)$b",
    "3$a",
    "readRDS(paste0('a', b))",
    "readRDS(1)",
    "read.csv('nowhere.csv')",
    "function(x) x |> f()",
    "~ a + b",
    "x[1, ]",
]


@pytest.mark.parametrize("expression", NOT_UNDERSTOOD)
def test_what_is_not_understood_is_kept_with_its_line(tmp_path, expression):
    script = run(tmp_path, f"\n\nvalue <- {expression}\nafter <- 1\n")
    assert "value" not in script.values
    assert script.unread.get("value", (3,))[0] == 3
    assert script.values.get("after") == 1 or expression == "1 +"


def test_later_assignments_win_and_chains_and_arrows_work(tmp_path):
    script = run(tmp_path, "a <- 1; a = 2\nb <- c <- a * 2\nd <<- 5\n")
    assert [script.values[name] for name in "abcd"] == [2, 4, 4, 5]


def test_a_statement_goes_on_over_lines_and_comments(tmp_path):
    script = run(tmp_path, "x <- c(1, # one\n  2,\n\n  3)\ny <- 1 +\n  2\nz <- (\n4\n)\n")
    assert [plain(script.values[name]) for name in "xyz"] == [[1, 2, 3], 3, 4]


def test_a_table_beside_the_script_is_read(tmp_path):
    (tmp_path / "receptors.csv").write_text("time,lati\n2015-12-10 07:00,40.5\n")
    script = run(tmp_path, "x <- read.csv('receptors.csv', stringsAsFactors = F)\n")
    assert plain(script.values["x"]) == {"time": ["2015-12-10 07:00"], "lati": ["40.5"]}


def test_conditions_that_are_known_are_followed(tmp_path):
    script = run(
        tmp_path,
        "n <- 2\nif (n > 1) { a <- 1\n b <- 2 }\nif (n > 5) { c <- 3 }\nif (unknown) d <- 4\nif (TRUE) e <- 5\n",
    )
    assert [script.values.get(name) for name in "abcde"] == [1, 2, None, None, 5]


def test_files_that_source_each_other_come_to_an_end(tmp_path):
    (tmp_path / "script.r").write_text("a <- 1\nsource('script.r')\nb <- 2\n")
    assert read_script(tmp_path / "script.r", tmp_path).values == {"a": 1, "b": 2}
