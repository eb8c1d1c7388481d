"""The trace of a case."""

from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET

from admin_portal.review.access import Reader, cases_of
from admin_portal.review.waterfall import colours_of, waterfall
from shared.trace_files import read_trace


@require_GET
def show(request: Reader, case_id: UUID) -> HttpResponse:
    """The waterfall from the files on this machine, or a redirect to where HANDRAIL_TRACE_URL_TEMPLATE points."""
    case = get_object_or_404(cases_of(request.user).defer("payload"), pk=case_id)
    if settings.TRACE_URL_TEMPLATE and case.trace_id:
        return redirect(settings.TRACE_URL_TEMPLATE.replace("{trace_id}", case.trace_id))
    spans = read_trace(settings.HANDRAIL_HOME, case.trace_id) if case.trace_id else []
    parts = waterfall(spans)
    context = {"case": case, "parts": parts, "spans": len(spans), "colours": colours_of(spans)}
    return render(request, "review/trace.html", context)
