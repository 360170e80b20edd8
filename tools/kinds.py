"""How far the native engine is from hycs_std on every kind of meteorology.

    .venv/bin/python tools/kinds.py [KIND ...] [--only mean|spread] [--anew]

For each kind of made-up meteorology (``tests/meteorology``): runs of 23 h without turbulence from six starts in both
directions, of which place, height, mixed layer and density must be hycs_std's; and runs of 6 h with turbulence, of
which statistics of 6 x 500 particles are compared in standard errors. hycs_std's numbers are those that
``tools/oracles`` wrote down; with --anew it computes them again.
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


def judge_spread(kind: str, theirs: Sequence[Row], ours: Sequence[Row]) -> float:
    """Print a line about the runs with turbulence; return how many scores are beyond 3.5, of all."""
    score = kinds.scores(theirs, ours)
    z = np.array(list(score.values()))
    foot = [
        sum(float(row["mean"]) for row in rows if row["what"].startswith("foot"))
        for rows in (theirs, ours)
    ]
    ratio = f"footprint {foot[1] / foot[0]:.3f} of hycs_std's" if foot[0] > 0 else ""
    most = max(score, key=lambda what: abs(score[what]))
    print(
        f"{kind:20s} z of {z.size} statistics: mean {z.mean():+.2f}, sd {z.std():.2f}, largest "
        f"{score[most]:+.1f} ({most}); {ratio}",
        flush=True,
    )
    return float(np.mean(np.abs(z) > 3.5))


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
        ordered = [row for name in kinds.NAMES for row in rows.get(name, [])]
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
    chosen = arguments.kind or list(kinds.NAMES)
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
            store(kinds.SPREAD_TABLE, SPREAD_COLUMNS, chosen, kinds.spread_rows)
        else:
            beyond = compare(
                kinds.SPREAD_TABLE, chosen, kinds.spread_rows, judge_spread, anew=arguments.anew
            )
            failures += sum(share > 0.05 for share in beyond)
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
