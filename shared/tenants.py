"""Who uses this installation: tenants, the vertical pack of each, and the helpdesks that write to and hear from us."""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

TENANT_ID = r"^[a-z0-9][a-z0-9-]{0,62}$"


class TenantsInvalid(Exception):
    """The tenants file cannot be used; the message says where and why."""


class Source(BaseModel):
    """One helpdesk of a tenant.

    `secret` signs its webhooks (several, comma-separated, while a secret is being rotated). `reply_url` is the base
    address to which answers go, `token` what they are authorised with.
    """

    # Errors name the place without its value, which may be a secret.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: Literal["generic", "zendesk"]
    secret: SecretStr
    reply_url: str
    token: SecretStr = SecretStr("")


class Tenant(BaseModel):
    """One organisation; its data never meets another's.

    `learn_answers` says whether answers that its people approved may be quoted to its other customers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    id: Annotated[str, Field(pattern=TENANT_ID)]
    pack: Path
    sources: dict[Annotated[str, Field(pattern=TENANT_ID)], Source]
    learn_answers: bool = True


def load_tenants(path: Path) -> dict[str, Tenant]:
    """The tenants in the YAML file at `path`, by id; a relative pack path counts from the working folder.

    Raises:
        TenantsInvalid: the file is missing or does not have the form `{tenants: {id: {pack, sources}}}`.
    """
    try:
        content = yaml.safe_load(path.read_text())
        return {name: Tenant(id=name, **tenant) for name, tenant in content["tenants"].items()}
    except FileNotFoundError as error:
        raise TenantsInvalid(f"{path} is missing; `handrail up` writes one, or set HANDRAIL_TENANTS_FILE") from error
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, AttributeError, ValidationError) as error:
        raise TenantsInvalid(f"{path} is no list of tenants: {str(error)[:500]}") from error
