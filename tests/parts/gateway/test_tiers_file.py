"""The file of tiers is read strictly, and errors never show what might be a key."""

from pathlib import Path

import pytest

from services import drafting
from shared.gateway import TiersInvalid, load_tiers

GOOD = """
providers:
  somewhere:
    base_url: https://models.example/v1
    api_key_env: SOMEWHERES_KEY
    data: eu
    requests_per_minute: 60
tiers:
  small: {provider: somewhere, model: small-1, input_usd_per_million: 0.25, output_usd_per_million: 2}
default: {usd_per_day: 3}
tenants:
  acme: {usd_per_day: 20, data: local}
"""
KEY = {"SOMEWHERES_KEY": "sk-live-1"}


def read(folder: Path, text: str | bytes) -> None:
    path = folder / "tiers.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    load_tiers(path, KEY)


def test_a_good_file_says_who_may_spend_what_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMEWHERES_KEY", "sk-live-1")
    path = tmp_path / "tiers.yaml"
    path.write_text(GOOD)
    tiers = load_tiers(path)

    assert tiers.provider_of("small").key == "sk-live-1"
    assert tiers.allowance("acme").usd_per_day == 20
    assert tiers.allowance("acme").data == "local"
    assert tiers.allowance("anyone else").usd_per_day == 3
    assert tiers.tiers["small"].is_paid
    assert "sk-live-1" not in tiers.model_dump_json() + repr(tiers)


FAULTS = {
    "a tier without a provider": (GOOD.replace("provider: somewhere", "provider: nowhere"), "not defined: nowhere"),
    "a typo in a limit": (GOOD.replace("requests_per_minute", "request_per_minute"), "request_per_minute"),
    "a negative price": (GOOD.replace("0.25", "-1"), "input_usd_per_million"),
    "a key in the address": (GOOD.replace("https://", "https://user:secret@"), "base_url"),
    "a parameter that is ours": (GOOD.replace("model: small-1", "model: m, parameters: {n: 5}"), "may not set n"),
    "an unknown region": (GOOD.replace("data: eu", "data: mars"), "data"),
    "no tier": (GOOD.partition("tiers:")[0] + "tiers: {}", "tiers"),
    "not YAML": ("a: [", "is not YAML"),
    "no text": (b"\xff\xfe\x00", "is not YAML"),
    "a list": ("- 1", "the file"),
    "too large": ("#" * 300_000, "larger than"),
    "a key that is not set": (GOOD.replace("SOMEWHERES_KEY", "ANOTHER_KEY"), "ANOTHER_KEY, which is not set"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_file_is_refused_with_place_and_reason(tmp_path: Path, fault: str) -> None:
    text, reason = FAULTS[fault]
    with pytest.raises(TiersInvalid) as caught:
        read(tmp_path, text)

    assert reason in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TiersInvalid, match="No such file"):
        load_tiers(tmp_path / "none.yaml")


def test_the_example_is_a_good_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    tiers = load_tiers(Path(drafting.__file__).parent / "tiers.example.yaml")

    assert tiers.cheapest_first() == ["own", "small", "large"]
    assert tiers.provider_of("own").data == "local"
