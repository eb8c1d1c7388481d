"""What browsers send, cleaned."""

from typing import Any, get_args

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError

from admin_portal.review.attempts import address_of, normalised, too_many_failures
from admin_portal.review.decisions import Verdict
from contracts.events import Action
from shared import clock


class DecisionForm(forms.Form):
    """A decision; what its action needs is checked in `decisions.checked`."""

    action = forms.ChoiceField(choices=[(action, action) for action in get_args(Action)])
    version = forms.IntegerField(min_value=1)
    text = forms.CharField(required=False, strip=False, max_length=200_000)
    reason_code = forms.CharField(required=False, max_length=500)
    note = forms.CharField(required=False, max_length=4000)
    queue = forms.CharField(required=False, max_length=500)

    def verdict(self) -> Verdict:
        """The verdict in a valid form."""
        cleaned = {**self.cleaned_data}
        del cleaned["version"]
        return Verdict(**cleaned)


class FilterForm(forms.Form):
    """Which cases of the queue to show."""

    tenant = forms.CharField(required=False, max_length=63)
    queue = forms.CharField(required=False, max_length=500)
    kind = forms.ChoiceField(required=False, choices=[("", ""), ("review", ""), ("specialist", "")])
    intent = forms.CharField(required=False, max_length=500)
    mine = forms.BooleanField(required=False)

    def chosen(self) -> dict[str, Any]:
        """The filters that are set; senseless ones are ignored."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}


class LoginForm(AuthenticationForm):
    """Name and password, with a limit on failures."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": "This name and password do not go together.",
    }

    def clean(self) -> dict[str, Any]:
        """Raises ValidationError after too many failures, whether or not the password is right now."""
        username = normalised(self.cleaned_data.get("username") or "")
        if self.request is not None and too_many_failures(username, address_of(self.request), clock.now()):
            raise ValidationError("Too many failed attempts. Wait 15 minutes and try again.", code="too_many")
        return super().clean()
