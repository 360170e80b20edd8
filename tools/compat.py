#!/usr/bin/env python3
"""Run the quick tests with every Python that is at hand, with the newest and the lowest dependencies allowed.

    tools/compat.py [--python PROGRAM]... [--with newest lowest] [--folder build/compat] [--tests ARGUMENTS]
    tools/compat.py --debian forky [...]    with the Pythons of a Debian suite (root, debootstrap)
    tools/compat.py --wheels                which Pythons and machines have wheels of all dependencies; runs nothing

It prints the rows of the table in CONTRIBUTING.md. Environments are kept in the folder, so that a second time is quick.
Needs Python 3.11 and the package index, from which uv is installed into the folder.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import tomllib
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = [f"3.{minor}" for minor in range(11, 17)]
RESOLUTIONS = {"newest": "highest", "lowest": "lowest-direct"}
TOLD = ("numpy", "numba", "pandas", "xarray", "pyarrow")
"""Packages whose versions the table tells."""
MACHINES = {
    "Linux x86-64": "x86_64-manylinux_2_28",
    "Linux aarch64": "aarch64-manylinux_2_28",
    "macOS arm64": "aarch64-apple-darwin",
    "macOS x86-64": "x86_64-apple-darwin",
}
MACOS = "14.0"

ASK = "import sys; print('%d.%d.%d' % sys.version_info[:3])"
VERSIONS = f"import importlib.metadata as m; print(*(m.version(name) for name in {TOLD!r}))"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    python: str
    resolution: str
    versions: str
    result: str

    def __str__(self) -> str:
        return f"| {self.python} | {self.resolution} | {self.versions} | {self.result} |"


def find_pythons() -> dict[str, str]:
    """Return programs by their version: on PATH, and of pyenv and uv."""
    places = [Path(part) for part in os.environ.get("PATH", "").split(os.pathsep)]
    home = Path.home()
    for kept in (".pyenv/versions/*/bin", ".local/share/uv/python/*/bin"):
        places += sorted(home.glob(kept))
    found: dict[str, str] = {}
    for version in PYTHONS:
        for place in places:
            program = place / f"python{version}"
            if program.is_file() and version_of(program):
                found.setdefault(version, str(program))
    return found


def version_of(program: Path | str) -> str:
    """Return the version of a Python, or nothing where it does not run."""
    done = subprocess.run([program, "-c", ASK], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def uv_in(folder: Path) -> str:
    """Return the program uv, installed into the folder if need be."""
    program = folder / "tool" / "bin" / "uv"
    if not program.exists():
        venv.create(folder / "tool", with_pip=True, clear=True)
        pip = [folder / "tool" / "bin" / "python", "-m", "pip", "install", "-q", "uv"]
        subprocess.run(pip, check=True)
    return str(program)


def environment(program: str, resolution: str, folder: Path) -> Path | str:
    """Return the Python of an environment with stilt[dev] in it, or what went wrong."""
    place = folder / f"{version_of(program)}-{resolution}"
    uv = uv_in(folder)
    python = place / "bin" / "python"
    create = [uv, "venv", "-q", "--allow-existing", "--python", program, str(place)]
    install = [uv, "pip", "install", "-q", "--python", str(python)]
    install += ["--resolution", RESOLUTIONS[resolution], "-e", f"{ROOT}[dev]"]
    for step in (create, install):
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode:
            return reason_of(done.stderr)
    return python


def reason_of(stderr: str) -> str:
    """Return the line of uv's that says most."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return next((line for line in lines if line.startswith("error")), (lines or ["?"])[-1])


def trial(program: str, resolution: str, folder: Path, tests: list[str]) -> Row:
    """Install and run the tests with one Python and one choice of dependencies."""
    version = version_of(program)
    python = environment(program, resolution, folder)
    if isinstance(python, str):
        return Row(version, resolution, "", f"not installed: {python}")
    told = subprocess.run([python, "-c", VERSIONS], capture_output=True, text=True, check=False)
    versions = ", ".join(map(" ".join, zip(TOLD, told.stdout.split(), strict=False)))
    log = folder / f"{version}-{resolution}.log"
    quick = [str(ROOT / "tools" / "test"), "--quick"]
    command = [str(python), "-m", "pytest", "-p", "no:cacheprovider", *tests] if tests else quick
    home = {"STILT_TEST_PYTHON": str(python), "STILT_HOME": str(folder / "home")}
    with log.open("w", encoding="utf-8") as output:
        subprocess.run(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **home},
            cwd=ROOT,
            check=False,
        )
    return Row(version, resolution, versions, last_line(log))


def last_line(log: Path) -> str:
    """Return what pytest says at its end."""
    text = log.read_text(encoding="utf-8")
    ends = re.findall(r"(?m)^=* ?(\d+ (?:passed|failed).*? in [\d.]+s)", text)
    return ends[-1] if ends else f"no end, see {log}"


def tell_wheels(folder: Path) -> None:
    """Print for which Pythons and machines all dependencies have wheels."""
    uv = uv_in(folder)
    print("| machine | " + " | ".join(PYTHONS) + " |")
    print("|---|" + "---|" * len(PYTHONS))
    for name, platform in MACHINES.items():
        cells = [lacking(uv, platform, version) for version in PYTHONS]
        print(f"| {name} | " + " | ".join(cells) + " |")


