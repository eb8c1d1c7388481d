"""Logging in, and how often one may fail."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from admin_portal.review.models import LoginFailure
from shared import clock
from tests.portal.conftest import PASSWORD

pytestmark = pytest.mark.real


def log_in(name: str, password: str, address: str = "192.0.2.1") -> str:
    """What the log-in answers."""
    response = Client(REMOTE_ADDR=address).post("/login", {"username": name, "password": password})
    return response["Location"] if response.status_code == 302 else response.content.decode()


def test_the_right_password_opens_the_queue(alice: User) -> None:
    assert log_in("alice", PASSWORD) == "/"


def test_after_five_failures_the_right_password_is_refused_too(alice: User) -> None:
    for _ in range(5):
        assert "do not go together" in log_in("alice", "wrong")

    assert "Too many failed attempts" in log_in("alice", PASSWORD)
    assert "Too many failed attempts" in log_in(" ALICE ", PASSWORD)


def test_somebody_elses_failures_do_not_lock_a_person_out(alice: User) -> None:
    for _ in range(5):
        log_in("alice", "wrong", "203.0.113.9")

    assert log_in("alice", PASSWORD) == "/"


def test_failures_from_one_address_over_many_names_are_limited(alice: User) -> None:
    for number in range(50):
        LoginFailure.objects.create(username=f"n{number}", address="203.0.113.9", failed_at=clock.now())

    assert "Too many failed attempts" in log_in("alice", PASSWORD, "203.0.113.9")


def test_the_next_page_must_be_ours(alice: User) -> None:
    client = Client()
    form = {"username": "alice", "password": PASSWORD, "next": "https://evil.example/"}

    assert client.post("/login", form)["Location"] == "/"
