"""The log-in page."""

from django.contrib.auth.views import LoginView

from admin_portal.review.forms import LoginForm


class PortalLoginView(LoginView):
    """Logs in with a limit on failures."""

    authentication_form = LoginForm
    template_name = "review/login.html"
    redirect_authenticated_user = True
