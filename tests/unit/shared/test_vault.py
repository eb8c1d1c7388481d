"""Sealed originals open with the right key alone."""

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from shared.vault import SealBroken, Vault

KEY = SecretStr(Fernet.generate_key().decode())
ORIGINALS = {"[EMAIL_1]": "ann@example.com", "[SECRET_1]": "pässwörd 🙂"}


def test_what_was_sealed_opens_again_and_says_nothing_on_the_way() -> None:
    vault = Vault(KEY)
    sealed = vault.seal(ORIGINALS)

    assert vault.open(sealed) == ORIGINALS
    assert "ann" not in sealed


def test_nothing_sealed_is_the_empty_text() -> None:
    assert Vault(KEY).seal({}) == ""
    assert Vault(KEY).open("") == {}


def test_another_key_does_not_open_it() -> None:
    other = Vault(SecretStr(Fernet.generate_key().decode()))
    with pytest.raises(SealBroken):
        other.open(Vault(KEY).seal(ORIGINALS))


@given(st.text(min_size=1))
def test_whatever_was_not_sealed_here_is_broken(text: str) -> None:
    with pytest.raises(SealBroken):
        Vault(KEY).open(text)


@pytest.mark.parametrize("position", [0, 20, 60, -2])
def test_a_changed_seal_is_broken(position: int) -> None:
    sealed = Vault(KEY).seal(ORIGINALS)
    letter = "B" if sealed[position] != "B" else "C"
    changed = sealed[:position] + letter + sealed[position:][1:]
    with pytest.raises(SealBroken):
        Vault(KEY).open(changed)


@pytest.mark.parametrize("key", ["", "short", "ü" * 44])
def test_a_key_that_is_none_is_refused_at_the_start(key: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- cryptography's own words.
        Vault(SecretStr(key))
