"""Answers the probes of an orchestrator."""

from collections.abc import Callable

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse

Handler = Callable[[HttpRequest], HttpResponse]


def answer_probes(get_response: Handler) -> Handler:
    """Middleware that answers `/health/live` and `/health/ready` without session, host name or log-in."""

    def handle(request: HttpRequest) -> HttpResponse:
        if request.path == "/health/live":
            return JsonResponse({"status": "live"})
        if request.path == "/health/ready":
            return _ready()
        return get_response(request)

    return handle


def _ready() -> HttpResponse:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM review_case LIMIT 1")
    except DatabaseError as error:
        return JsonResponse({"status": "not ready", "problems": [f"database: {type(error).__name__}"]}, status=503)
    return JsonResponse({"status": "ready", "problems": []})
