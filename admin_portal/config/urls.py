"""Every page of the portal."""

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import path

from admin_portal.review.views import case, history, login, queue, trace

urlpatterns = [
    path("", queue.show, name="queue"),
    path("next", queue.next_case, name="next"),
    path("cases/<uuid:case_id>", case.show, name="case"),
    path("cases/<uuid:case_id>/decision", case.decide, name="decide"),
    path("cases/<uuid:case_id>/claim", case.claim, name="claim"),
    path("cases/<uuid:case_id>/release", case.release, name="release"),
    path("cases/<uuid:case_id>/trace", trace.show, name="trace"),
    path("history", history.show, name="history"),
    path("login", login.PortalLoginView.as_view(), name="login"),
    path("logout", LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
]
