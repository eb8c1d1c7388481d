"""`handrail tenant`: who uses this installation."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from infra.cli.stack import plain_problems
from infra.demo.tenants import SHIPPED_PACK, TenantRefused, add_tenant
from infra.stack.home import Home
from infra.stack.problems import StackProblem
from shared.packs import PackInvalid, load_pack
from shared.settings import Settings
from shared.tenants import TenantsInvalid, load_tenants

app = typer.Typer(help="Tenants of this installation.", no_args_is_help=True)
console = Console(highlight=False)


def _path() -> Path:
    settings = Settings()
    given = "tenants_file" in settings.model_fields_set
    return settings.tenants_file if given else Home(settings.home.resolve()).tenants_file


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and hyphens.")],
    pack: Annotated[Path, typer.Option(help="The folder of its vertical pack.")] = SHIPPED_PACK,
    reply_url: Annotated[str, typer.Option(help="Where its helpdesk takes answers.")] = "http://127.0.0.1:8320",
) -> None:
    """Add a tenant with fresh webhook secrets; services learn of it at the next start."""
    with plain_problems():
        try:
            load_pack(pack)
            add_tenant(_path(), name, pack, reply_url)
        except (TenantRefused, TenantsInvalid, PackInvalid) as error:
            raise StackProblem(str(error)) from error
        console.print(f"{name} is in {_path()}. Restart the stack ('handrail down', 'handrail up') to use it.")


@app.command("list")
def list_tenants() -> None:
    """Show the tenants, their packs and their sources."""
    with plain_problems():
        try:
            tenants = load_tenants(_path())
        except TenantsInvalid as error:
            raise StackProblem(str(error)) from error
        for tenant in tenants.values():
            console.print(f"{tenant.id}  {tenant.pack}  sources: {', '.join(tenant.sources)}", markup=False)
