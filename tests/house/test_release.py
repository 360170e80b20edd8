"""What is released: one version, wheel and sdist that work in a clean environment, recipes that say the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
import yaml

from stilt.version import __version__
from tests.projects import PATIENCE_S
from tests.shared_data import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
NAME = "stilt_hpc"


def tracked(*folders: str) -> set[str]:
    """The files that are in the repository."""
    listing = ["git", "ls-files", "-z", "-co", "--exclude-standard", *folders]
    done = subprocess.run(listing, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return {name for name in done.stdout.split("\0") if name and (REPOSITORY / name).exists()}


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """What a command prints; with nothing of this checkout or environment in reach."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
def test_sdist_and_wheel_work_where_nothing_else_is(tmp_path: Path) -> None:
    dist = tmp_path / "dist"
    run(sys.executable, "-m", "build", "-q", "--outdir", dist, REPOSITORY, cwd=tmp_path)
    wheel, sdist = dist / f"{NAME}-{__version__}-py3-none-any.whl", next(dist.glob("*.tar.gz"))
    assert sdist.name == f"{NAME}-{__version__}.tar.gz"
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert tracked() - packed == set(), "the sdist has all that the repository has"
    with zipfile.ZipFile(wheel) as archive:
        installed = set(archive.namelist())
    ours = tracked("stilt")
    assert {name for name in installed if name.startswith("stilt/")} == ours
    assert {"stilt/py.typed", "stilt/guide/science.md"} < ours

    venv.create(tmp_path / "clean", with_pip=True)
    python, stilt = (tmp_path / "clean" / "bin" / name for name in ("python", "stilt"))
    run(python, "-m", "pip", "install", "-q", wheel, cwd=tmp_path)
    assert run(stilt, "--version", cwd=tmp_path).split()[-1] == __version__
    assert run(stilt, "help", "science", cwd=tmp_path).startswith("# What stilt computes\n")
    where = run(python, "-c", "import stilt; print(stilt.__file__)", cwd=tmp_path)
    assert where.startswith(str(tmp_path))
    run(stilt, "init", "demo", "--example", cwd=tmp_path)
    assert "6 complete" in run(stilt, "run", "demo", cwd=tmp_path)
    one = "import stilt; print(float(stilt.Project('demo').footprints().sum()))"
    assert float(run(python, "-c", one, cwd=tmp_path)) > 0


def test_the_version_stands_in_one_place() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "stilt/version.py"
    naming = re.compile(rf"""(?i)version[\W_]{{0,8}}{re.escape(__version__)}""")
    naming_it = [
        name
        for name in tracked("*.py", "*.toml", "*.yaml", "*.yml", "*.cff", "tools")
        if naming.search((REPOSITORY / name).read_text(encoding="utf-8", errors="replace"))
    ]
    assert [name for name in naming_it if not name.startswith("tests/")] == ["stilt/version.py"]
    changes = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    assert changes.count("\n## Unreleased\n") == 1


def test_the_conda_recipe_asks_for_what_the_wheel_asks_for() -> None:
    folder = REPOSITORY / "tools" / "recipes" / "conda"
    text = (folder / "meta.yaml").read_text(encoding="utf-8")
    version = re.search(r"load_file=\"(\S+)\", regex_pattern='(.+?)', from_recipe_dir=True", text)
    assert version is not None
    found = re.search(version[2], (folder / version[1]).read_text(encoding="utf-8"))
    assert found is not None
    assert found[1] == __version__
    plain = re.sub(r"\{%.*?%\}", "", text).replace("{{ found[1] }}", found[1])
    recipe = yaml.safe_load(plain.replace("{{ PYTHON }}", "python"))
    wanted = {each.lower() for each in PROJECT["project"]["dependencies"]}
    wanted.add(f"python{PROJECT['project']['requires-python']}")
    assert {each.replace(" ", "") for each in recipe["requirements"]["run"]} == wanted
    assert set(PROJECT["build-system"]["requires"]) <= {
        each.replace(" ", "") for each in recipe["requirements"]["host"]
    }
    assert (folder / recipe["source"]["path"]).resolve() == REPOSITORY
    [entry] = recipe["build"]["entry_points"]
    assert entry.split(" = ") == ["stilt", PROJECT["project"]["scripts"]["stilt"]]


@pytest.mark.parametrize("name", ["Dockerfile", "apptainer.def"])
def test_images_are_made_of_what_the_wheel_is_made_of(name: str) -> None:
    text = (REPOSITORY / "tools" / "recipes" / name).read_text(encoding="utf-8")
    for part in ("pyproject.toml", "README.md", "LICENSE", "stilt"):
        assert re.search(rf"(?m)^(COPY|   ) .*\b{part}", text), part
    [extras] = re.findall(r"\[([a-z,]+)\]\"", text)
    assert set(extras.split(",")) < set(PROJECT["project"]["optional-dependencies"])
    assert "hysplit install`" in text or "hysplit use" in text
    if name == "Dockerfile":
        known = {"ARG", "FROM", "WORKDIR", "COPY", "RUN", "ENV", "ENTRYPOINT", "CMD"}
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        assert {line.split()[0] for line in lines} <= known
    else:
        sections = re.findall(r"(?m)^%(\w+)$", text)
        assert sections == ["files", "post", "runscript", "test", "labels"]


def lint(program: str, *arguments: str, text: str) -> None:
    """Hold a text against a linter of ``.venv``."""
    path = Path(sys.executable).with_name(program)
    if not path.exists():
        pytest.skip(f"no {program} here: tools/setup dev brings it on Linux x86-64")
    found = subprocess.run(
        [path, *arguments, "-"], input=text, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr


def test_the_image_of_docker_is_written_as_its_linter_wants() -> None:
    lint(
        "hadolint",
        text=(REPOSITORY / "tools" / "recipes" / "Dockerfile").read_text(encoding="utf-8"),
    )


@pytest.mark.parametrize("section", ["post", "runscript", "test"])
def test_what_apptainer_runs_is_sound_shell(section: str) -> None:
    text = (REPOSITORY / "tools" / "recipes" / "apptainer.def").read_text(encoding="utf-8")
    _, _, rest = text.partition(f"\n%{section}\n")
    lint("shellcheck", "--shell=sh", text=rest.partition("\n%")[0])


def test_scripts_are_sound_shell() -> None:
    listing = ["git", "grep", "-lE", "^#!.*bash", "--", "tools", ".ci"]
    names = subprocess.run(
        listing, cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.split()
    assert {".ci/run", "tools/setup", "tools/test"} <= set(names)
    for name in names:
        lint("shellcheck", "--shell=bash", text=(REPOSITORY / name).read_text(encoding="utf-8"))


def test_commits_are_checked_as_ci_checks_them() -> None:
    hooks = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    [local] = hooks["repos"]
    assert local["repo"] == "local", "nothing is fetched"
    checks = (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    for hook in local["hooks"]:
        assert hook["language"] == "system"
        assert hook["entry"] in checks
