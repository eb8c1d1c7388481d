"""A morning at the desk in a real Chromium: log in, approve, edit, reject. Pictures go to `var/screenshots`."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import httpx
import pytest
from django.contrib.auth.models import User
from django.db import connection
from playwright.sync_api import Browser, Page, expect, sync_playwright

from admin_portal.review import arrivals
from admin_portal.review.models import Case, Outbox
from contracts.events import ReviewRequested
from infra.browser import ensure_chromium, launch_args
from shared import clock
from tests.portal.conftest import PASSWORD
from tests.portal.desk import desk_of
from tests.portal.spans import write_trace

pytestmark = [pytest.mark.browser, pytest.mark.real]
ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "var" / "screenshots"
T = TypeVar("T")


@pytest.fixture(scope="session")
def executable() -> str:
    """Chromium's path; installed where it is missing, and an error where that fails."""
    return ensure_chromium()


@pytest.fixture
def browser(executable: str) -> Iterator[Browser]:
    """Chromium for one test: Playwright keeps an event loop running, which other tests must not meet."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=launch_args())
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """HANDRAIL_HOME of the portal."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def address(portal_database: str, home: Path) -> Iterator[str]:
    """The portal under gunicorn, as in production."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "HANDRAIL_DATABASE_URL": portal_database,
        "HANDRAIL_SECRET_KEY": "used by the portal's browser tests alone",
        "HANDRAIL_HOME": str(home),
    }
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--threads", "4"]
    with (home / "gunicorn.log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "admin_portal.config.wsgi:application"], env=environment, cwd=ROOT, stderr=log
        )
        try:
            yield _ready(f"http://127.0.0.1:{port}", server, home / "gunicorn.log")
        finally:
            server.terminate()
            server.wait(30)


def _ready(address: str, server: "subprocess.Popen[bytes]", log: Path) -> str:
    for _ in range(600):
        assert server.poll() is None, f"gunicorn ended: {log.read_text()[-2000:]}"
        try:
            if httpx.get(f"{address}/health/ready").status_code == 200:
                return address
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"gunicorn did not become ready: {log.read_text()[-2000:]}")


def django(work: Callable[[], T]) -> T:
    """Runs Django's ORM in a thread of its own: Playwright keeps an event loop in this one, which Django refuses."""

    def perform() -> T:
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(perform).result()


@pytest.fixture
def waiting(portal: str, person: Callable[..., User], home: Path) -> list[ReviewRequested]:
    """Ten cases, an agent to decide them, and a trace of one."""
    person("alice", "agent", "acme")
    first, *others = desk_of(clock.now())
    requests = [first.model_copy(update={"trace_id": uuid4().hex}), *others]
    for request in requests:
        arrivals.open_case(request)
    write_trace(home, requests[0].trace_id)
    return requests


