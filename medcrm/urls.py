from allauth.account.views import login
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from medcrm import health, sign_in

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/reports/", include("medcrm.reports.urls")),
    # The admin's own names for signing in, out and changing a password lead to the pages that know second factors.
    path("admin/login/", login, name="login"),
    path("admin/password_change/", RedirectView.as_view(pattern_name="account_change_password")),
    path("admin/account/", include(sign_in.urlpatterns)),
    path("admin/", include("medcrm.workspace.urls")),
    path("admin/", admin.site.urls),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", health.metrics),
    path("api/v1/", include("medcrm.api.urls")),
    path("", include("nurture.urls")),
]

handler404 = "medcrm.api.errors.not_found"
