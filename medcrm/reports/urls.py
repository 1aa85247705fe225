from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from medcrm.reports import views

app_name = "reports"
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="reports:report"), {"slug": "funnel"}, name="home"),
    path("rules/propose/", admin.site.admin_view(views.propose), name="propose"),
    path("<slug:slug>/", admin.site.admin_view(views.report), name="report"),
]
