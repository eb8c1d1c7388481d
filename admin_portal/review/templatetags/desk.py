"""Filters of the review desk."""

from datetime import datetime

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from admin_portal.review.rendering import plain_html
from admin_portal.review.words import due_words
from shared import clock

register = template.Library()


@register.filter
def chips(text: str) -> SafeString:
    """The text, escaped, with its tokens as chips."""
    return plain_html(text)


@register.filter
def percent(probability: float) -> str:
    """A probability as whole percent."""
    return f"{round(100 * probability)} %"


@register.filter
def label(identifier: str) -> str:
    """An identifier such as `dns_records` as words."""
    return str(identifier).replace("_", " ").replace("-", " ")


@register.filter
def due(due_at: datetime) -> SafeString:
    """A clock that counts down to `due_at`, which the page keeps going."""
    now = clock.now()
    minutes = (due_at - now).total_seconds() / 60
    urgency = "late" if minutes < 0 else "soon" if minutes < 60 else "calm"
    return format_html(
        '<time class="due {}" datetime="{}" data-due>{}</time>', urgency, due_at.isoformat(), due_words(due_at, now)
    )


@register.filter
def milliseconds(seconds: float) -> str:
    """A duration in the unit in which it is read best."""
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 1:
        return f"{seconds * 1e3:.1f} ms" if seconds < 0.1 else f"{seconds * 1e3:.0f} ms"
    return f"{seconds:.2f} s" if seconds < 60 else f"{seconds / 60:.1f} min"