@pytest.fixture
def page(waiting: list[ReviewRequested], address: str, browser: Browser) -> Iterator[Page]:
    """A page on which nothing may fail: no error in the console, nothing that the content policy stopped."""
    context = browser.new_context(base_url=address, viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(20_000)
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    # A refused decision is a page with status 409 or 422, which the console reports as well.
    assert [text for text in complaints if "status of 409" not in text and "status of 422" not in text] == []


def log_in(page: Page, name: str = "alice") -> None:
    """Through the form, as people do."""
    page.goto("/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("link", name="Start with the most urgent")).to_be_visible()


def picture(page: Page, name: str, **options: Any) -> None:
    """Keeps a picture of the page."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", **options)


def decided(case_id: UUID) -> dict[str, Any]:
    """The case in the database."""
    return dict(django(lambda: Case.objects.values().get(pk=case_id)))


def test_a_wrong_password_does_not_log_in(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Name").fill("alice")
    page.get_by_label("Password").fill("guess")
    page.get_by_role("button", name="Log in").click()

    expect(page.get_by_role("alert")).to_contain_text("do not go together")
    picture(page, "login")


def test_approving_with_the_keyboard(page: Page, waiting: list[ReviewRequested]) -> None:
    log_in(page)
    picture(page, "queue")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator("a[data-case]").first).to_be_focused()
    page.goto(f"/cases/{waiting[0].case_id}")

    page.locator(".ref", has_text="2").click()
    expect(page.locator(".passage.lit mark").first).to_contain_text("letsencrypt.org")
    picture(page, "case")
    page.keyboard.press("a")
    page.keyboard.press("Enter")

    expect(page.get_by_role("status")).to_contain_text("Approved")
    case = decided(waiting[0].case_id)
    assert (case["status"], case["action"], case["decided_by"]) == ("decided", "approve", "alice")
    assert case["final_text"] == waiting[0].draft.text
    assert django(Outbox.objects.count) == 1
    assert page.url.endswith(str(waiting[1].case_id)), "the most urgent case comes next"


def test_editing(page: Page, waiting: list[ReviewRequested]) -> None:
    log_in(page)
    page.goto(f"/cases/{waiting[0].case_id}")
    page.keyboard.press("e")
    answer = page.get_by_label("Your answer")
    expect(answer).to_have_value(waiting[0].draft.text)
    answer.fill("Write to [EMAIL_9].")
    page.keyboard.press("Control+Enter")

    expect(page.get_by_role("alert")).to_contain_text("The ticket has no [EMAIL_9]")
    expect(page.get_by_label("Your answer")).to_have_value("Write to [EMAIL_9].")
    picture(page, "edit")
    page.get_by_label("Your answer").fill("Hello [NAME_1],\nyour CAA record must allow letsencrypt.org.")
    page.get_by_role("button", name="Send this answer").click()

    expect(page.get_by_role("status")).to_contain_text("Sent with your edits")
    case = decided(waiting[0].case_id)
    assert (case["action"], case["final_text"]) == (
        "edit",
        "Hello [NAME_1],\nyour CAA record must allow letsencrypt.org.",
    )


def test_rejecting_with_a_reason(page: Page, waiting: list[ReviewRequested]) -> None:
    log_in(page)
    page.goto(f"/cases/{waiting[0].case_id}")
    page.keyboard.press("r")
    page.get_by_label("Why is the draft rejected?").select_option("unsupported")
    page.locator("#reject-note").fill("Ten minutes are nowhere promised.")
    picture(page, "reject")
    page.get_by_role("button", name="Reject the draft").click()

    expect(page.get_by_role("status")).to_contain_text("Rejected")
    case = decided(waiting[0].case_id)
    assert (case["action"], case["reason_code"], case["final_text"]) == ("reject", "unsupported", "")
    page.goto("/history")
    expect(page.locator("a[data-case]")).to_have_count(1)
    picture(page, "history")


def test_two_people_on_one_case(
    page: Page, waiting: list[ReviewRequested], browser: Browser, address: str, person: Callable[..., User]
) -> None:
    django(lambda: person("lea", "lead", "acme"))
    case = f"/cases/{waiting[0].case_id}"
    log_in(page)
    page.goto(case)
    with browser.new_context(base_url=address, viewport={"width": 1280, "height": 800}) as other:
        lead = other.new_page()
        log_in(lead, "lea")
        lead.goto(case)
        expect(lead.get_by_text("alice has this case open")).to_be_visible()
        expect(lead.get_by_role("button", name="Approve")).to_have_count(0)
        picture(lead, "taken")
        lead.get_by_role("button", name="Take over").click()
        lead.get_by_role("button", name="Approve").click()
        expect(lead.get_by_role("status")).to_contain_text("Approved")

    page.keyboard.press("e")
    page.get_by_label("Your answer").fill("My own words")
    with page.expect_response(lambda response: response.status == 409):
        page.get_by_role("button", name="Send this answer").click()

    expect(page.get_by_role("heading", name="lea has decided this case")).to_be_visible()
    expect(page.get_by_label("Your text")).to_have_value("My own words")
    picture(page, "moved-on")
    assert decided(waiting[0].case_id)["decided_by"] == "lea"
    assert django(Outbox.objects.count) == 1


def test_handing_on(page: Page, waiting: list[ReviewRequested]) -> None:
    log_in(page)
    page.goto(f"/cases/{waiting[0].case_id}")
    page.keyboard.press("h")
    page.get_by_label("Hand on to").select_option("security")
    page.get_by_role("button", name="Hand on", exact=True).click()

    expect(page.get_by_role("status")).to_contain_text("Handed on")
    case = decided(waiting[0].case_id)
    assert (case["status"], case["queue"], case["handed_on_by"]) == ("pending", "security", "alice")


def test_the_list_refreshes_by_itself(page: Page, waiting: list[ReviewRequested]) -> None:
    log_in(page)
    expect(page.locator("a[data-case]")).to_have_count(10)

    django(lambda: Case.objects.filter(pk=waiting[0].case_id).update(status="superseded"))

    expect(page.locator("a[data-case]")).to_have_count(9, timeout=30_000)
    page.get_by_label("Queue").select_option("billing")
    expect(page.locator("a[data-case]")).to_have_count(2)
    assert "queue=billing" in page.url


def test_the_trace_and_narrow_screens(page: Page, waiting: list[ReviewRequested]) -> None:
    log_in(page)
    page.goto(f"/cases/{waiting[0].case_id}")
    page.get_by_role("link", name="Trace").click()
    expect(page.locator(".waterfall tr").first).to_be_visible()
    picture(page, "trace")

    page.set_viewport_size({"width": 390, "height": 844})
    for name, path in (("queue", "/"), ("case", f"/cases/{waiting[0].case_id}"), ("trace", page.url)):
        page.goto(path)
        width = page.evaluate("document.documentElement.scrollWidth")
        picture(page, f"{name}-390", full_page=True)
        assert width <= 390, f"{name} scrolls sideways"
