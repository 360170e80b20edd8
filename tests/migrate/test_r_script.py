"""What is understood of R: the expressions that settings are written with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from stilt.migrate.r_script import read_script
from stilt.migrate.r_values import NA, Frame, Time, Vector

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.migrate.r_account import Script


def run(folder: Path, text: str) -> Script:
    path = folder / "script.r"
    path.write_text(text)
    return read_script(path, folder)


def plain(value: Any) -> Any:
    """Return vectors as lists, those of one value as the value, frames as dicts, times as Python's."""
    if isinstance(value, Vector):
        values = [plain(item) for item in value.values]
        return values[0] if len(values) == 1 and not value.is_list else values
    if isinstance(value, Frame):
        return {name: [plain(item) for item in column] for name, column in value.columns.items()}
    return value.local() if isinstance(value, Time) else value


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
    "as.POSIXct(1449705600, tz = 'UTC')": datetime(2015, 12, 10, tzinfo=UTC),
    "as.POSIXct('2015-07-01 06:00', tz = 'America/Denver')": datetime(2015, 7, 1, 12, tzinfo=UTC),
    "format(as.POSIXct('2015-12-10 07:00', tz = 'UTC'), '%Y%m%d %H', tz = 'America/Denver')": "20151210 00",
    "as.numeric(as.POSIXct('2015-12-10', tz = 'UTC') - as.POSIXct('2015-12-09 12:00', tz = 'UTC'))": 12,
    "seq(as.Date('2019-01-30'), by = 'day', length.out = 3)[3] == as.Date('2019-02-01')": True,
    "seq(1, 10, length.out = 4)": [1, 4, 7, 10],
    "c(1, 'a', TRUE)": ["1", "a", "TRUE"],
    "c(5, 6, 7)[-1]": [6, 7],
    "c(5, 6, 7)[c(TRUE, FALSE, TRUE)]": [5, 7],
    "ifelse(c(1, 5) > 2, 'big', 'small')": ["small", "big"],
    "min(c(3, 1), 2)": 1,
    "max(3, NA, na.rm = TRUE)": 3,
    "sprintf('%02d_%s', 7, 'x')": "07_x",
    "formatC(0:1, width = 2, flag = '0')": ["00", "01"],
    "if (FALSE) 1 else if (TRUE) 2 else 3": 2,
    "(function(a, b = a * 2) a + b)(1)": 3,
    "sapply(1:3, \\(i) i^2)": [1, 4, 9],
    "c(3, 1, 2) |> sort()": [1, 2, 3],
    "c(3, 1, 2) %>% sort(decreasing = TRUE)": [3, 2, 1],
    "'18' %in% c(18, 19)": True,
    "which(c(FALSE, TRUE))": 2,
    "r'(C:\\data)'": "C:\\data",
    "subset(data.frame(a = 1:3, b = 4:6), a > 1 & b < 6)": {"a": [2], "b": [5]},
    "rbind(data.frame(a = 1, b = 2), data.frame(b = 3, a = 4))": {"a": [1, 4], "b": [2, 3]},
    "merge(data.frame(k = c(2, 1), a = 5:6), data.frame(k = 1:2, b = 7:8))": {
        "k": [1, 2],
        "a": [6, 5],
        "b": [7, 8],
    },
    "data.frame(a = 1:2) |> transform(b = a * 2)": {"a": [1, 2], "b": [2, 4]},
    "do.call(rbind, lapply(1:2, function(i) data.frame(a = i)))": {"a": [1, 2]},
    "nrow(expand.grid(a = 1:3, b = 1:2))": 6,
    "expand.grid(a = 1:2, b = c('x', 'y'))$b": ["x", "x", "y", "y"],
    "data.frame(a = 1:4, b = c(0, 1))": {"a": [1, 2, 3, 4], "b": [0, 1, 0, 1]},
}


@pytest.mark.parametrize(("expression", "value"), UNDERSTOOD.items(), ids=list(UNDERSTOOD))
def test_an_expression_has_the_value_that_r_gives_it(tmp_path, expression, value):
    script = run(tmp_path, f"x <- {expression}")
    assert script.unread == {}
    assert [statement.outcome for statement in script.statements] == ["done"]
    assert plain(script.values["x"]) == value


