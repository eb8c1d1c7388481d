"""Signatures of webhooks, against the vendors' published vectors."""

from datetime import UTC, datetime, timedelta
from typing import ClassVar, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from services.intake.adapters import SignatureInvalid, VaultPseudonyms, verify
from shared.tenants import Source
from tests.fakes.clock import NOON
from tests.unit.intake.webhooks import DESK_SECRET, OLD_SECRET, WROTE, ZENDESK_WROTE, generic, zendesk

WINDOW_SECONDS = 300.0


def source(kind: Literal["generic", "zendesk"], secret: str) -> Source:
    return Source(kind=kind, secret=SecretStr(secret), reply_url="https://desk.example")


DESK = source("generic", DESK_SECRET)
ZENDESK = source("zendesk", "not-a-real-zendesk-secret")


def check(desk: Source, body: bytes, headers: dict[str, str], now: datetime = NOON) -> str:
    return verify(desk, headers, body, now, WINDOW_SECONDS)


class TestStandardWebhooks:
    """https://www.standardwebhooks.com; the vector is the one in its libraries' tests."""

    VECTOR_SOURCE = source("generic", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    VECTOR_AT = datetime.fromtimestamp(1614265330, UTC)
    VECTOR_BODY = b'{"test": 2432232314}'
    VECTOR_HEADERS: ClassVar = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }

    def vector(self, **changes: str) -> str:
        headers = {**self.VECTOR_HEADERS, **{name.replace("_", "-"): value for name, value in changes.items()}}
        return check(self.VECTOR_SOURCE, self.VECTOR_BODY, headers, self.VECTOR_AT)

    def test_the_published_vector_is_accepted_and_gives_the_message_id(self) -> None:
        assert self.vector() == "msg_p5jXN8AQM9LWM0D4loKWxJek"

    def test_a_secret_without_its_prefix_is_the_same_secret(self) -> None:
        bare = source("generic", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        assert check(bare, self.VECTOR_BODY, self.VECTOR_HEADERS, self.VECTOR_AT)

    def test_one_right_signature_among_several_is_enough(self) -> None:
        right = self.VECTOR_HEADERS["webhook-signature"]
        assert self.vector(webhook_signature=f"v1,AAAA v1a,BBBB nonsense {right}")

    @pytest.mark.parametrize(
        "signature",
        [
            "",
            "v1",
            "v1,",
            ",",
            "v1,not base64!",
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OF=",
            "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            "v1,\u00fc",
            "v1,a,b",
        ],
    )
    def test_a_wrong_or_malformed_signature_is_refused(self, signature: str) -> None:
        with pytest.raises(SignatureInvalid, match="does not match"):
            self.vector(webhook_signature=signature)

    def test_id_timestamp_and_body_are_all_covered(self) -> None:
        with pytest.raises(SignatureInvalid):
            self.vector(webhook_id="msg_other")
        with pytest.raises(SignatureInvalid):
            self.vector(webhook_timestamp="1614265331")
        with pytest.raises(SignatureInvalid):
            check(self.VECTOR_SOURCE, self.VECTOR_BODY + b" ", self.VECTOR_HEADERS, self.VECTOR_AT)

    @pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
    def test_a_missing_header_is_refused(self, missing: str) -> None:
        headers = {name: value for name, value in self.VECTOR_HEADERS.items() if name != missing}
        with pytest.raises(SignatureInvalid):
            check(self.VECTOR_SOURCE, self.VECTOR_BODY, headers, self.VECTOR_AT)

    @pytest.mark.parametrize("timestamp", ["", "now", "nan", "inf", "-1e300", "99999999999999999", "2021-02-25"])
    def test_a_timestamp_that_is_none_is_refused(self, timestamp: str) -> None:
        with pytest.raises(SignatureInvalid):
            self.vector(webhook_timestamp=timestamp)

    @pytest.mark.parametrize("seconds", [-299, 0, 299])
    def test_inside_the_window_it_is_accepted(self, seconds: int) -> None:
        body, headers = generic(WROTE, at=NOON + timedelta(seconds=seconds))
        assert check(DESK, body, headers) == "msg_1"

    @pytest.mark.parametrize("seconds", [-301, 301])
    def test_outside_the_window_it_is_refused_whatever_its_signature(self, seconds: int) -> None:
        body, headers = generic(WROTE, at=NOON + timedelta(seconds=seconds))
        with pytest.raises(SignatureInvalid, match="outside the window"):
            check(DESK, body, headers)

    def test_the_window_is_the_one_that_is_set(self) -> None:
        body, headers = generic(WROTE, at=NOON - timedelta(hours=1))
        assert verify(DESK, headers, body, NOON, 3600.0) == "msg_1"

    def test_while_a_secret_is_rotated_both_are_good(self) -> None:
        rotating = source("generic", f"{DESK_SECRET}, {OLD_SECRET}")
        for secret in (DESK_SECRET, OLD_SECRET):
            assert check(rotating, *generic(WROTE, secret=secret)) == "msg_1"

        with pytest.raises(SignatureInvalid):
            check(DESK, *generic(WROTE, secret=OLD_SECRET))

    @pytest.mark.parametrize("secret", ["", ",", "whsec_", "whsec_###", "whsec_ü"])
    def test_a_source_without_a_usable_secret_takes_nothing(self, secret: str) -> None:
        with pytest.raises(SignatureInvalid):
            check(source("generic", secret), *generic(WROTE))

    def test_a_body_that_is_no_text_is_refused(self) -> None:
        with pytest.raises(SignatureInvalid):
            check(DESK, *generic(b"\xff\xfe"))

    @settings(max_examples=50)
    @given(
        st.dictionaries(
            st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]),
            st.text(max_size=30) | st.just(str(int(NOON.timestamp()))),
        ),
        st.binary(max_size=30),
    )
    def test_whatever_is_sent_without_the_secret_is_refused_in_words(
        self, headers: dict[str, str], body: bytes
    ) -> None:
        with pytest.raises(SignatureInvalid):
            check(DESK, body, headers)


