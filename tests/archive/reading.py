"""What can be read from a project, and what files it has."""

import numpy as np

import stilt
from stilt.foundations.paths import plain_and_imprint

DONE = ("complete", "empty")


def everything(project):
    """Return all that Python reads from a project, as values that compare exactly."""
    opened = stilt.Project(project.path)
    frame = opened.simulations
    ids = list(frame.index[frame["state"].isin(DONE)])
    seen = {"states": frame["state"].to_dict()}
    for sim in ids:
        result = opened[sim]
        seen[sim, "particles"] = fingerprint(result.particles())
        for name in opened.config.footprints:
            has = result.has_footprint(name)
            seen[sim, name] = dataset(result.footprint(name)) if has else None
    for name in opened.config.footprints:
        seen["all", name] = dataset(opened.footprints(name))
    return seen


def fingerprint(frame):
    return {name: frame[name].to_numpy().tobytes() for name in frame}


def dataset(array):
    coordinates = {
        name: (c.dims, np.asarray(c.values).tolist(), str(c.attrs))
        for name, c in array.coords.items()
    }
    values = np.asarray(array.values)
    return array.dims, values.dtype, values.tobytes(), str(array.attrs), coordinates


def loose(project):
    """Return the outputs that have files of their own, relative to the output root, under the names of the log."""
    found = {*project.output.glob("particles/*/*"), *project.output.glob("footprints/*/*/*")}
    signed = {
        path.with_name(plain_and_imprint(path.name)[0]) for path in found if path.name[0] == "."
    }
    return sorted(path.relative_to(project.output).as_posix() for path in found - signed)


def simulations_of(paths):
    """Return the simulations that outputs are of."""
    return {plain_and_imprint(path.split("/")[-1])[0].rpartition(".")[0] for path in paths}


def archives(project):
    return sorted(project.output.glob("archive/**/*.pack"))