def test_times_follow_each_other_by_the_step_that_is_said(tmp_path):
    script = run(
        tmp_path,
        "a <- as.POSIXct('2015-12-10', tz = 'UTC')\n"
        "x <- seq(from = a, to = a + 86400, by = '6 hours')\ny <- seq(a, a + 60, by = 30)\n",
    )
    assert [time.local().hour for time in script.values["x"].values] == [0, 6, 12, 18, 0]
    assert len(script.values["y"].values) == 3


NOT_UNDERSTOOD = [
    "f(1)",
    "unknown",
    "1 +",
    "1 / 0",
    "'a' + 1",
    "seq(1, 10, by = -1)",
    "seq(0, 1e9)",
    "rep(1, 1e9)",
    "expand.grid(a = 1:2000, b = 1:2000)",
    "data.frame(a = 1:3, b = 1:2)",
    "data.frame(1:3)",
    "as.POSIXct('soon', tz = 'UTC')",
    "as.POSIXct('2015-12-10', tz = 'Nowhere/City')",
    "as.POSIXct('2015-12-10')",
    "as.POSIXct('2015-12-10T07:00', tz = 'UTC')",
    "as.POSIXct('2015-12-10 07', tz = 'UTC')",
    "Sys.time()",
    "runif(3)",
    "list.files('.')",
    "system('date', intern = TRUE)",
    "rep(1, 2, weird = 3)",
    "round(expand.grid(a = 'x', b = 1)$a)",
    "c('b', 'a')[order(c('b', 'a'))]",
    "paste(as.POSIXct('2015-12-10', tz = 'UTC'))",
    "c(1, 2)[3]",
    "3$a",
    "readRDS(paste0('a', b))",
    "readRDS(1)",
    "read.csv('nowhere.csv')",
    "~ a + b",
    "while (TRUE) 1",
    "repeat {}",
    "x[1, ]",
]


@pytest.mark.parametrize("expression", NOT_UNDERSTOOD)
def test_what_is_not_understood_is_kept_with_its_line(tmp_path, expression):
    script = run(tmp_path, f"\n\nvalue <- {expression}\nafter <- 1\n")
    assert "value" not in script.values
    assert script.unread["value"].line == 3 or expression == "1 +"
    assert plain(script.values.get("after")) == 1 or expression == "1 +"


def test_later_assignments_win_and_chains_and_arrows_work(tmp_path):
    script = run(tmp_path, "a <- 1; a = 2\nb <- c <- a * 2\nd <<- 5\n")
    assert [plain(script.values[name]) for name in "abcd"] == [2, 4, 4, 5]


def test_a_statement_goes_on_over_lines_and_comments(tmp_path):
    script = run(tmp_path, "x <- c(1, # one\n  2,\n\n  3)\ny <- 1 +\n  2\nz <- (\n4\n)\n")
    assert [plain(script.values[name]) for name in "xyz"] == [[1, 2, 3], 3, 4]


def test_a_table_beside_the_script_is_read(tmp_path):
    (tmp_path / "receptors.csv").write_text("time,lati\n2015-12-10 07:00,40.5\n")
    script = run(tmp_path, "x <- read.csv('receptors.csv', stringsAsFactors = F)\n")
    assert plain(script.values["x"]) == {"time": ["2015-12-10 07:00"], "lati": [40.5]}


def test_conditions_that_are_known_are_followed(tmp_path):
    script = run(
        tmp_path,
        "n <- 2\nif (n > 1) { a <- 1\n b <- 2 }\nif (n > 5) { c <- 3 }\nif (unknown) d <- 4\nif (TRUE) e <- 5\n",
    )
    assert [plain(script.values.get(name)) for name in "abcde"] == [1, 2, None, None, 5]
    assert list(script.unread) == ["d"]


def test_files_that_source_each_other_come_to_an_end(tmp_path):
    (tmp_path / "script.r").write_text("a <- 1\nsource('script.r')\nb <- 2\n")
    script = read_script(tmp_path / "script.r", tmp_path)
    assert "not followed" in {statement.outcome for statement in script.statements}
