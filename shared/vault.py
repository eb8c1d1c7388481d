"""Personal data is replaced by tokens before it travels; the originals travel sealed, and few can open them."""

from collections.abc import Mapping

import orjson
from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr


class SealBroken(Exception):
    """Sealed data was made with another key, or was changed."""


class Vault:
    """Seals a mapping of token to original with Fernet (AES-128-CBC and HMAC-SHA256, `cryptography.fernet`)."""

    def __init__(self, key: SecretStr) -> None:
        """Raises ValueError where `key` is no Fernet key (32 bytes, URL-safe base64)."""
        self._fernet = Fernet(key.get_secret_value())

    def seal(self, originals: Mapping[str, str]) -> str:
        """The mapping as an opaque text; empty for an empty one."""
        return self._fernet.encrypt(orjson.dumps(dict(originals))).decode() if originals else ""

    def open(self, sealed: str) -> dict[str, str]:
        """The mapping again.

        Raises:
            SealBroken: `sealed` was not made with this key.
        """
        if not sealed:
            return {}
        try:
            content: dict[str, str] = orjson.loads(self._fernet.decrypt(sealed.encode()))
        except (InvalidToken, ValueError) as error:
            raise SealBroken("the sealed data was made with another key or was changed") from error
        return content
