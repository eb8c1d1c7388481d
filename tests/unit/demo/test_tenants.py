"""The tenants file: made with fresh secrets, kept, and added to."""

import stat
from pathlib import Path

import pytest

from infra.demo.tenants import DEMO_TENANT, TenantRefused, add_tenant, write_demo_tenants
from shared.tenants import TenantsInvalid, load_tenants


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tenants.yaml"


def start(path: Path, url: str = "http://127.0.0.1:8320") -> None:
    write_demo_tenants({"HANDRAIL_TENANTS_FILE": str(path), "HANDRAIL_FAKE_HELPDESK_URL": url})


def test_the_first_start_makes_a_tenant_that_only_its_owner_can_read(path: Path) -> None:
    start(path)

    tenant = load_tenants(path)[DEMO_TENANT]
    assert {source.kind for source in tenant.sources.values()} == {"generic", "zendesk"}
    assert len({source.secret.get_secret_value() for source in tenant.sources.values()}) == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_next_start_keeps_the_secrets_and_learns_of_the_helpdesks_new_port(path: Path) -> None:
    start(path)
    before = load_tenants(path)[DEMO_TENANT].sources["generic"]
    start(path, "http://127.0.0.1:9999")
    after = load_tenants(path)[DEMO_TENANT].sources["generic"]

    assert after == before.model_copy(update={"reply_url": "http://127.0.0.1:9999"})


def test_a_helpdesk_elsewhere_is_left_alone(path: Path) -> None:
    start(path)
    add_tenant(path, "acme", path.parent, "https://acme.example/api")
    start(path, "http://127.0.0.1:9999")

    assert load_tenants(path)["acme"].sources["zendesk"].reply_url == "https://acme.example/api"


def test_a_tenant_is_added_beside_the_others(path: Path) -> None:
    start(path)
    add_tenant(path, "acme", path.parent, "https://acme.example")

    tenants = load_tenants(path)
    assert set(tenants) == {DEMO_TENANT, "acme"}
    assert tenants["acme"].pack == path.parent.resolve()


def test_a_name_that_is_taken_is_refused(path: Path) -> None:
    start(path)
    with pytest.raises(TenantRefused, match=DEMO_TENANT):
        add_tenant(path, DEMO_TENANT, path.parent, "https://acme.example")


@pytest.mark.parametrize("name", ["Acme", "a b", "../x", "", "-a", "a" * 64])
def test_a_name_that_is_not_allowed_is_refused_and_the_file_stays(path: Path, name: str) -> None:
    start(path)
    before = path.read_text()
    with pytest.raises(TenantsInvalid):
        add_tenant(path, name, path.parent, "https://acme.example")

    assert path.read_text() == before


def test_a_broken_file_is_not_overwritten(path: Path) -> None:
    path.write_text("tenants: [")
    with pytest.raises(TenantsInvalid):
        start(path)

    assert path.read_text() == "tenants: ["
