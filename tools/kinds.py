"""How far the native engine is from hycs_std on every kind of meteorology.

    .venv/bin/python tools/kinds.py [KIND ...] [--only mean|spread] [--anew]

For each kind of made-up meteorology (``tests/meteorology``): runs of 23 h without turbulence from six starts in both
directions, of which place, height, mixed layer and density must be hycs_std's; and runs of 6 h with turbulence, of
which statistics of 6 x 500 particles (places, heights, how many are low, the footprint of each hour) are compared in
standard errors. hycs_std's numbers are those that ``tools/oracles`` wrote down; with --anew it computes them again.

Scores are of the native engine with places rounded as hycs_std's are: that rounding carries its particles aside near
the ground, by more than chance does. ``aside`` is how far, as the same seeds without it tell, and ``footprint`` is
that of the engine as it is.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.native import kinds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stilt.config.schema import Met
    from tests.native.kinds import Row

VERDICTS = (
    *("alike", "refused by both", "refused by hycs_std alone", "refused by native alone"),
    "wrong",
)
MEAN_COLUMNS = (*kinds.GROUND, "minute", *kinds.COLUMNS)
SPREAD_COLUMNS = ("kind", "what", "mean", "error")
KM_A_DEGREE = 111.195
SHOWN = ("place_deg", "zagl", "mlht", "dens")


def runs_of(kind: str) -> list[kinds.Run]:
    """Return the runs of a kind."""
    return [run for run in kinds.RUNS if run.kind == kind]


def mean_of(model: str, met: Met, kind: str) -> list[Row]:
    """Return all rows of a kind's runs without turbulence."""
    return [row for run in runs_of(kind) for row in kinds.mean_rows(model, met, run)]


def by_run(rows: Sequence[Row]) -> dict[tuple[str, ...], list[Row]]:
    """Sort rows by the run that they are of."""
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in kinds.GROUND), []).append(row)
    return found


def judge_mean(kind: str, theirs: Sequence[Row], ours: Sequence[Row]) -> Counter[str]:
    """Print a line about the runs without turbulence."""
    count: Counter[str] = Counter()
    worst = dict.fromkeys(SHOWN, 0.0)
    mine = by_run(ours)
    for key, rows in by_run(theirs).items():
        verdict, largest = kinds.verdict(rows, mine[key])
        count[verdict] += 1
        worst = {name: max(worst[name], largest.get(name, 0.0)) for name in SHOWN}
    far = "  ".join(f"{name} {value:.2g}" for name, value in worst.items())
    said = ", ".join(f"{count[verdict]} {verdict}" for verdict in VERDICTS if count[verdict])
    print(f"{kind:20s} {said:40s} largest: {far}", flush=True)
    return count


def footprint_of(rows: Sequence[Row]) -> float:
    """Return the footprint of all hours, a particle's mean."""
    return sum(float(row["mean"]) for row in rows if row["what"].startswith("foot"))


def aside_km(rounded: Sequence[Row], exact: Sequence[Row]) -> float:
    """Return how far the mean place is moved by rounding, at most; km."""
    mean = {
        name: {row["what"]: float(row["mean"]) for row in rows}
        for name, rows in (("rounded", rounded), ("exact", exact))
    }
    far = []
    for what, latitude in mean["exact"].items():
        if what.startswith("lati"):
            where = what.replace("lati", "long")
            north = mean["rounded"][what] - latitude
            east = mean["rounded"][where] - mean["exact"][where]
            far.append(np.hypot(east * np.cos(np.radians(latitude)), north))
    return float(KM_A_DEGREE * max(far))


def judge_spread(kind: str, theirs: Sequence[Row], rounded: Sequence[Row], met: Met) -> bool:
    """Print a line about the runs with turbulence; return whether they differ by more than chance."""
    exact = kinds.spread_rows("native", met, kind)
    score = kinds.scores(theirs, rounded)
    z = np.array(list(score.values()))
    is_wrong = kinds.differ_by_more_than_chance(score)
    ratio = footprint_of(exact) / footprint_of(theirs)
    most = max(score, key=lambda what: abs(score[what]))
    print(
        f"{kind:20s} {'WRONG' if is_wrong else 'alike'}  z of {z.size}: mean {z.mean():+.2f}, sd {z.std():.2f}, "
        f"largest {score[most]:+.1f} ({most}); footprint {ratio:.3f} of hycs_std's; "
        f"aside {aside_km(rounded, exact):.2f} km",
        flush=True,
    )
    return is_wrong


