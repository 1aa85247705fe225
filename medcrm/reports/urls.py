from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from medcrm.reports import views, what_if

app_name = "reports"
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="reports:report"), {"slug": "funnel"}, name="home"),
    path("rules/propose/", admin.site.admin_view(views.propose), name="propose"),
    path("rules/review/", admin.site.admin_view(views.review), name="review"),
    path("what-if/", admin.site.admin_view(what_if.what_if), name="what_if"),
    path("what-if/<int:pk>/", admin.site.admin_view(what_if.what_if), name="what_if_result"),
    path("<slug:slug>/", admin.site.admin_view(views.report), name="report"),
]