class TestZendesk:
    """https://developer.zendesk.com/documentation/webhooks/verifying/: base64(HMAC-SHA256(timestamp + body))."""

    VECTOR_AT = datetime(2021, 7, 25, 10, 0, tzinfo=UTC)
    VECTOR_BODY = b'{"say": "hello"}'

    @pytest.mark.parametrize(
        ("secret", "signature"),
        [
            ("HRkRd4BeOAoUkfZr-mhauJT64rvBASlJRoIyPsd3zeA=", "Rry/4TtIdFyawtXXp8QdI6tlAUUQ/5kL1OTp5qo/ZIk="),
            # The secret with which the test button of Zendesk's admin centre signs.
            ("dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==", "gf3v0LzLRHPUnIdhbvwRDVEvzSb07/QN0GYjSNlkBT0="),
        ],
    )
    def test_the_vectors_of_the_documented_order_are_accepted(self, secret: str, signature: str) -> None:
        assert check(
            source("zendesk", secret), self.VECTOR_BODY, self.headers("2021-07-25T10:00:00Z", signature), self.VECTOR_AT
        )

    def test_the_older_pages_order_of_body_and_timestamp_is_refused(self) -> None:
        desk = source("zendesk", "HRkRd4BeOAoUkfZr-mhauJT64rvBASlJRoIyPsd3zeA=")
        headers = self.headers("2021-07-25T10:00:00Z", "tRDSF7URY8BLCDlaBcQ7FHu051Zk+aAB0NKMP53teMw=")
        with pytest.raises(SignatureInvalid, match="does not match"):
            check(desk, self.VECTOR_BODY, headers, self.VECTOR_AT)

    def headers(self, timestamp: str, signature: str) -> dict[str, str]:
        return {
            "x-zendesk-webhook-signature": signature,
            "x-zendesk-webhook-signature-timestamp": timestamp,
        }

    def test_the_delivery_is_known_by_the_signed_id_and_not_by_a_header(self) -> None:
        body, headers = zendesk(ZENDESK_WROTE)
        first = check(ZENDESK, body, {**headers, "x-zendesk-webhook-invocation-id": "1"})
        again = check(ZENDESK, body, {**headers, "x-zendesk-webhook-invocation-id": "2"})

        assert first == again == "01HZ-event-1"

    @pytest.mark.parametrize("body", [b"{}", b"[1]", b"", b'{"id": null}', b'{"id": "\\u0000"}', b"not json"])
    def test_a_body_without_an_id_is_known_by_its_digest(self, body: bytes) -> None:
        first = check(ZENDESK, *zendesk(body))

        assert first == check(ZENDESK, *zendesk(body, at="2026-03-02T12:00:01Z"))
        assert first != check(ZENDESK, *zendesk(body + b" "))
        assert len(first) == 64

    def test_a_changed_body_is_refused(self) -> None:
        body, headers = zendesk(ZENDESK_WROTE)
        with pytest.raises(SignatureInvalid):
            check(ZENDESK, body.replace(b"42", b"43"), headers)

    def test_a_missing_signature_is_refused(self) -> None:
        body, headers = zendesk(ZENDESK_WROTE)
        with pytest.raises(SignatureInvalid):
            check(ZENDESK, body, {**headers, "x-zendesk-webhook-signature": ""})

    @pytest.mark.parametrize(
        "timestamp",
        ["", "yesterday", "2026-03-02T11:54:59Z", "2026-03-02T12:05:01Z", "0001-01-01T00:00:00+14:00", "0001-01-01"],
    )
    def test_a_timestamp_outside_the_window_or_none_at_all_is_refused(self, timestamp: str) -> None:
        with pytest.raises(SignatureInvalid, match="timestamp"):
            check(ZENDESK, *zendesk(ZENDESK_WROTE, at=timestamp))

    def test_a_timestamp_in_another_zone_is_the_same_instant(self) -> None:
        assert check(ZENDESK, *zendesk(ZENDESK_WROTE, at="2026-03-02T14:00:00+02:00"))

    def test_a_generic_signature_does_not_open_a_zendesk_source(self) -> None:
        with pytest.raises(SignatureInvalid):
            check(ZENDESK, *generic(WROTE))


class TestPseudonyms:
    PEOPLE = VaultPseudonyms(SecretStr("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="))

    def test_a_person_has_one_pseudonym_in_a_tenant_however_the_address_is_written(self) -> None:
        assert self.PEOPLE.pseudonym("acme", "Ann@Example.com") == self.PEOPLE.pseudonym("acme", "ann@example.com")

    def test_it_differs_between_people_tenants_and_keys_and_says_nothing(self) -> None:
        others = VaultPseudonyms(SecretStr("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDI="))
        names = {
            self.PEOPLE.pseudonym("acme", "ann@example.com"),
            self.PEOPLE.pseudonym("acme", "bob@example.com"),
            self.PEOPLE.pseudonym("globex", "ann@example.com"),
            others.pseudonym("acme", "ann@example.com"),
        }
        assert len(names) == 4
        assert all(len(name) == 32 and int(name, 16) >= 0 for name in names)
