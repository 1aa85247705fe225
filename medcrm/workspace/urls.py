"""Pages of the workspace, inside the admin: the same sign-in, sidebar and theme."""

from django.contrib import admin
from django.urls import path

from medcrm.workspace import entry_views, views

app_name = "workspace"


def inside(view):
    return admin.site.admin_view(view)


urlpatterns = [
    path("search/", inside(views.search), name="search"),
    path("work/", inside(views.my_work), name="my_work"),
    path("work/next/", inside(views.call_next), name="call_next"),
    path("new-lead/", inside(entry_views.new_lead), name="new_lead"),
    path("new-lead/known/", inside(entry_views.known_leads), name="known_leads"),
    path("work/views/", inside(views.save_view), name="save_view"),
    path("work/views/<int:pk>/drop/", inside(views.drop_view), name="drop_view"),
    path("work/<int:pk>/", inside(views.lead), name="lead"),
    path("work/<int:pk>/draft/", inside(views.draft), name="draft"),
    path("work/<int:pk>/call/", inside(views.call), name="call"),
    path("work/<int:pk>/called-us/", inside(views.called_us), name="called_us"),
    path("work/<int:pk>/answer/", inside(views.answer), name="answer"),
    path("work/<int:pk>/write/<str:medium>/", inside(views.write), name="write"),
    path("work/<int:pk>/record/", inside(views.record), name="record"),
]
