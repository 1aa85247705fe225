"""A passkey is added and then signs in by itself; the browser's own virtual authenticator holds it."""

from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group, User
from playwright.sync_api import Page

PASSWORD = "seven green kettles sing"
KEY_OF_A_LAPTOP = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def laptop(stage) -> Page:
    """A browser with a platform authenticator, at a name: browsers give no passkey to a bare address."""
    page = stage.page(base_url=stage.base.replace("127.0.0.1", "localhost"))
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": KEY_OF_A_LAPTOP})
    return page


def use_passkey(page: Page) -> None:
    page.context.clear_cookies()
    page.goto("/admin/login/")
    page.get_by_role("button", name="Use a passkey").click()


def test_a_passkey_is_added_and_signs_in_by_itself_where_a_password_alone_does_not(laptop, settings):
    settings.MFA_REQUIRED = True
    user = User.objects.create_user("passkey1", password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name="supervisor"))
    page = laptop
    page.goto("/admin/login/")
    page.fill("[name=username]", user.username)
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/admin/account/2fa/")
    page.goto("/admin/account/2fa/webauthn/add/")
    page.fill("[name=password]", PASSWORD)  # changing a factor asks for the password again
    page.get_by_role("button", name="Confirm").click()
    page.fill("[name=name]", "Laptop")
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Add").click()
    page.wait_for_url(lambda url: "/webauthn/add/" not in url)
    key = Authenticator.objects.get(user=user, type="webauthn").wrap()
    assert (key.name, key.is_passwordless) == ("Laptop", True)
    use_passkey(page)
    page.wait_for_url("**/admin/")
    assert page.get_by_role("link", name="Leads").count() > 0
    User.objects.filter(pk=user.pk).update(is_staff=False)
    use_passkey(page)
    page.wait_for_url("**/admin/account/inactive/")
    page.close()
