"""The tenants file: written at the first start with one tenant on the shipped pack; `handrail tenant` adds to it."""

import base64
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from shared.tenants import load_tenants

DEMO_TENANT = "northquay"
SHIPPED_PACK = Path(__file__).resolve().parents[1] / "verticals" / "hosting"


class TenantRefused(Exception):
    """The tenant cannot be added; the message says why."""


def new_tenant(pack: Path, reply_url: str) -> dict[str, Any]:
    """A tenant with a generic source and a Zendesk source, with fresh secrets, that answers to `reply_url`."""
    return {
        "pack": str(pack),
        "sources": {
            "generic": {
                "kind": "generic",
                "secret": "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(),
                "reply_url": reply_url,
                "token": secrets.token_urlsafe(24),
            },
            "zendesk": {
                "kind": "zendesk",
                "secret": secrets.token_urlsafe(32),
                "reply_url": reply_url,
                "token": secrets.token_urlsafe(24),
            },
        },
    }


def write_demo_tenants(environ: Mapping[str, str]) -> None:
    """This function will write the tenants file where there is none, and keep the fake helpdesk's address right.

    The fake helpdesk may get another port at the next start; sources that point elsewhere are left alone.
    """
    path = Path(environ["HANDRAIL_TENANTS_FILE"])
    reply_url = environ.get("HANDRAIL_FAKE_HELPDESK_URL", "http://127.0.0.1:8320")
    content = _read(path) or {"tenants": {DEMO_TENANT: new_tenant(SHIPPED_PACK, reply_url)}}
    for tenant in content["tenants"].values():
        for source in tenant["sources"].values():
            if source["reply_url"].startswith("http://127.0.0.1:"):
                source["reply_url"] = reply_url
    _write(path, content)


def add_tenant(path: Path, name: str, pack: Path, reply_url: str) -> None:
    """This function will add a tenant to the file.

    Raises:
        TenantRefused: the name is taken or not allowed.
    """
    content = _read(path) or {"tenants": {}}
    if name in content["tenants"]:
        raise TenantRefused(f"there is a tenant {name} already in {path}")
    content["tenants"][name] = new_tenant(pack.resolve(), reply_url)
    _write(path, content)


def _read(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    load_tenants(path)  # Says in words what is wrong with it.
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return content


def _write(path: Path, content: dict[str, Any]) -> None:
    text = yaml.safe_dump(content, sort_keys=False)
    if path.exists() and path.read_text() == text:
        return
    draft = path.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text(text)
    load_tenants(draft)
    draft.replace(path)
