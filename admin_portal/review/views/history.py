"""What was decided, newest first."""

from datetime import timedelta

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from admin_portal.review.access import Reader, cases_of
from admin_portal.review.models import Status
from shared import clock

PAGE_SIZE = 50
DAYS = 30
CASES_MAX = 2000


@require_GET
def show(request: Reader) -> HttpResponse:
    """The decided cases of the last 30 days, at most 2000."""
    decided = (
        cases_of(request.user)
        .filter(status=Status.DECIDED, decided_at__gt=clock.now() - timedelta(days=DAYS))
        .defer("payload", "final_text")
        .order_by("-decided_at")
    )
    mine = "mine" in request.GET
    if mine:
        decided = decided.filter(decided_by=request.user.get_username())
    page = Paginator(decided[:CASES_MAX], PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"page": page, "mine": mine, "query": "mine=on" if mine else "", "days": DAYS}
    return render(request, "review/history.html", context)
