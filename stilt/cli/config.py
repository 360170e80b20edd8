"""``stilt config``: what config.yaml may say."""

from __future__ import annotations

import click


@click.group("config")
def command() -> None:
    """Describe config.yaml, to people and to editors."""


@command.command("schema")
def schema_command() -> None:
    """Print the JSON Schema of config.yaml.

    \b
    An editor with a YAML language server completes and checks keys with it:
      stilt config schema > config.schema.json
    and as the first line of config.yaml:
      # yaml-language-server: $schema=config.schema.json
    """  # noqa: D301 - \b is click's mark for lines to keep
    import msgspec

    from stilt.config.json_schema import config_schema

    text = msgspec.json.format(msgspec.json.encode(config_schema()), indent=2)
    click.echo(text.decode())


@command.command("reference")
@click.argument("keys", nargs=-1)
@click.option("--markdown", is_flag=True, help="As a Markdown table.")
def reference_command(keys: tuple[str, ...], markdown: bool) -> None:
    """Print every setting, or those that KEYS name.

    Its type, unit, default and meaning, where it goes, and what model: native does with it. KEYS may be of those
    within mets and footprints, too.
    """
    from stilt.config.reference import as_markdown, as_text, sections_with
    from stilt.config.schema import SETTINGS
    from stilt.foundations.errors import InputError

    within = {key: sections_with(key) for key in keys if key not in SETTINGS}
    unknown = [key for key, found in within.items() if markdown or not found]
    if unknown:
        raise InputError(
            f"config.yaml has no key {', '.join(unknown)}",
            "`stilt config reference` lists all",
            code="NAME_UNKNOWN",
        )
    if markdown or not within:
        click.echo((as_markdown if markdown else as_text)(keys or None), nl=False)
    else:
        blocks = [block for key in keys for block in within.get(key) or [as_text([key])]]
        click.echo("\n".join(blocks), nl=False)
