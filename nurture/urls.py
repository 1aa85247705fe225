"""The public pages and the providers' hooks; included at the root."""

from __future__ import annotations

from django.urls import path

from nurture import public, webhooks

app_name = "nurture"
urlpatterns = [
    path("f/<str:source>/", public.ask, name="form"),
    path("f/<str:source>/thanks/<str:wish>/", public.thank, name="thanks"),
    path("u/<str:token>/", public.unsubscribe, name="unsubscribe"),
    path("p/<str:token>/", public.choose, name="preferences"),
    path("hooks/mail/<path:hook>", webhooks.mail, name="mail-hook"),
    path("hooks/twilio/inbound/", webhooks.twilio_inbound, name="twilio-inbound"),
    path("hooks/twilio/status/<int:attempt_id>/", webhooks.twilio_status, name="twilio-status"),
]
