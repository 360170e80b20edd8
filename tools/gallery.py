"""Make a gallery of pictures from the example: one simulation, a projected grid, a day's mean, two engines, a film.

    .venv/bin/python tools/gallery.py [FOLDER]

The folder is ``.demo/gallery`` unless given, with ``index.html`` beside the pictures. Nothing is fetched: where
HYSPLIT is not installed, the difference is between two roughness lengths instead.
"""

from __future__ import annotations

import socket
import sys
from html import escape
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pandas as pd

import stilt
from stilt.api.pictures import choose
from stilt.example.atmosphere import write_atmosphere
from stilt.foundations.errors import StiltError
from stilt.plot.field_map import Look
from stilt.plot.film import film
from stilt.plot.many import draw_minus, draw_panels

TOWER = {"longitude": -111.9, "latitude": 40.5, "altitude": 30}
BOX = {"xmin": -120, "xmax": -110, "ymin": 38, "ymax": 43.5}
CONE = "+proj=lcc +lat_1=33 +lat_2=45 +lat_0=40 +lon_0=-112"
GRIDS = {
    "degrees": {**BOX, "xres": 0.05, "yres": 0.05},
    "cone": {**BOX, "xres": 5000, "yres": 5000, "projection": CONE},
}
TOWER_AT_NOON = "jet_202606161900_-111.9_40.5_30"


def receptors() -> pd.DataFrame:
    """Return a tower every three hours of a day, and a column of five heights whose footprints are one."""
    times = pd.date_range("2026-06-16 01:00", "2026-06-16 22:00", freq="3h")
    tower = pd.DataFrame({"time": times, **TOWER, "r_idx": range(len(times)), "what": "tower"})
    column = pd.DataFrame(
        {
            "time": pd.Timestamp("2026-06-16 20:00"),
            "longitude": [-113.0, -112.8, -112.6, -112.4, -112.2],
            "latitude": [41.4, 41.5, 41.6, 41.7, 41.8],
            "altitude": [50, 500, 1000, 1500, 2500],
            "r_idx": len(times),
            "what": "column",
        }
    )
    return pd.concat([tower, column], ignore_index=True)


def made(folder: Path, **settings: Any) -> stilt.Project:
    """Return a project that has run."""
    if not (folder / "config.yaml").exists():
        met = folder.parent / "met"
        if not met.exists():
            write_atmosphere(met)
        common = {"mets": {"jet": met.absolute()}, "footprints": GRIDS, "n_hours": -24}
        stilt.Project.create(folder, {**common, "numpar": 200, **settings}, receptors())
    project = stilt.Project(folder)
    project.run()
    return project


def other(folder: Path) -> tuple[str, stilt.Project]:
    """Return what the native engine is compared with: HYSPLIT, where it is installed."""
    try:
        return "hysplit", made(folder / "hysplit", model="hysplit")
    except StiltError:
        return "rough", made(folder / "rough", model="native", roughness=1.0)


def draw(folder: Path, project: stilt.Project) -> dict[str, str]:
    """Draw all pictures, and return what each shows by its file."""
    noon = project[TOWER_AT_NOON]
    noon.plot(folder / "single.png", title="all hours", percent=(50, 90))
    noon.plot(folder / "projected.png", footprint="cone", particles=False)
    day = choose(project, where="what == 'tower'")
    axes = project.plot(where="what == 'tower'", percent=(50, 90), title="mean of a day")
    axes.figure.savefig(folder / "mean.png")
    draw_panels(day.each(), Look(title="a day, every three hours")).savefig(folder / "panels.png")
    column = choose(project, where="what == 'column'").ids[0]
    project[column].plot(folder / "column.png")
    name, beside = other(folder / "projects")
    pair = day.field(), choose(beside, day.ids).field()
    draw_minus(*pair, ("native", name)).savefig(folder / "difference.png")
    for kind in ("gif", "html"):
        film(folder / f"film.{kind}", day.by_hour(), Look(title="mean of a day"))
    return {
        "single.png": "One simulation: footprint, areas that hold 50 and 90 %, particles",
        "projected.png": "The same on a conic grid of 5 km",
        "mean.png": "The mean of a day",
        "panels.png": "The day, one map each",
        "column.png": "A slanted column of five heights, each with its place",
        "difference.png": f"native less {name}",
        "film.gif": "The day's mean, hour by hour (film.html steps through it)",
    }


def _refuse(*_: object) -> None:
    raise OSError("a picture asks the network for something")


def main() -> None:
    """Make the gallery; no picture may ask the network for anything."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".demo/gallery")
    (folder / "projects").mkdir(parents=True, exist_ok=True)
    project = made(folder / "projects" / "native", model="native", roughness=0.2)
    with (
        patch.object(socket.socket, "connect", _refuse),
        patch.object(socket, "getaddrinfo", _refuse),
    ):
        shown = draw(folder, project)
    figures = "".join(
        f'<figure><img src="{name}" alt="{escape(words)}" style="max-width:100%">'
        f"<figcaption>{escape(words)}</figcaption></figure>"
        for name, words in shown.items()
    )
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>stilt: a gallery</title>'
    (folder / "index.html").write_text(f"{head}{figures}\n", encoding="utf-8")
    print(folder / "index.html")


if __name__ == "__main__":
    main()
