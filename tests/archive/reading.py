"""What can be read from a project, and what files it has."""

import numpy as np

import stilt

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
    """Return the outputs that have files of their own, relative to the output root."""
    found = [*project.output.glob("particles/*/*"), *project.output.glob("footprints/*/*/*")]
    return sorted(path.relative_to(project.output).as_posix() for path in found)


def archives(project):
    return sorted(project.output.glob("archive/**/*.parquet"))
