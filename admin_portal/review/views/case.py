"""The case page and what can be done there."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from admin_portal.review import claims
from admin_portal.review.access import Reader, cases_of
from admin_portal.review.decisions import REASONS, CaseMovedOn, DecisionInvalid
from admin_portal.review.decisions import decide as record
from admin_portal.review.forms import DecisionForm
from admin_portal.review.models import Case, Status
from admin_portal.review.page import case_page
from admin_portal.review.queues import queue_titles
from shared import clock

DONE = {"approve": "Approved", "edit": "Sent with your edits", "reject": "Rejected", "reassign": "Handed on"}


@require_GET
def show(request: Reader, case_id: UUID) -> HttpResponse:
    """The page; opening a waiting case claims it for the reader."""
    claims.claim(request.user, case_id, clock.now())
    return _page(request, case_id)


@require_POST
def decide(request: Reader, case_id: UUID) -> HttpResponse:
    """Records the decision and goes on to the next case; 409 where somebody was quicker, 422 where it is incomplete."""
    form = DecisionForm(request.POST)
    if not form.is_valid():
        problem = f"This could not be read: {', '.join(form.errors)}."
        return _page(request, case_id, problem=problem, status=422)
    verdict = form.verdict()
    try:
        event = record(request.user, case_id, version=form.cleaned_data["version"], verdict=verdict, now=clock.now())
    except Case.DoesNotExist as error:
        raise Http404 from error
    except DecisionInvalid as error:
        return _page(request, case_id, problem=str(error), verdict=verdict, status=422)
    except CaseMovedOn as error:
        context = {"case": error.case, "holder": error.case.held_by(clock.now()), "text": verdict.text, "done": DONE}
        return render(request, "review/moved_on.html", context, status=409)
    messages.success(request, DONE[event.decision.action], extra_tags=reverse("case", args=[case_id]))
    return redirect("next")


@require_POST
def claim(request: Reader, case_id: UUID) -> HttpResponse:
    """Prolongs the claim (htmx), or takes the case over from whoever has it (leads)."""
    take_over = "take_over" in request.POST
    claims.claim(request.user, case_id, clock.now(), take_over=take_over)
    if take_over:
        return redirect("case", case_id)
    case = _visible(request, case_id)
    return render(request, "review/_claim.html", {"case": case, "holder": case.held_by(clock.now())})


@require_POST
def release(request: Reader, case_id: UUID) -> HttpResponse:
    """Leaves the case to others and goes on to the next one."""
    claims.release(request.user, case_id)
    return redirect(f"{reverse('next')}?after={case_id}")


def _visible(request: Reader, case_id: UUID) -> Case:
    return get_object_or_404(cases_of(request.user).select_related("claimed_by"), pk=case_id)


def _page(request: Reader, case_id: UUID, *, problem: str = "", verdict: Any = None, status: int = 200) -> HttpResponse:
    case = _visible(request, case_id)
    now = clock.now()
    holder = case.held_by(now)
    context = {
        "case": case,
        "page": case_page(case.request),
        "holder": holder,
        "may_decide": case.status == Status.PENDING and holder in {None, request.user},
        "queues": {queue: title for queue, title in queue_titles(case.tenant).items() if queue != case.queue},
        "reasons": REASONS,
        "reason": REASONS.get(case.reason_code, case.reason_code),
        "done": DONE.get(case.action, ""),
        "problem": problem,
        "verdict": verdict,
        "now": now,
    }
    return render(request, "review/case.html", context, status=status)
