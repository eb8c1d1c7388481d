"""The OpenAPI document of intake's HTTP edge, as its application describes itself."""

from typing import Any, cast

from services.intake.app import build_app
from services.intake.ports import Ledger, Pseudonyms
from services.intake.settings import IntakeSettings


def intake_openapi() -> dict[str, Any]:
    """The document of the webhooks. The application is built without tenants or storage, and takes no request."""
    app = build_app({}, cast("Ledger", None), cast("Pseudonyms", None), IntakeSettings())
    return app.openapi()
