from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/reports/", include("medcrm.reports.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("medcrm.api")),
    path("", include("nurture.urls")),
]
