"""Django's settings, all from `HANDRAIL_…` environment variables.

Importing this needs no variable, so that type checkers can; using a missing secret key fails with Django's own words.
"""

import os
from pathlib import Path
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict

SCHEMA = "portal"
_STATEMENT_TIMEOUT_SECONDS = 15


def database_settings(url: str) -> dict[str, object]:
    """Django's settings of the database at `url` (`postgresql://…`), with the portal's tables in its own schema."""
    known = conninfo_to_dict("postgresql://" + url.split("://", 1)[1])
    options = f"-c search_path={SCHEMA} -c statement_timeout={_STATEMENT_TIMEOUT_SECONDS}s"
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": known.pop("dbname", "handrail"),
        "USER": known.pop("user", ""),
        "PASSWORD": known.pop("password", ""),
        "HOST": known.pop("host", ""),
        "PORT": known.pop("port", ""),
        "OPTIONS": {**known, "options": options, "connect_timeout": 5, "application_name": "handrail-portal"},
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
    }


def _listed(name: str, default: str = "") -> list[str]:
    return [item.strip() for item in os.environ.get(name, default).split(",") if item.strip()]


DEBUG = False
SECRET_KEY = os.environ.get("HANDRAIL_SECRET_KEY", "")
ALLOWED_HOSTS = _listed("HANDRAIL_PORTAL_ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]")
DATABASES = {
    "default": database_settings(
        os.environ.get("HANDRAIL_DATABASE_URL", "postgresql://postgres@127.0.0.1:15432/handrail")
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "admin_portal.review.apps.PortalAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "csp",
    "admin_portal.review",
]
MIDDLEWARE = [
    # Before all that asks for the host name: probes come by IP address.
    "admin_portal.config.health.answer_probes",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "admin_portal.config.urls"
WSGI_APPLICATION = "admin_portal.config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "admin_portal.review.access.role_in_templates",
            ],
            "builtins": ["admin_portal.review.templatetags.desk"],
        },
    }
]

LANGUAGE_CODE = "en"
USE_TZ = True
TIME_ZONE = "UTC"

# Served from the packages themselves: nothing has to be collected before the first start.
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 300

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "queue"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_HTTPONLY = True
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# Behind a proxy that ends TLS, HANDRAIL_PORTAL_URL is the address people see; the proxy must set X-Forwarded-Proto.
PUBLIC_URL = os.environ.get("HANDRAIL_PORTAL_URL", "")
BEHIND_TLS_PROXY = PUBLIC_URL.startswith("https://")
CSRF_TRUSTED_ORIGINS = ["https://" + urlsplit(PUBLIC_URL).netloc] if BEHIND_TLS_PROXY else []
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS_PROXY
SECURE_HSTS_SECONDS = 30 * 24 * 3600 if BEHIND_TLS_PROXY else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS_PROXY else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    }
}
# An edited answer may hold 200 000 characters of up to four bytes.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 100

LOGGING_CONFIG = None  # `shared.logs` writes JSON for the whole process.

HANDRAIL_HOME = Path(os.environ.get("HANDRAIL_HOME", "var"))
TENANTS_FILE = Path(os.environ.get("HANDRAIL_TENANTS_FILE", "var/tenants.yaml"))
TRACE_URL_TEMPLATE = os.environ.get("HANDRAIL_TRACE_URL_TEMPLATE", "")
