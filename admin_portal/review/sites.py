"""Django's admin site, for the role admin alone and behind the portal's own log-in."""

from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from admin_portal.review.access import Role, role_of


class PortalAdminSite(AdminSite):
    """Users and memberships."""

    site_header = site_title = "Handrail administration"
    site_url = "/"

    def has_permission(self, request: HttpRequest) -> bool:
        """True for admins."""
        return role_of(request.user) >= Role.ADMIN

    def login(self, request: HttpRequest, extra_context: dict[str, object] | None = None) -> HttpResponse:
        """Sends strangers to the portal's log-in, which limits attempts; refuses others.

        Raises:
            PermissionDenied: the user is logged in but no admin.
        """
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(request.GET.get("next", "/admin/"))
