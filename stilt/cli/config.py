"""``stilt config``: what config.yaml may say."""

from __future__ import annotations

import click


@click.group("config")
def command() -> None:
    """Describe config.yaml to editors."""


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