def lacking(uv: str, platform: str, python: str) -> str:
    """Return the packages without a wheel there, or "all"."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked: list[str] = project["dependencies"]
    if has_wheels(uv, platform, python, asked):
        return "all"
    without = [each for each in asked if not has_wheels(uv, platform, python, [each])]
    return "no " + ", ".join(re.split(r"[<>=]", each)[0] for each in without)


def has_wheels(uv: str, platform: str, python: str, asked: list[str]) -> bool:
    """Return whether versions that are asked for have wheels; nothing is downloaded."""
    where = ["--python-platform", platform, "--python-version", python]
    done = subprocess.run(
        [uv, "pip", "compile", "-q", "--no-deps", "--only-binary", ":all:", *where, "-"],
        input="\n".join(asked),
        capture_output=True,
        text=True,
        env={**os.environ, "MACOSX_DEPLOYMENT_TARGET": MACOS},
        check=False,
    )
    return done.returncode == 0


def in_debian(suite: str, folder: Path, arguments: list[str]) -> int:
    """Run this script within a Debian suite, which is set up in the folder if need be."""
    place = folder / f"debian-{suite}"
    if not (place / "usr" / "bin" / "apt-get").exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        script = "/usr/share/debootstrap/scripts/sid"  # that of all suites since long
        setup = [
            "debootstrap",
            "--variant=minbase",
            "--include=ca-certificates,procps,git,gcc,libc6-dev",
        ]
        mirror = "http://deb.debian.org/debian"
        subprocess.run([*setup, suite, place, mirror, script], check=True)
    if not (place / "pythons").exists():
        names = "apt-cache pkgnames python3. | grep -E '^python3\\.[0-9]+-(venv|dev)$'"
        install = "DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends"
        valid = "-o Acquire::Check-Valid-Until=false"  # mirrors may be snapshots
        inside(
            place, f"apt-get update -qq {valid} && {install} python3 $({names}) && touch /pythons"
        )
    script = f"/stilt/{Path(__file__).relative_to(ROOT)}"
    return inside(place, f"cd /stilt && exec python3 {script} {shlex.join(arguments)}", check=False)


def inside(place: Path, command: str, *, check: bool = True) -> int:
    """Run a shell command with another root, in which this checkout is /stilt; mounts end with it."""
    (place / "stilt").mkdir(exist_ok=True)
    mounts = [(ROOT, "stilt"), ("/proc", "proc"), ("/dev", "dev"), ("/etc/ssl", "etc/ssl")]
    mounts += [(Path(name), name[1:]) for name in ("/etc/resolv.conf", "/etc/hosts")]
    mounts += [(Path("/etc/xdg/pip"), "etc/xdg/pip"), (Path("/opt"), "opt")]
    lines = ["set -e"]
    for source, target in mounts:
        if Path(source).exists():
            goal = place / target
            make = f"mkdir -p {goal}" if Path(source).is_dir() else f"touch {goal}"
            lines.append(f"{make}; mount --rbind {source} {goal}")
    lines.append(f"exec chroot {place} /bin/sh -c {shlex.quote(command)}")
    keep = {name: value for name, value in os.environ.items() if name not in {"TMPDIR", "PYTHON"}}
    keep |= {"PATH": "/usr/bin:/usr/sbin:/bin:/sbin", "HOME": "/root", "LC_ALL": "C.UTF-8"}
    unshare = ["unshare", "--mount", "/bin/sh", "-c", "\n".join(lines)]
    return subprocess.run(unshare, env=keep, check=check).returncode


def main() -> int:
    """Run what is asked for, and print a row after each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--python", action="append", metavar="PROGRAM", help="only this; repeatable"
    )
    parser.add_argument("--with", dest="resolutions", nargs="+", choices=RESOLUTIONS)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "compat")
    parser.add_argument("--tests", default="", help="other arguments of pytest than the quick lane")
    parser.add_argument("--debian", metavar="SUITE", help="the Pythons of a Debian suite")
    parser.add_argument("--wheels", action="store_true", help="tell who has wheels")
    given = parser.parse_args()
    folder = given.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("UV_CACHE_DIR", str(folder / "cache"))
    if given.wheels:
        tell_wheels(folder)
        return 0
    resolutions = given.resolutions or list(RESOLUTIONS)
    if given.debian:
        own = ["--folder", f"/var/compat-{given.debian}", f"--tests={given.tests}"]
        own += [f"--python={program}" for program in given.python or ()]
        return in_debian(given.debian, folder, [*own, "--with", *resolutions])
    programs = given.python or list(find_pythons().values())
    rows: list[Row] = []
    for resolution in resolutions:
        for program in programs:
            rows.append(trial(program, resolution, folder, shlex.split(given.tests)))
            print(rows[-1], flush=True)
    return int(any("failed" in row.result or "error" in row.result for row in rows))


if __name__ == "__main__":
    sys.exit(main())
