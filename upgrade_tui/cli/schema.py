"""``upgrade-tui schema``: the plan file's JSON Schema, for editors that complete and check while one types."""

from __future__ import annotations

import click


@click.command("schema", short_help="Print the JSON Schema of plan files, for editors.")
def schema() -> None:
    """Print the JSON Schema of plan files.

    Save it beside your plans and name it in their first line, and editors with a TOML language server
    (taplo, Even Better TOML) complete keys and mark mistakes:

    \b
        upgrade-tui schema > plan.schema.json
        #:schema ./plan.schema.json
    """
    import msgspec

    from upgrade_tui.plan.schema import plan_schema

    click.echo(msgspec.json.format(msgspec.json.encode(plan_schema()), indent=2).decode())
