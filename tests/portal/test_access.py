"""Who sees and may do what."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client

from admin_portal.review import arrivals, claims
from admin_portal.review.access import cases_of
from admin_portal.review.models import Case, Outbox, Status
from contracts.events import ReviewRequested
from shared import clock
from tests.portal.tickets import review_requested

pytestmark = pytest.mark.real


@pytest.fixture
def request_of_acme(portal: str) -> ReviewRequested:
    """A case of acme that waits."""
    request = review_requested(subject="Secret of acme")
    arrivals.open_case(request)
    return request


PAGES = ("/cases/{}", "/cases/{}/trace")
ACTS = ("/cases/{}/decision", "/cases/{}/claim", "/cases/{}/release")


def test_strangers_are_sent_to_the_log_in(request_of_acme: ReviewRequested) -> None:
    client = Client()
    for page in ("/", "/history", "/next", "/admin/", *PAGES):
        response = client.get(page.format(request_of_acme.case_id), follow=True)
        assert response.redirect_chain[-1][0].startswith("/login?next=/"), page
    for act in ACTS:
        assert client.post(act.format(request_of_acme.case_id))["Location"].startswith("/login"), act


def test_another_tenant_sees_nothing(
    request_of_acme: ReviewRequested, charlie: User, browse: Callable[[User], Client]
) -> None:
    client = browse(charlie)

    for page in PAGES:
        assert client.get(page.format(request_of_acme.case_id)).status_code == 404, page
    for page in ("/", "/?tenant=acme", "/history", "/next"):
        assert "Secret of acme" not in client.get(page, follow=True).content.decode(), page
    decision = {"action": "approve", "version": 1}
    assert client.post(f"/cases/{request_of_acme.case_id}/decision", decision).status_code == 404
    assert client.post(f"/cases/{request_of_acme.case_id}/claim").status_code == 404
    client.post(f"/cases/{request_of_acme.case_id}/release")

    case = Case.objects.get(pk=request_of_acme.case_id)
    assert (case.status, case.claimed_by, Outbox.objects.count()) == (Status.PENDING, None, 0)


def test_whoever_has_no_role_sees_nothing(request_of_acme: ReviewRequested, alice: User) -> None:
    assert cases_of(alice).count() == 1
    alice.groups.clear()
    assert cases_of(User.objects.get(pk=alice.pk)).count() == 0


def test_an_agent_can_be_kept_to_queues_and_a_lead_cannot(portal: str, person: Callable[..., User]) -> None:
    arrivals.open_case(review_requested(queue="billing"))
    arrivals.open_case(review_requested(queue="domains"))

    agent = person("agnes", "agent", "acme", queues=("billing",))
    lead = person("leo", "lead", "acme", queues=("billing",))

    assert [case.queue for case in cases_of(agent)] == ["billing"]
    assert cases_of(lead).count() == 2


def test_only_a_lead_takes_a_case_over(
    request_of_acme: ReviewRequested, alice: User, bob: User, lea: User, browse: Callable[[User], Client]
) -> None:
    browse(alice).get(f"/cases/{request_of_acme.case_id}")

    browse(bob).post(f"/cases/{request_of_acme.case_id}/claim", {"take_over": "1"})
    assert Case.objects.get().claimed_by == alice

    browse(lea).post(f"/cases/{request_of_acme.case_id}/claim", {"take_over": "1"})
    assert Case.objects.get().claimed_by == lea


def test_a_claim_ends_by_itself(request_of_acme: ReviewRequested, alice: User, bob: User) -> None:
    now = clock.now()

    assert claims.claim(alice, request_of_acme.case_id, now)
    assert not claims.claim(bob, request_of_acme.case_id, now + timedelta(minutes=9))
    assert claims.claim(bob, request_of_acme.case_id, now + timedelta(minutes=11))


def test_users_are_for_admins(
    portal: str, lea: User, person: Callable[..., User], browse: Callable[[User], Client]
) -> None:
    assert browse(lea).get("/admin/", follow=True).status_code == 403

    admin = person("ada", "admin", "acme")
    admin.is_staff = True
    admin.save()
    page = browse(admin).get(f"/admin/auth/user/{lea.pk}/change/")

    assert page.status_code == 200
    assert "is_superuser" not in page.content.decode()
