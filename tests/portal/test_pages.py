"""The pages as HTML: order, filters, bounds, and that no ticket can write markup."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

import admin_portal.review
from admin_portal.review import arrivals, claims
from admin_portal.review.models import Case, Outbox
from contracts.events import Evidence, Finding
from shared import clock
from tests.portal.desk import desk_of
from tests.portal.tickets import evidence, review_requested

pytestmark = pytest.mark.real
TEMPLATES = Path(admin_portal.review.__file__).parent / "templates"
ATTACK = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'"


@pytest.fixture
def desk(alice: User, browse: Callable[[User], Client]) -> Client:
    """Alice at her desk."""
    return browse(alice)


def subjects(page: str) -> list[str]:
    """The cases of a list, in its order."""
    return [re.sub("<.*?>", "", subject) for subject in re.findall(r"data-case>(.*?)</a>", page)]


def test_the_most_urgent_case_comes_first(desk: Client) -> None:
    now = clock.now()
    for subject, minutes, priority in (
        ("later", 90, "urgent"),
        ("soon and high", 30, "high"),
        ("soon and urgent", 30, "urgent"),
        ("overdue", -5, "low"),
    ):
        arrivals.open_case(
            review_requested(subject=subject, priority=priority, due_at=now + timedelta(minutes=minutes))
        )

    page = desk.get("/").content.decode()

    assert subjects(page) == ["overdue", "soon and urgent", "soon and high", "later"]
    assert "<b>4</b> waiting" in page
    assert "<b>1</b> overdue" in page
    assert "<b>2</b> due within the hour" in page


def test_filters_narrow_the_list_and_next_follows_them(desk: Client, alice: User) -> None:
    for request in desk_of(clock.now()):
        arrivals.open_case(request)

    assert subjects(desk.get("/?queue=billing&kind=review").content.decode()) == ["What counts as bandwidth?"]
    following = desk.get("/next")
    assert "What counts as bandwidth?" in desk.get(following["Location"]).content.decode()

    assert subjects(desk.get("/?mine=on").content.decode()) == ["What counts as bandwidth?"]
    assert len(subjects(desk.get("/?kind=nonsense&page=9999").content.decode())) == 10


def test_a_page_holds_fifty_cases(desk: Client) -> None:
    for _ in range(51):
        arrivals.open_case(review_requested())

    assert len(subjects(desk.get("/").content.decode())) == 50
    assert len(subjects(desk.get("/?page=2").content.decode())) == 1


def test_htmx_gets_the_list_alone(desk: Client) -> None:
    response = desk.get("/", headers={"HX-Request": "true"})

    assert response.content.decode().strip().startswith('<section id="cases"')
    assert "HX-Request" in response["Vary"]


def test_nothing_in_a_case_becomes_markup(desk: Client) -> None:
    hostile = evidence(1, ATTACK, ATTACK, ATTACK)
    request = review_requested(
        subject=ATTACK,
        body=ATTACK + "[EMAIL_1]",
        text=ATTACK,
        intent=ATTACK,
        queue=ATTACK,
        reasons=(Finding(code=ATTACK, severity="info", message=ATTACK),),
    )
    context = request.context.model_copy(update={"evidence": (_javascript(hostile),)})
    arrivals.open_case(request.model_copy(update={"context": context}))

    for path in ("/", f"/cases/{request.case_id}", f"/cases/{request.case_id}/trace"):
        page = desk.get(path).content.decode()
        assert "<script>alert" not in page, path
        assert "<img src=x" not in page, path
        assert "javascript:" not in page, path
        assert "&lt;script&gt;alert(1)" in page, path


def _javascript(hostile: Evidence) -> Evidence:
    return hostile.model_copy(update={"url": "javascript:alert(3)"})


def test_no_page_allows_inline_code_or_other_sites(desk: Client) -> None:
    policy = desk.get("/")["Content-Security-Policy"]

    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy


def test_templates_need_no_inline_code(desk: Client) -> None:
    for template in TEMPLATES.rglob("*.html"):
        text = template.read_text()
        assert not re.search(r"<script>|\son\w+=|style=|\|safe\b", text), template.name


def test_the_loser_is_told_who_decided_and_keeps_the_text(
    desk: Client, bob: User, browse: Callable[[User], Client]
) -> None:
    request = review_requested()
    arrivals.open_case(request)
    address = f"/cases/{request.case_id}/decision"
    browse(bob).post(address, {"action": "approve", "version": 1})

    response = desk.post(address, {"action": "edit", "version": 1, "text": "My own <careful> words"})

    page = response.content.decode()
    assert response.status_code == 409
    assert "bob has decided this case" in page
    assert "My own &lt;careful&gt; words" in page


def test_a_decision_that_lacks_something_says_what(desk: Client) -> None:
    request = review_requested()
    arrivals.open_case(request)
    address = f"/cases/{request.case_id}/decision"

    assert desk.post(address, {"action": "reject", "version": 1}).status_code == 422
    assert desk.post(address, {"action": "explode", "version": 1}).status_code == 422
    response = desk.post(address, {"action": "edit", "version": 1, "text": "Ask [EMAIL_9]"})

    assert "The ticket has no [EMAIL_9]" in response.content.decode()
    assert "Ask [EMAIL_9]</textarea>" in response.content.decode()
    assert Outbox.objects.count() == 0


def test_after_a_decision_comes_the_next_case_and_history_shows_the_last(desk: Client) -> None:
    now = clock.now()
    first = review_requested(subject="first", due_at=now)
    second = review_requested(subject="second", due_at=now + timedelta(hours=1))
    arrivals.open_case(first)
    arrivals.open_case(second)

    response = desk.post(f"/cases/{first.case_id}/decision", {"action": "approve", "version": 1}, follow=True)

    assert response.redirect_chain[-1][0] == f"/cases/{second.case_id}"
    assert "Approved" in response.content.decode()
    assert subjects(desk.get("/history").content.decode()) == ["first"]
    assert subjects(desk.get("/history?mine=on").content.decode()) == ["first"]
    assert "by alice" in desk.get(f"/cases/{first.case_id}").content.decode()


def test_leaving_a_case_frees_it_and_goes_on(desk: Client, bob: User) -> None:
    now = clock.now()
    first = review_requested(due_at=now)
    second = review_requested(due_at=now + timedelta(hours=1))
    arrivals.open_case(first)
    arrivals.open_case(second)
    desk.get(f"/cases/{first.case_id}")

    response = desk.post(f"/cases/{first.case_id}/release", follow=True)

    assert response.redirect_chain[-1][0] == f"/cases/{second.case_id}"
    assert claims.claim(bob, first.case_id, clock.now())


def test_probes_need_no_host_name_and_no_log_in(portal: str) -> None:
    client = Client(headers={"Host": "10.1.2.3:8000"})

    assert client.get("/health/live").json()["status"] == "live"
    assert client.get("/health/ready").json() == {"status": "ready", "problems": []}
    assert client.get("/login").status_code == 400


def test_the_first_users_are_made_once(portal: str, tmp_path: Path) -> None:
    call_command("ensure_users", tenant=["acme"], stdout=_nowhere())
    file = tmp_path / "portal-users.txt"
    written = file.read_text()

    call_command("ensure_users", tenant=["acme", "globex"], stdout=_nowhere())

    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text() == written
    passwords = dict(line.split() for line in written.splitlines())
    assert set(passwords) == {"agent", "lead", "admin"}
    assert Client().login(username="lead", password=passwords["lead"])
    assert User.objects.get(username="agent").memberships.count() == 2


def _nowhere() -> object:
    from io import StringIO

    return StringIO()


def test_the_list_takes_few_queries(desk: Client) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    for request in desk_of(clock.now()):
        arrivals.open_case(request)
    Case.objects.update(claimed_by=User.objects.get(username="alice"), claimed_until=clock.now())

    with CaptureQueriesContext(connection) as queries:
        desk.get("/", headers={"HX-Request": "true"})

    assert len(queries) <= 10
