"""The console script `handrail`: every command is defined beside the part it drives, and mounted here."""

import os

import typer

from infra.cli import bench, demo, evaluate, export, ingest, stack, tenant, trace, vertical
from infra.stack.home import Home
from infra.stack.record import Record

app = typer.Typer(
    help="Support automation that knows when to ask a human.", no_args_is_help=True, pretty_exceptions_enable=False
)
# What starts servers must not take the running ones for servers that somebody else gave it.
STARTS_SERVERS = {"up", "down", "status", "doctor", "demo", "send", "bench"}


@app.callback()
def main(context: typer.Context) -> None:
    """Support automation that knows when to ask a human."""
    if context.invoked_subcommand not in STARTS_SERVERS:
        recorded = Record.read(Home.of(os.environ).record_file).environment
        os.environ.update({name: value for name, value in recorded.items() if name not in os.environ})


app.add_typer(stack.app)
app.command()(demo.demo)
app.command()(demo.send)
app.command()(trace.trace)
app.command()(ingest.ingest)
app.add_typer(vertical.app, name="vertical")
app.add_typer(tenant.app, name="tenant")
app.add_typer(export.app, name="export")
app.add_typer(bench.app, name="bench")
app.add_typer(evaluate.app, name="eval")


if __name__ == "__main__":
    app()
