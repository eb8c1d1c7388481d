"""`python -m infra.contracts [--check]`: writes what is generated from the contracts, or says what has drifted."""

from pathlib import Path
from typing import Annotated

import typer

from contracts.flow import FlowInvalid, load_flow
from infra.contracts.generated import WouldBreakConsumers, drifted, generated_files, write
from infra.contracts.openapi import intake_openapi

ROOT = Path(__file__).parents[2]


def main(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 naming files that drifted.")] = False,
) -> None:
    """Bring the schemas, AsyncAPI and OpenAPI documents and the README's diagram up to date with the contracts."""
    try:
        files = generated_files(ROOT, load_flow(), intake_openapi())
        if not check:
            for path in write(ROOT, files):
                typer.echo(f"wrote {path.relative_to(ROOT)}")
            return
    except (FlowInvalid, WouldBreakConsumers) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    if stale := drifted(ROOT, files):
        for path in stale:
            typer.echo(f"drifted: {path.relative_to(ROOT)}", err=True)
        typer.echo("Run `python -m infra.contracts` and commit the result.", err=True)
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
