"""How do people come in? Passwords with a second factor, passkeys, or single sign-on; nobody by himself.

An administrator makes the login (or the identity provider vouches for its e-mail address); allauth does the rest.
"""

from __future__ import annotations

import logging
from smtplib import SMTPException
from urllib.parse import urlencode

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.forms import LoginForm as AllauthLoginForm
from allauth.account.internal.flows.login import get_authentication_records
from allauth.core import context
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authentication_failed
from allauth.mfa.utils import is_mfa_enabled
from allauth.mfa.webauthn.forms import AuthenticateWebAuthnForm, LoginWebAuthnForm, ReauthenticateWebAuthnForm
from allauth.mfa.webauthn.internal.auth import extract_user_from_response
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.signals import user_login_failed
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.templatetags.static import static
from django.urls import include, path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST
from django.views.generic import RedirectView

from audit import log
from medcrm.lib import reading

logger = logging.getLogger(__name__)

SEEN, SINCE = "seen_at", "signed_in_at"  # kept in the session, read by medcrm.middleware.idle_limit
STRONG = ("mfa", "socialaccount")  # the identity provider asks for the second factor itself


class Accounts(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def pre_login(self, request: HttpRequest, user: AbstractBaseUser, **kwargs: object) -> HttpResponse | None:
        """Let only staff in, whichever way they proved who they are."""
        # Django itself tells of the password of a login that is switched off.
        is_told = not user.is_active and _typed_password(request, user)
        shut = HttpResponseRedirect(reverse("account_inactive"))
        answer = super().pre_login(request, user, **kwargs) if user.is_staff else shut
        if answer is not None and not is_told:
            _tell_refusal(request, user.get_username())
        return answer

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("admin:login")

    def send_mail(self, template_prefix: str, email: str, context: dict) -> None:
        """Send, and only log when no mail server takes it: the page's answer must not tell whether a login exists."""
        try:
            super().send_mail(template_prefix, email, context)
        except (OSError, SMTPException) as error:
            logger.error("account_mail_failed", extra={"template": template_prefix, "error": type(error).__name__})


class SingleSignOn(DefaultSocialAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest, sociallogin: object) -> bool:
        return False


class LoginForm(AllauthLoginForm):
    """The name of the box is “username”, as in every Django admin, so that password managers and scripts find it."""

    def add_prefix(self, field_name: str) -> str:
        return super().add_prefix("username" if field_name == "login" else field_name)


def _typed_password(request: HttpRequest, user: AbstractBaseUser) -> bool:
    return any(record["method"] == "password" for record in get_authentication_records(request, user))


def _tell_refusal(request: HttpRequest, name: str) -> None:
    """Say that somebody was not let in under this name, as Django says it of a wrong password (audit.receivers)."""
    user_login_failed.send(sender=__name__, credentials={"username": name}, request=request)


class KeyRefusals:
    """A key that is refused is told of as a wrong password and a wrong code are."""

    def clean(self) -> dict[str, object]:
        if self.has_error("credential"):
            self.tell_refusal()
        return super().clean()


class PasskeyForm(KeyRefusals, LoginWebAuthnForm):
    """Signs in by itself: its refusal is told under the name that the key claims, which nothing has proved."""

    def tell_refusal(self) -> None:
        try:
            said = self.fields["credential"].bound_data(self["credential"].data, None)
            name = extract_user_from_response(said).get_username()
        except (ValidationError, AttributeError):
            name = ""
        _tell_refusal(context.request, name)


class SecondKeyForm(KeyRefusals, AuthenticateWebAuthnForm):
    """The second factor of somebody whose password is proved."""

    def tell_refusal(self) -> None:
        told = {"request": context.request, "user": self.user, "reauthentication": self.reauthenticated}
        authentication_failed.send(sender=Authenticator, authenticator=None, **told)


class ConfirmingKeyForm(SecondKeyForm, ReauthenticateWebAuthnForm):
    """The same, of somebody who is inside and changes what they sign in with."""


def has_second_factor(request: HttpRequest) -> bool:
    """Whether this session proved more than a password, or has just been given a second factor."""
    if any(record["method"] in STRONG for record in get_authentication_records(request, request.user)):
        return True
    return is_mfa_enabled(request.user)


def note_sign_in(request: HttpRequest, **kwargs: object) -> None:
    """Start the clocks of a session (receiver of user_logged_in)."""
    request.session[SINCE] = request.session[SEEN] = timezone.now().timestamp()


def account_links(request: HttpRequest) -> list[dict[str, str]]:
    """The reader's own pages in the account menu."""
    pages = [
        (_("Password"), "account_change_password"),
        (_("Second factor and passkeys"), "mfa_index"),
        (_("Where I am signed in"), "usersessions_list"),
    ]
    return [{"title": str(title), "link": reverse(name)} for title, name in pages]


@require_http_methods(["GET", "POST"])
def idle(request: HttpRequest) -> HttpResponse:
    """Say how long the session lasts without a sign of its person; a POST is that sign (idle_limit)."""
    if not request.user.is_authenticated:
        return JsonResponse({"left": 0}, status=401)
    left = request.session[SEEN] + settings.SESSION_COOKIE_AGE - timezone.now().timestamp()
    words = {
        "title": _("You are about to be signed out"),
        "text": _("Nobody has used this page for a while. What is not saved yet would be lost. Time left:"),
        "kept": _("Nobody has used this page for a while. What you typed is saved as a draft. Time left:"),
        "stay": _("Stay signed in"),
        "leave": _("Sign out now"),
    }
    return JsonResponse({"left": int(left), "warns": settings.IDLE_WARNING, **words})


@require_POST
def printed(request: HttpRequest) -> HttpResponse:
    """Note that the browser prints a page; it shows whom it showed when it was opened."""
    page = request.POST.get("path", "")[:200]
    if not request.user.is_authenticated:
        return HttpResponse(status=401)
    shown = log.shown_on(page, request.user)
    subjects = shown.subjects if shown else []
    reading.note(request, "print", shown.model if shown else "", subjects, query=page)
    return HttpResponse(status=204)


def idle_script(request: HttpRequest) -> str:
    """The script that warns before the session ends; without a person it gets no limits and does nothing."""
    script = static("medcrm/idle.js")
    if not request.user.is_authenticated:
        return script
    told = {"ends": settings.SESSION_COOKIE_AGE, "warns": settings.IDLE_WARNING, "login": reverse("admin:login")}
    told |= {"idle": reverse("idle"), "printed": reverse("printed")}
    return f"{script}?{urlencode(told)}"


def admin_look(request: HttpRequest) -> dict[str, object]:
    """What the theme's layout needs on the pages of allauth; the admin's own bring it themselves."""
    match = request.resolver_match
    if match is None or not match.func.__module__.startswith("allauth."):
        return {}
    is_inside = request.user.is_authenticated
    needs = settings.MFA_REQUIRED and is_inside and not has_second_factor(request)
    return {**admin.site.each_context(request), "needs_second_factor": needs}


urlpatterns = [
    path("idle/", idle, name="idle"),
    path("printed/", printed, name="printed"),
    # Only an administrator changes an e-mail address: it is where a password is reset.
    path("email/", RedirectView.as_view(pattern_name="admin:index")),
    path("signup/", RedirectView.as_view(pattern_name="admin:login")),
    path("", include("allauth.urls")),
]
