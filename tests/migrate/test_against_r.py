"""What is followed without R comes out as R has it: thousands of made-up expressions, evaluated by both."""

from __future__ import annotations

import random
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from stilt.migrate import with_r
from stilt.migrate.r_script import read_script
from stilt.migrate.r_values import NA, Day, Frame, Span, Time, Unknown, Vector

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    shutil.which("Rscript") is None, reason="there is no Rscript on PATH"
)

COUNT = 500
START = """\
t1 <- as.POSIXct('2019-07-01 20:00', tz = 'UTC')
x1 <- c(4, 2, 9)
f1 <- data.frame(a = c(1, 2, 3), b = c(7, 5, 6))
f2 <- data.frame(a = c(2, 1, 2), b = c(0.5, 1.5, 2.5))
"""
# A rule's upper-case words are rules again, by way of a deeper level; at depth 0 the words of ENDS are taken.
ENDS = {
    "VALUE": ["NUMBER", "TEXT"],
    "NUMBER": [
        "1",
        "2",
        "0",
        "3.5",
        "-1",
        "10",
        "7L",
        "0.25",
        "NA",
        "TRUE",
        "1e3",
        "100000",
        "1e-5",
        "x1",
        "f1$a",
    ],
    "TEXT": ["'a'", "'b'", "'12'", "'2019-07-01'", "'x y'", "''", "'18'"],
    "TIME": [
        "as.POSIXct('2019-07-01 20:00', tz='UTC')",
        "as.POSIXct('2019-03-10 12:00', tz='America/Denver')",
        "as.POSIXct(c('2019-07-01','2019-07-02'), tz='UTC')",
        "seq(t1, by='6 hours', length.out=4)",
        "as.Date('2019-07-01')",
        "seq(as.Date('2019-01-29'), by='day', length.out=3)",
        "t1",
        "ISOdatetime(2019,7,1,c(0,12),0,0,tz='UTC')",
    ],
    "FRAME": ["f1", "f2", "data.frame(a = 1:2, b = c(5, 6))", "expand.grid(a = 1:2, b = c(3, 4))"],
}
RULES = {
    "VALUE": [
        "c(VALUE, VALUE)",
        "rep(VALUE, 2)",
        "rep(VALUE, each = 2)",
        "rep(VALUE, length.out = 5)",
        "rev(VALUE)",
        "unique(VALUE)",
        "paste0(VALUE, VALUE)",
        "paste(VALUE, VALUE, sep = '-', collapse = '|')",
        "ifelse(NUMBER > NUMBER, VALUE, VALUE)",
        "head(VALUE, 2)",
        "tail(VALUE, 1)",
        "VALUE[1]",
        "(VALUE %in% VALUE)",
        "(VALUE == VALUE)",
        "is.na(VALUE)",
        "length(VALUE)",
        "unlist(list(VALUE, VALUE))",
        "as.character(NUMBER)",
        "sapply(VALUE, function(x) x)",
        "sprintf('%s_%s', VALUE, VALUE)",
        "if (NUMBER > NUMBER) VALUE else VALUE",
        "f1[['a']]",
        "f1[2, 'a']",
        "f1[f1$a > 1, 'b']",
        "as.numeric(VALUE)",
        "toupper(VALUE)",
        "substr(VALUE, 1, 2)",
        "rev(VALUE |> rev())",
        "(function(p, q = 2) p)(VALUE)",
        "sort(VALUE)",
        "NUMBER",
        "NUMBER",
    ],
    "NUMBER": [
        "(NUMBER + NUMBER)",
        "(NUMBER - NUMBER)",
        "(NUMBER * NUMBER)",
        "(NUMBER / NUMBER)",
        "(NUMBER %% NUMBER)",
        "(NUMBER %/% NUMBER)",
        "(NUMBER ^ 2)",
        "-NUMBER",
        "1:3",
        "3:1",
        "seq(0, 1, by = 0.25)",
        "seq(5, 1)",
        "seq(1, 10, length.out = 4)",
        "round(NUMBER, 1)",
        "floor(NUMBER)",
        "abs(NUMBER)",
        "sum(NUMBER)",
        "mean(NUMBER)",
        "min(NUMBER, NUMBER)",
        "max(NUMBER, na.rm = TRUE)",
        "range(NUMBER)",
        "c(NUMBER, NUMBER)",
        "(NUMBER > NUMBER & NUMBER < NUMBER)",
        "!NUMBER",
        "any(NUMBER > 1)",
        "as.integer(NUMBER)",
        "order(-NUMBER)",
        "nrow(f1[f1$a > NUMBER, ])",
        "which(NUMBER > 1)",
    ],
    "TIME": [
        "(TIME + 3600)",
        "(TIME - 30)",
        "c(TIME, TIME)",
        "rev(TIME)",
        "TIME[1]",
        "format(TIME, '%Y%m%d%H')",
        "format(TIME, '%H', tz = 'America/Denver')",
        "(TIME > TIME)",
        "(TIME == TIME)",
        "max(TIME)",
        "range(TIME)",
        "unique(TIME)",
        "as.numeric(TIME)",
        "rep(TIME, 2)",
        "as.numeric(TIME - TIME)",
    ],
    "FRAME": [
        "subset(FRAME, a > NUMBER)",
        "rbind(FRAME, FRAME)",
        "merge(FRAME, f2)",
        "merge(FRAME, data.frame(z = 1:2))",
        "transform(FRAME, c = a * 2)",
        "FRAME[order(FRAME$a), ]",
        "unique(FRAME)",
        "FRAME[c('b', 'a')]",
        "head(FRAME, 2)",
        "FRAME[-1, ]",
        "na.omit(FRAME)",
        "cbind(FRAME, q = 1)",
        "do.call(rbind, list(FRAME, FRAME))",
        "with(FRAME, data.frame(a = a + 1, b = b))",
    ],
}
CHANGES = [
    "v$a <- NUMBER",
    "v$n <- VALUE",
    "v[2, 'a'] <- NUMBER",
    "v[2] <- NUMBER",
    "v[['a']] <- NUMBER",
    "names(v)[1] <- 'k'",
    "v[v$a > 1, 'b'] <- NUMBER",
    "v$a[2] <- NUMBER",
    "v$b <- NULL",
    "v[nrow(v) + 1, ] <- list(9, 8)",
    "v <- v[-1]",
    "for (i in NUMBER) v[1] <- i",
    "v[, 'a'] <- NUMBER",
    "v[3, ] <- v[1, ]",
]


