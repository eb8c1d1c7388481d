"""The console script `handrail`: every command is defined beside the part it drives, and mounted here by name."""

import importlib
import os
from typing import Any

import typer
from typer.core import TyperGroup

from infra.stack.home import Home
from infra.stack.record import Record

# Where each command lives: a module of this folder, and what in it; one that is named `app` is a group of its own, or
# holds the command among others. Modules are imported when their command is called: together they take seconds.
COMMANDS = {
    "up": "stack:app",
    "down": "stack:app",
    "status": "stack:app",
    "doctor": "stack:app",
    "demo": "demo:demo",
    "send": "demo:send",
    "trace": "trace:trace",
    "ingest": "ingest:ingest",
    "vertical": "vertical:app",
    "tenant": "tenant:app",
    "export": "export:app",
    "eval": "evaluate:app",
    "bench": "bench:app",
}
# What starts servers must not take the running ones for servers that somebody else gave it.
STARTS_SERVERS = {"up", "down", "status", "doctor", "demo", "send", "bench", "eval"}


class Commands(TyperGroup):
    """The commands of COMMANDS, each imported when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names, in the order of the help page."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, or None where there is none."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        found = getattr(importlib.import_module(f"infra.cli.{module}"), attribute)
        if not isinstance(found, typer.Typer):
            alone = typer.Typer(pretty_exceptions_enable=False)
            alone.command(name=cmd_name)(found)
            return typer.main.get_command(alone)
        group = typer.main.get_group(found)
        group.name = cmd_name
        return group.commands.get(cmd_name, group)


app = typer.Typer(
    cls=Commands,
    help="Support automation that knows when to ask a human.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def main(context: typer.Context) -> None:
    """Support automation that knows when to ask a human."""
    if context.invoked_subcommand not in STARTS_SERVERS:
        recorded = Record.read(Home.of(os.environ).record_file).environment
        os.environ.update({name: value for name, value in recorded.items() if name not in os.environ})


if __name__ == "__main__":
    app()
