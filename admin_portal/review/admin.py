"""What admins manage: which users see which tenants."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User

from admin_portal.review.models import Membership


class MembershipInline(admin.TabularInline):  # type: ignore[type-arg]
    """A user's tenants, on the user's page."""

    model = Membership
    extra = 1


class PortalUserAdmin(UserAdmin):  # type: ignore[type-arg]
    """Users with their role (group) and tenants."""

    inlines = [MembershipInline]
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Access", {"fields": ("is_active", "groups")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    list_display = ("username", "email", "first_name", "last_name", "is_active")
    list_filter = ("is_active", "groups")


admin.site.unregister(User)
admin.site.unregister(Group)
admin.site.register(User, PortalUserAdmin)
