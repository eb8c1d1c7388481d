"""What gunicorn serves: `gunicorn admin_portal.config.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "admin_portal.config.settings")
application = get_wsgi_application()

from django.conf import settings  # noqa: E402

from shared.logs import setup_logs  # noqa: E402
from shared.telemetry import setup_telemetry  # noqa: E402

setup_logs("admin_portal", os.environ.get("HANDRAIL_LOG_LEVEL", "INFO"))
setup_telemetry("admin_portal", settings.HANDRAIL_HOME)