def compare_spread(chosen: Sequence[str], *, anew: bool) -> int:
    """Compare the runs with turbulence; return how many kinds differ by more than chance."""
    known = {} if anew else kinds.stored(kinds.SPREAD_TABLE)
    wrong = compared = 0
    for kind in chosen:
        if not anew and kind not in known:
            print(f"{kind}: not in {kinds.SPREAD_TABLE.name} (tools/oracles)")
            continue
        with tempfile.TemporaryDirectory() as folder:
            met = kinds.write_kind(Path(folder), kind)
            theirs = kinds.spread_rows("hysplit", met, kind) if anew else known[kind]
            rounded = kinds.spread_rows("native", met, kind, is_single=True)
            wrong += judge_spread(kind, theirs, rounded, met)
            compared += 1
    print(f"with turbulence: {compared - wrong} kinds alike, {wrong} wrong")
    return wrong


def computed(
    chosen: Sequence[str], models: Sequence[str], work: Callable[[str, Met, str], list[Row]]
) -> Iterator[tuple[str, list[list[Row]]]]:
    """Yield each kind with what each model computes on it."""
    for kind in chosen:
        with tempfile.TemporaryDirectory() as folder:
            met = kinds.write_kind(Path(folder), kind)
            yield kind, [work(model, met, kind) for model in models]


def store(path: Path, columns: tuple[str, ...], chosen: Sequence[str], work: object) -> None:
    """Compute hycs_std's table anew for these kinds, after each of them."""
    rows = kinds.stored(path) if path.exists() else {}
    for kind, (theirs,) in computed(chosen, ["hysplit"], work):
        rows[kind] = theirs
        ordered = [row for name in kinds.MEAN_NAMES for row in rows.get(name, [])]
        kinds.store(path, columns, ordered)
        print(f"{path.name}: {kind}, {len(theirs)} rows", flush=True)


def compare(path: Path, chosen: Sequence[str], work: object, judge: object, *, anew: bool) -> list:
    """Compare the native engine on these kinds with hycs_std's table; return the judgements."""
    known = {} if anew else kinds.stored(path)
    absent = [kind for kind in chosen if not anew and kind not in known]
    if absent:
        print(f"not in {path.name}: {', '.join(absent)} (tools/oracles)")
        chosen = [kind for kind in chosen if kind in known]
    models = ["native", "hysplit"] if anew else ["native"]
    return [
        judge(kind, found[1] if anew else known[kind], found[0])
        for kind, found in computed(chosen, models, work)
    ]


def main() -> int:
    """Read the command line; return 1 where a kind is wrong or refused by the native engine alone."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", nargs="*", help="all of them, if none is given")
    parser.add_argument("--only", choices=["mean", "spread"])
    parser.add_argument("--anew", action="store_true", help="have hycs_std compute, too")
    parser.add_argument("--store", action="store_true", help="write hycs_std's tables")
    arguments = parser.parse_args()
    chosen = arguments.kind or list(kinds.MEAN_NAMES)
    turbulent = [kind for kind in chosen if kind in kinds.NAMES]
    failures = 0
    if arguments.only != "spread":
        if arguments.store:
            store(kinds.MEAN_TABLE, MEAN_COLUMNS, chosen, mean_of)
        else:
            counts = compare(kinds.MEAN_TABLE, chosen, mean_of, judge_mean, anew=arguments.anew)
            total = sum(counts, Counter())
            print(", ".join(f"{total[verdict]} {verdict}" for verdict in VERDICTS))
            failures += total["wrong"] + total["refused by native alone"]
    if arguments.only != "mean":
        if arguments.store:
            store(kinds.SPREAD_TABLE, SPREAD_COLUMNS, turbulent, kinds.spread_rows)
        else:
            failures += compare_spread(turbulent, anew=arguments.anew)
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
