"""The engine of a worker, which must be the one that its batch was handed over with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.foundations.errors import EnvironmentFailure
from stilt.met.kept import keep_in
from stilt.transport.engines import identity_of, load_engine, prepare

if TYPE_CHECKING:
    from stilt.batch.manifest import Manifest
    from stilt.config.schema import Config
    from stilt.foundations.paths import Layout
    from stilt.transport.protocol import Engine


def own_engine(layout: Layout, manifest: Manifest, config: Config) -> Engine:
    """Return the engine, ready to run, made of what the batch names: no variable of the environment counts.

    Raises
    ------
    EnvironmentFailure
        If it is another one than the batch was handed over with, or cannot run here.
    """
    inputs = None if manifest.identity is None else manifest.inputs(layout)
    engine = load_engine(config, inputs)
    differences = manifest.made_by.differences(identity_of(engine))
    if differences:
        raise EnvironmentFailure(
            f"batch {manifest.batch} was handed over with another engine than there is here: "
            f"{'; '.join(differences)}",
            "`stilt run` hands its work over again with the engine that is there now",
            code="ENGINE_DIFFERS",
        )
    prepare(engine, config)
    keep_in(layout)
    return engine
