"""Reading ``variants``: each is read as the whole of the settings that it makes: every rule holds for it too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from stilt.config.conversion import brief, nearest, not_one_of, unknown_key
from stilt.config.document import Document, Problem, show
from stilt.config.dump import plain
from stilt.config.rules import name_problem
from stilt.config.schema import SETTINGS
from stilt.config.variants import FIXED, FOOTPRINTS, MET, OF_FOOTPRINTS, Kind, kinds
from stilt.foundations.names import alike, file_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stilt.config.document import Where
    from stilt.config.schema import Config

    Read = Callable[[Document], Config | None]

VARIANTS = "variants"
KEYS = (MET, FOOTPRINTS, *(key for key in SETTINGS if key not in {*FIXED, FOOTPRINTS}))
"""What may stand in a variant."""


def with_variants(
    config: Config | None, document: Document, given: Any, read: Read
) -> Config | None:
    """Return settings with their variants; what is wrong with these is noted in the document.

    Parameters
    ----------
    config
        The settings without them; None where these are wrong.
    document
        The whole file.
    given
        What stands under ``variants``.
    read
        Reads the settings that a document has.
    """
    names = _names(document, given)
    sound = {name: entry for name, entry in names.items() if _is_known(document, name, entry)}
    if config is None or document.problems:
        return config
    variants = {
        name: _variant(name, entry, config, document, read) for name, entry in sound.items()
    }
    config = replace(config, variants=variants or None)
    for problem in _clashes(config):
        document.add(*problem)
    return config


def _names(document: Document, given: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(given, dict):
        document.add((VARIANTS,), f"expected names, got {brief(given)}")
        return {}
    for name, earlier in alike(given):
        what = "is the same folder or file as"
        text = f"{what} {earlier} where case or Unicode form do not count"
        document.add((VARIANTS, name), text)
    for name, entry in given.items():
        complaint = name_problem(name)
        if not isinstance(entry, dict) or not entry:
            complaint = f"expected settings, got {brief(entry) if entry else 'nothing'}"
        if complaint:
            document.add((VARIANTS, name), complaint)
    return {name: entry for name, entry in given.items() if isinstance(entry, dict)}


def _is_known(document: Document, name: str, entry: Mapping[str, Any]) -> bool:
    """Note keys that cannot stand in a variant, and tell whether there is none."""
    count = len(document.problems)
    where = (VARIANTS, name)
    mets, products = document.data.get("mets"), document.data.get(FOOTPRINTS)
    for key, value in entry.items():
        if key in FIXED:
            document.add((*where, key), f"cannot vary: {FIXED[key]}")
        elif key not in KEYS:
            document.add((*where, key), unknown_key(nearest(key, KEYS)))
        elif key == MET and isinstance(mets, dict) and value not in mets:
            document.add((*where, key), not_one_of(value, mets))
    given = entry.get(FOOTPRINTS) or {}
    for product, settings in given.items() if isinstance(given, dict) else [("", given)]:
        place = (*where, FOOTPRINTS, product) if product else (*where, FOOTPRINTS)
        if isinstance(products, dict) and product and product not in products:
            document.add(place, not_one_of(product, products))
        elif not isinstance(settings, dict):
            document.add(place, f"expected a mapping, got {brief(settings)}")
        else:
            for key in settings:
                if key not in OF_FOOTPRINTS:
                    only = " and ".join(OF_FOOTPRINTS)
                    text = f"of a product {only} may vary: name one of its own under footprints"
                    document.add((*place, key), text)
    return len(document.problems) == count


def _variant(
    name: str, entry: Mapping[str, Any], config: Config, document: Document, read: Read
) -> dict[str, Any]:
    """Return what a variant has of its own, as ``plain`` has settings, and note what is wrong with it."""
    part = _whole(name, entry, document)
    found = read(part)
    for problem in part.problems:
        document.problems.append(_placed(problem, name, entry, document))
    if found is None:
        return {}
    if found.n_hours * config.n_hours < 0:
        text = f"{found.n_hours} is not the direction of the project's {config.n_hours}"
        document.add((VARIANTS, name, "n_hours"), text)
    own, base = plain(found), plain(config)
    chosen = {MET: entry[MET]} if entry.get(MET) is not None else {}
    keys = [key for key in KEYS if key in entry or own.get(key) != base.get(key)]
    settings = {key: own.get(key) for key in keys if key not in {MET, FOOTPRINTS}}
    products = {
        product: {key: own[FOOTPRINTS][product].get(key) for key in given}
        for product, given in (entry.get(FOOTPRINTS) or {}).items()
    }
    return chosen | settings | ({FOOTPRINTS: products} if products else {})


def _whole(name: str, entry: Mapping[str, Any], document: Document) -> Document:
    """Return the document that would say of the project what it says of a variant."""
    data = {**document.data, **{key: value for key, value in entry.items() if key != MET}}
    del data[VARIANTS]
    products = dict(document.data.get(FOOTPRINTS) or {})
    for product, given in (entry.get(FOOTPRINTS) or {}).items():
        products[product] = {**products[product], **given}
    data[FOOTPRINTS] = products
    return Document(
        data, _moved(document.lines, name, entry), _moved(document.written, name, entry)
    )


def _moved(places: Mapping[Where, Any], name: str, entry: Mapping[str, Any]) -> dict[Where, Any]:
    """Return places with those in a variant where the project has them."""
    within = {where[2:]: value for where, value in places.items() if where[:2] == (VARIANTS, name)}
    within.pop((), None)
    whole = {*entry} - {FOOTPRINTS}
    others = {where: value for where, value in places.items() if not {*where[:1]} & whole}
    return {**others, **within}


def _placed(problem: Problem, name: str, entry: Mapping[str, Any], document: Document) -> Problem:
    """Return a problem with the settings of a variant as one of the file."""
    where = show((VARIANTS, name))
    key = problem.text.removeprefix("$.").partition(":")[0].partition(".")[0]
    if key in entry:
        return Problem(problem.line, f"{where}{problem.text.removeprefix('$')}")
    return Problem(document.line((VARIANTS, name)), f"{where}: {problem.text.removeprefix('$.')}")


def _clashes(config: Config) -> list[tuple[Where, str]]:
    """Say which variants make the names of other kinds of simulations."""
    found: list[tuple[Where, str]] = []
    seen = {file_key(met): Kind(met) for met in config.mets}
    for variant, given in (config.variants or {}).items():
        alone = replace(config, variants={variant: given})
        for name, kind in kinds(alone).items():
            other = seen.setdefault(file_key(name), kind)
            if complaint := name_problem(name):
                found.append(((VARIANTS, variant), f"{name}: {complaint}"))
            if other != kind:
                of = f" in variant {other.variant}" if other.variant else ""
                text = f"its ids would begin with {name}_, as those of met {other.met}{of}"
                found.append(((VARIANTS, variant), text))
    return found
