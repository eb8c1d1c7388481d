"""The queue: what waits, most urgent first."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_GET

from admin_portal.review.access import Reader, cases_of
from admin_portal.review.claims import free_for
from admin_portal.review.forms import FilterForm
from admin_portal.review.models import Case, Status
from shared import clock

PAGE_SIZE = 50
CHOICES_MAX = 200
MOST_URGENT_FIRST = ("due_at", "priority_rank", "case_id")


@require_GET
def show(request: Reader) -> HttpResponse:
    """The page, or for htmx only its list."""
    now = clock.now()
    filters = FilterForm(request.GET).chosen()
    if request.session.get("filters") != filters:  # The list asks every ten seconds; that must not write each time.
        request.session["filters"] = filters
    waiting = cases_of(request.user).filter(status=Status.PENDING)
    chosen = _filtered(waiting, filters, request.user, now).order_by(*MOST_URGENT_FIRST)
    page = Paginator(chosen.defer("payload").select_related("claimed_by"), PAGE_SIZE).get_page(request.GET.get("page"))
    context: dict[str, Any] = {
        "page": page,
        "counts": _counts(waiting, request.user, now),
        "filters": filters,
        "query": urlencode({name: "on" if value is True else value for name, value in filters.items()}),
        "now": now,
    }
    refreshes = bool(request.htmx)  # type: ignore[attr-defined]
    if not refreshes:
        context["choices"] = {name: _choices(waiting, name) for name in ("tenant", "queue", "intent")}
    response = render(request, "review/_cases.html" if refreshes else "review/queue.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response


@require_GET
def next_case(request: Reader) -> HttpResponse:
    """Redirects to the most urgent case that nobody has open, within the filters last chosen.

    With `after`, to the one that follows that case, so that a case can be left for others.
    """
    now = clock.now()
    waiting = cases_of(request.user).filter(status=Status.PENDING).filter(free_for(request.user, now))
    waiting = _filtered(waiting, request.session.get("filters", {}), request.user, now).order_by(*MOST_URGENT_FIRST)
    following = _after(waiting, request.GET.get("after", "")).values_list("pk", flat=True).first()
    if following is None:
        messages.success(request, "Nothing else waits here.")
        return redirect("queue")
    return redirect("case", following)


def _filtered(cases: QuerySet[Case], filters: dict[str, Any], user: User, now: datetime) -> QuerySet[Case]:
    equal = {name: filters[name] for name in ("tenant", "queue", "kind", "intent") if filters.get(name)}
    cases = cases.filter(**equal)
    return cases.filter(claimed_by=user, claimed_until__gt=now) if filters.get("mine") else cases


def _after(cases: QuerySet[Case], case_id: str) -> QuerySet[Case]:
    try:
        left = Case.objects.only(*MOST_URGENT_FIRST).get(pk=UUID(case_id))
    except (ValueError, Case.DoesNotExist):
        return cases
    later = Q(due_at__gt=left.due_at) | Q(due_at=left.due_at, priority_rank__gt=left.priority_rank)
    later |= Q(due_at=left.due_at, priority_rank=left.priority_rank, case_id__gt=left.case_id)
    return cases.filter(later)


def _counts(waiting: QuerySet[Case], user: User, now: datetime) -> dict[str, int]:
    counts: dict[str, int] = waiting.aggregate(
        waiting=Count("pk"),
        overdue=Count("pk", filter=Q(due_at__lt=now)),
        soon=Count("pk", filter=Q(due_at__gte=now, due_at__lt=now + timedelta(hours=1))),
        mine=Count("pk", filter=Q(claimed_by=user, claimed_until__gt=now)),
    )
    return counts


def _choices(waiting: QuerySet[Case], name: str) -> list[str]:
    values = waiting.exclude(**{name: ""}).values_list(name, flat=True).distinct().order_by(name)
    return list(values[:CHOICES_MAX])
