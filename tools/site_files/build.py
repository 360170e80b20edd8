"""Put the pages of the site together and let Sphinx make HTML of them; ``tools/site`` calls it."""

from __future__ import annotations

import argparse
import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path

import stilt
from stilt.guide.topics import PARTS, TOPICS, explained, topic

ROOT = Path(__file__).resolve().parents[2]
SPEC = (
    "transport",
    "native-engine",
    "architecture",
    "log-format",
    "chunk-format",
    "archive-format",
)
NOTEBOOKS = ("tower", "satellite", "inversion")
"""Of ``tools/notebooks``; Sphinx executes them."""
OF_THE_REPOSITORY = {"changelog": "CHANGELOG.md", "contributing": "CONTRIBUTING.md"}


def index() -> str:
    """Return the first page, with all others under their headings."""
    parts = {
        **{part: [f"guide/{name}" for name in names] for part, names in PARTS.items()},
        "Notebooks": [f"notebooks/{name}" for name in NOTEBOOKS],
        "Python": ["api"],
        "Specification": [f"spec/{name}" for name in SPEC],
        "Project": list(OF_THE_REPOSITORY),
    }
    trees = [
        "\n".join(["```{toctree}", f":caption: {part}", ":maxdepth: 1", "", *pages, "```"])
        for part, pages in parts.items()
    ]
    return "\n\n".join(["# stilt", *(stilt.__doc__ or "").split("\n\n"), *trees, ""])


def api() -> str:
    """Return the page that names what is public in Python; Sphinx fills in the docstrings."""
    lines = [
        "# Python reference",
        "",
        "What `stilt.__all__` names, and nothing else, is public.",
        "",
    ]
    for name in sorted(stilt.__all__, key=str.lower):
        if name.startswith("_"):
            continue
        is_class = inspect.isclass(getattr(stilt, name))
        kind, options = ("autoclass", [":members:"]) if is_class else ("autofunction", [])
        lines += ["```{eval-rst}", f".. {kind}:: stilt.{name}", *(f"   {each}" for each in options)]
        lines += ["```", ""]
    return "\n".join(lines)


def inside(text: str) -> str:
    """Name the repository's files that a page points to by their place in the site."""
    return re.sub(r"\]\((?:\.\./)?spec/([\w-]+\.md)", r"](spec/\1", text)


def linked(text: str) -> str:
    """Make a link to its paragraph of each code of an error."""
    pages = {code: about.name for code, about in explained().items()}

    def link(mention: re.Match[str]) -> str:
        code = mention[1]
        return f"[{mention[0]}]({pages[code]}.md#{code.lower()})" if code in pages else mention[0]

    return re.sub(r"`([A-Z][A-Z0-9_]+)`", link, text)


def write_pages(source: Path) -> None:
    """Write all pages into an empty folder."""
    for folder in ("guide", "spec", "notebooks"):
        (source / folder).mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("conf.py"), source)
    (source / "index.md").write_text(index(), encoding="utf-8")
    (source / "api.md").write_text(api(), encoding="utf-8")
    for name in TOPICS:
        (source / "guide" / f"{name}.md").write_text(linked(topic(name).text), encoding="utf-8")
    for name in SPEC:
        shutil.copy(ROOT / "spec" / f"{name}.md", source / "spec")
    for name in NOTEBOOKS:
        shutil.copy(ROOT / "tools" / "notebooks" / f"{name}.ipynb", source / "notebooks")
    for name, file in OF_THE_REPOSITORY.items():
        text = (ROOT / file).read_text(encoding="utf-8")
        (source / f"{name}.md").write_text(inside(text), encoding="utf-8")


def main() -> int:
    """Build, and return Sphinx's exit code."""
    parser = argparse.ArgumentParser(prog="tools/site", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "build" / "site")
    parser.add_argument("--links", action="store_true", help="ask for addresses outside, too")
    given = parser.parse_args()
    source = given.folder.absolute().with_name(f"{given.folder.name}-pages")
    shutil.rmtree(source, ignore_errors=True)
    write_pages(source)
    builders = ["html", *(["linkcheck"] if given.links else [])]
    for builder in builders:
        place = given.folder if builder == "html" else source / "links"
        options = ["-W", "--keep-going", "-q", "-b", builder]
        code = subprocess.call([sys.executable, "-m", "sphinx", *options, str(source), str(place)])
        if code:
            return code
    print(f"{given.folder}/index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
