"""The tenants file is read, or refused in words."""

from pathlib import Path

import pytest

from shared.tenants import TenantsInvalid, load_tenants

GOOD = """
tenants:
  acme:
    pack: packs/hosting
    sources:
      desk: {kind: zendesk, secret: s3cret-of-acme, reply_url: "https://acme.example", token: t0ken}
"""


def written(folder: Path, content: str) -> Path:
    path = folder / "tenants.yaml"
    path.write_text(content)
    return path


def test_a_tenant_has_its_pack_and_its_sources(tmp_path: Path) -> None:
    acme = load_tenants(written(tmp_path, GOOD))["acme"]

    assert (acme.id, acme.pack) == ("acme", Path("packs/hosting"))
    assert acme.sources["desk"].kind == "zendesk"
    assert acme.sources["desk"].secret.get_secret_value() == "s3cret-of-acme"


def test_secrets_do_not_show_when_a_tenant_is_printed(tmp_path: Path) -> None:
    shown = repr(load_tenants(written(tmp_path, GOOD)))

    assert "s3cret" not in shown
    assert "t0ken" not in shown


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(TenantsInvalid, match="handrail up"):
        load_tenants(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no list of tenants"),
        ("[1, 2]", "no list of tenants"),
        ("tenants: 3", "no list of tenants"),
        ("tenants: {acme: [1]}", "no list of tenants"),
        ("tenants: {acme: {}}", "pack"),
        ("{:", "no list of tenants"),
        (GOOD.replace("acme:", "'../acme':"), "id"),
        (GOOD.replace("desk:", "'de sk':"), "sources"),
        (GOOD.replace("kind: zendesk", "kind: telex"), "kind"),
        (GOOD.replace("token:", "tokne:"), "tokne"),
        (GOOD.replace("pack:", "id: other\n    pack:"), "no list of tenants"),
    ],
)
def test_a_file_of_another_form_is_refused_in_words(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(TenantsInvalid, match=said) as refused:
        load_tenants(written(tmp_path, content))

    assert "s3cret" not in str(refused.value)
    assert "t0ken" not in str(refused.value)
    assert len(str(refused.value)) < 700


def test_bytes_that_are_no_text_are_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "tenants.yaml"
    path.write_bytes(b"tenants: \xff\xfe")
    with pytest.raises(TenantsInvalid):
        load_tenants(path)
