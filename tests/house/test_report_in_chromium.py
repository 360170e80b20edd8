"""The report in a real browser: nothing wider than the screen, nothing too small, nothing over anything else."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
from collections import Counter
from html import escape, unescape
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import stilt as package
from stilt.plot.map_frame import MapFrame
from stilt.report.content import Content, FootprintSum, Histogram, collect
from stilt.report.page import render
from stilt.status.summary import FailureExample, PastRuns, Spread, Summary
from tests.engines import Behaviour
from tests.projects import FOOTPRINT, PATIENCE_S, make_project

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium here")

LEAST_PX = 11

MEASURE = """
addEventListener("load", () => {
  const small = [], over = [], outside = [];
  const said = node => node.textContent.trim(), size = node => parseFloat(getComputedStyle(node).fontSize);
  for (const svg of document.querySelectorAll("svg[role=img]")) {
    const frame = svg.getBoundingClientRect(), scale = frame.width / svg.viewBox.baseVal.width;
    const texts = [...svg.querySelectorAll("text")].filter(said);
    const boxes = texts.map(t => [said(t), t.getBoundingClientRect(), scale * size(t)]);
    boxes.forEach(([name, a, high], n) => {
      if (high < LEAST_PX) small.push(name);
      if (a.left < frame.left - 1 || a.right > frame.right + 1 || a.top < frame.top - 1 || a.bottom > frame.bottom + 1)
        outside.push(name);
      for (const [other, b] of boxes.slice(n + 1))
        if (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom) over.push([name, other]);
    });
  }
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (words.nextNode()) {
    const owner = words.currentNode.parentElement;
    if (said(words.currentNode) && !owner.closest("svg,script") && size(owner) < LEAST_PX)
      small.push(said(words.currentNode));
  }
  const broken = [...document.querySelectorAll(".tile b")].filter(b => {
    const range = document.createRange();
    range.selectNodeContents(b);
    const lines = new Set([...range.getClientRects()].map(r => r.top));
    return lines.size > 1 || b.scrollWidth > b.clientWidth;
  }).map(said);
  parent.document.title = JSON.stringify(
    {width: innerWidth, reaches: document.documentElement.scrollWidth, small, over, outside, broken});
});
""".replace("LEAST_PX", str(LEAST_PX))


def measured(page: str, width: int, folder: Path) -> dict[str, Any]:
    """Return what a browser makes of a page, in a frame: a window of its own is 500 px wide at least."""
    inner = escape(page.replace("</main>", f"</main><script>{MEASURE}</script>"))
    style = f"border:0;width:{width}px;height:900px"
    file = folder / "framed.html"
    file.write_text(
        f'<!doctype html><meta charset="utf-8"><iframe style="{style}" srcdoc="{inner}"></iframe>',
        encoding="utf-8",
    )
    shown = subprocess.run(
        [
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"),
            *(f"--user-data-dir={folder / 'profile'}", "--window-size=1400,1000"),
            *("--virtual-time-budget=60000", "--dump-dom", file.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert "CONSOLE" not in shown.stderr
    title = re.search("<title>(.*?)</title>", shown.stdout)
    assert title is not None, shown.stderr
    return dict(json.loads(unescape(title[1])))


@pytest.fixture(scope="module")
def one(tmp_path_factory) -> Content:
    made = make_project(tmp_path_factory.mktemp("one") / "p", footprints=f"{{fine: {FOOTPRINT}}}")
    assert made.stilt("run").code == 0
    return collect(package.Project(made.path))


@pytest.fixture(scope="module")
def few(tmp_path_factory) -> Content:
    folder = tmp_path_factory.mktemp("few") / ("a_long_name_" * 12)
    heights = (5, 50, Behaviour.MODEL_ERROR, Behaviour.EMPTY)
    made = make_project(folder, heights, footprints=f"{{fine: {FOOTPRINT}}}")
    assert made.stilt("run", str(folder)).code == 1
    return collect(package.Project(made.path))


@pytest.fixture(scope="module")
def many() -> Content:
    """A million simulations, ten thousand of them on the map, one of them on the other side of the globe."""
    drawn = random.Random(20)
    places = [(drawn.uniform(-114, -110), drawn.uniform(39, 42)) for _ in range(9_999)]
    values = np.random.default_rng(1).lognormal(size=(30, 40))
    frame = MapFrame(-114 + 0.1 * np.arange(40), 39 + 0.1 * np.arange(30))
    reason = "MET_COVERAGE"
    return Content(
        summary=Summary(
            project="/project/" + "deep/" * 30 + "p",
            as_of="2030-01-01T00:00:00Z",
            total=1_000_000,
            complete=990_000,
            failed=10_000,
            failure_examples={reason: FailureExample(sim="sim", message="no hour of it " * 20)},
            past_runs=PastRuns(
                simulations=1_000_000,
                wall_s=Spread(100.0, 200.0, 9_000.0),
                peak_rss_bytes=Spread(1e9, 1e9, 2e9),
                core_hours=123_456.7,
                core_hours_wasted=1_000.0,
            ),
        ),
        progress={
            "complete": [(n * 4000.0, n * 3300.0) for n in range(301)],
            "failed": [(n * 4000.0, n * 33.0) for n in range(301)],
        },
        failures=Counter({(reason, f"a-node-of-a-cluster-{n}"): 100 for n in range(100)}),
        wall_s=Histogram([1_000_000] * 40, [float(n) for n in range(41)], 9_000.0),
        memory=Histogram([1_000] * 40, [50.0 * n for n in range(41)], 1_900.0),
        places={"complete": places, "failed": [(20.0, -45.0)]},
        settings="mets: {m: x}\n" + "# " + "long " * 200,
        engine="native 1.2",
        footprint=FootprintSum("default", 10_000, 1_000_000, values, frame),
        notes=["a note " * 30, "/a/path/without/an/end" * 20],
    )


@pytest.mark.parametrize("width", [320, 390, 700, 1280])
@pytest.mark.parametrize("size", ["one", "few", "many"])
def test_it_fits_is_readable_and_nothing_overlaps(request, tmp_path, size, width) -> None:
    found = measured(render(request.getfixturevalue(size)), width, tmp_path)
    assert found.pop("reaches") <= width
    assert found == {"width": width, "small": [], "over": [], "outside": [], "broken": []}
