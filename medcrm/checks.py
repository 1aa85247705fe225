"""What would an operator notice too late? Asked by “manage.py check --deploy”."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register

LOCAL = ("localhost", "127.0.0.1", "::1", None)


@register(Tags.urls, deploy=True)
def public_url(**kwargs: object) -> list[CheckMessage]:
    """Links in mail and texts lead to PUBLIC_URL: on this machine they would lead nowhere."""
    found = urlsplit(settings.PUBLIC_URL)
    if found.scheme == "https" and found.hostname not in LOCAL:
        return []
    hint = "Set PUBLIC_URL to where people reach the public pages, e.g. https://crm.example.org"
    return [Warning(f"Links to unsubscribe would lead to {settings.PUBLIC_URL}.", hint=hint, id="medcrm.W001")]
