"""What is stale is packed as well, and said; the log's own paths are told with the archive that took their place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.cli.archive import _to_text
from stilt.commands.archive import archive, preview
from stilt.foundations.paths import Layout
from stilt.status.history import history, render
from stilt.status.opened import open_project
from tests.projects import FOOTPRINT, make_project
from tests.truth.edited import change

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_stale_is_counted_when_it_is_packed(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", [5, 10], footprints=f"{{default: {FOOTPRINT}}}")
    assert project.stilt("run").code == 0
    layout = Layout.of(project.path)
    assert preview(layout).stale == 0
    change(project, "numpar: 10", "numpar: 11")
    assert preview(layout).stale == 2
    sim = next(iter(project.outcomes()))
    assert "in archive/" not in render(history(open_project(project.path), sim))
    packing = archive(layout)
    assert packing.stale == 2
    assert "2 simulations of these stale" in _to_text(packing, dry_run=False)
    assert archive(layout).stale == 0  # nothing is left to pack
    found = history(open_project(project.path), sim)
    (done,) = (entry for entry in found.events if entry.event == "done")
    assert done.archived.keys() == {output.path for output in done.outputs}
    assert all((layout.output / each).is_file() for each in done.archived.values())
    assert render(found).count("in archive/") == len(done.outputs) == 2