def grown(rule: str, depth: int, rng: random.Random) -> str:
    """Return an expression by the rules."""
    choices = RULES[rule] if depth > 0 and rule in RULES else ENDS[rule]
    words = rng.choice(choices)
    for name in ENDS:
        while name in words:
            words = words.replace(name, grown(name, depth - 1, rng), 1)
    return words


def statement(name: str, rng: random.Random) -> str:
    """Return a line that gives a variable its value."""
    kind = rng.choice(["VALUE", "VALUE", "NUMBER", "TIME", "FRAME", "changes"])
    if kind != "changes":
        return f"{name} <- {grown(kind, 2, rng)}"
    lines = [
        rng.choice(
            ["v <- f1", "v <- f2", "v <- x1", "v <- list(p = 1, q = 'z')", "v <- c(u = 1, w = 2)"]
        )
    ]
    for change in rng.choices(CHANGES, k=rng.randint(1, 3)):
        while any(word in change for word in ENDS):
            word = next(word for word in ENDS if word in change)
            change = change.replace(word, grown(word, 1, rng), 1)  # noqa: PLW2901
        lines.append(change)
    return (
        "; ".join(lines)
        .replace("v ", f"{name} ")
        .replace("v[", f"{name}[")
        .replace("v$", f"{name}$")
        .replace("(v)", f"({name})")
    )


def plain(value: Any) -> Any:
    """Return a value so that both sides can be compared: numbers to twelve digits."""
    if isinstance(value, Frame):
        return {name: [plain(item) for item in column] for name, column in value.columns.items()}
    if isinstance(value, Vector):
        return [plain(item) for item in value.values]
    if value is NA or value is None or (isinstance(value, float) and value != value):  # noqa: PLR0124 - NaN
        return None
    if isinstance(value, Time | Span):
        return type(value).__name__, round(value.seconds, 3)
    if isinstance(value, int | float):
        return float(f"{value:.12g}")
    return value if isinstance(value, Day) else str(value)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_followed_is_what_r_makes_of_it(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    rng = random.Random(seed)
    lines = {f"v{i}": statement(f"v{i}", rng) for i in range(COUNT)}
    path = tmp_path / "run_stilt.r"
    path.write_text(START + "\n".join(lines.values()) + "\n")
    monkeypatch.setattr(with_r, "_VARIABLES", tuple(lines))
    own = read_script(path, tmp_path)
    theirs = with_r.evaluated(path, tmp_path, own)
    wrong, followed = [], 0
    for name, line in lines.items():
        if (
            name not in own.values
            or name not in theirs.values
            or "Unknown(" in repr(own.values[name])
        ):
            continue  # not followed here and so named, or refused by R, which ends the script
        ours, r = plain(own.values[name]), plain(theirs.values[name])
        followed += 1
        if ours != r and (ours or r):
            wrong.append(f"{line}\n  here {ours}\n  R    {r}")
    assert not wrong, "\n".join(wrong)
    assert followed > COUNT / 2


def test_an_unknown_value_is_told_from_others():
    assert "Unknown(" in repr(Vector([Unknown("why", 1)]))
