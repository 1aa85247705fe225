"""Signing in: second factors, lockout, passwords, how long a session lasts, and what a browser may load."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.contrib.auth.models import Group, User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client
from fido2.utils import websafe_encode

from audit.models import Access

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache")]

PASSWORD = "seven green kettles sing"
LOGIN = "/admin/login/"


@pytest.fixture(autouse=True)
def quick_hashes(settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def ana() -> User:
    """A supervisor."""
    user = User.objects.create_user("ana", password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name="supervisor"))
    return user


@pytest.fixture
def strict(settings) -> None:
    settings.MFA_REQUIRED = True


def sign_in(client: Client, user: User, password: str = PASSWORD):
    return client.post(LOGIN, {"username": user.username, "password": password})


def code(secret: str) -> str:
    counter = next(iter(totp.yield_hotp_counters_from_time()))
    return totp.format_hotp_value(totp.hotp_value(secret, counter))


def enrol(client: Client) -> str:
    client.post("/admin/account/reauthenticate/", {"password": PASSWORD})
    page = client.get("/admin/account/2fa/totp/activate/")
    secret = page.context["form"].secret
    answer = client.post("/admin/account/2fa/totp/activate/", {"code": code(secret)})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/account/2fa/recovery-codes/")
    return secret


def test_a_password_alone_leads_to_the_page_for_a_second_factor_and_nowhere_else(client, ana, strict):
    assert sign_in(client, ana)["Location"] == "/admin/"
    for path in ("/admin/", "/admin/leads/lead/", "/admin/autocomplete/", "/admin/search/?s=x"):
        answer = client.get(path)
        assert (answer.status_code, answer["Location"]) == (302, "/admin/account/2fa/"), path
    assert b"needs a second factor" in client.get("/admin/account/2fa/").content


def test_an_authenticator_app_is_set_up_and_then_asked_for(client, ana, strict):
    sign_in(client, ana)
    secret = enrol(client)
    assert client.get("/admin/").status_code == 200
    client.post("/admin/logout/")
    assert sign_in(client, ana)["Location"].startswith("/admin/account/2fa/authenticate/")
    assert client.get("/admin/").status_code == 302
    wrong = client.post("/admin/account/2fa/authenticate/", {"code": "000000"})
    assert wrong.status_code == 200
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=1)):  # a code is good for one use
        client.post("/admin/account/2fa/authenticate/", {"code": code(secret)})
        assert client.get("/admin/").status_code == 200


def test_a_wrong_second_factor_and_every_change_of_factors_are_on_the_access_log(
    client, ana, strict, django_capture_on_commit_callbacks
):
    sign_in(client, ana)
    with django_capture_on_commit_callbacks(execute=True):
        enrol(client)
    noted = Access.objects.filter(user=ana, action__startswith="factor_")
    assert set(noted.values_list("action", "query")) == {("factor_added", "totp"), ("factor_added", "recovery_codes")}
    client.post("/admin/logout/")
    sign_in(client, ana)
    client.post("/admin/account/2fa/authenticate/", {"code": "000000"})
    refused = Access.objects.get(action="second_factor")
    assert (refused.user, refused.outcome, refused.status) == (ana, "refused", 401)


def key_of(user: User) -> str:
    """What a browser sends for a passkey of this login; nothing was asked of it, so it proves nothing."""
    client_data = {"type": "webauthn.get", "challenge": "AAAA", "origin": "http://testserver"}
    response = {
        "clientDataJSON": websafe_encode(json.dumps(client_data).encode()),
        "authenticatorData": websafe_encode(bytes(37)),
        "signature": websafe_encode(b"none"),
        "userHandle": websafe_encode(user_pk_to_url_str(user).encode()),
    }
    key = websafe_encode(b"key")
    return json.dumps({"id": key, "rawId": key, "type": "public-key", "response": response})


@pytest.mark.parametrize(("credential", "name"), [(key_of, "ana"), (lambda user: "[]", ""), (lambda user: "{", "")])
def test_a_refused_passkey_is_on_the_access_log_like_a_refused_password(client, ana, credential, name):
    sign_in(client, ana, "wrong, wrong and wrong")
    client.post("/admin/account/2fa/webauthn/login/", {"credential": credential(ana)})
    rows = Access.objects.filter(action="sign_in").order_by("pk").values_list("client", "user", "outcome", "status")
    assert list(rows) == [("ana", None, "refused", 401), (name, None, "refused", 401)]


def test_a_refused_key_as_second_factor_is_on_the_access_log_like_a_wrong_code(client, ana, strict):
    sign_in(client, ana)
    enrol(client)
    laptop = Authenticator.objects.create(user=ana, type="webauthn", data={"name": "Laptop", "credential": {}})
    client.post("/admin/account/2fa/webauthn/reauthenticate/", {"credential": key_of(ana)})
    laptop.delete()
    client.post("/admin/logout/")
    sign_in(client, ana)
    client.post("/admin/account/2fa/authenticate/", {"credential": key_of(ana)})
    rows = Access.objects.filter(action="second_factor").values_list("user", "outcome", "status")
    assert list(rows) == [(ana.pk, "refused", 401)] * 2


@pytest.mark.parametrize("shut", [{"is_staff": False}, {"is_active": False}])
def test_who_is_shut_out_though_the_password_was_right_is_on_the_access_log_once(client, ana, shut):
    User.objects.filter(pk=ana.pk).update(**shut)
    assert sign_in(client, ana)["Location"] == "/admin/account/inactive/"
    assert list(Access.objects.values_list("action", "client", "status")) == [("sign_in", "ana", 401)]


def test_a_recovery_code_opens_once(client, ana, strict):
    sign_in(client, ana)
    enrol(client)
    spare = Authenticator.objects.get(user=ana, type="recovery_codes").wrap().get_unused_codes()[0]
    assert spare in client.get("/admin/account/2fa/recovery-codes/").content.decode()
    outcomes = []
    for _ in range(2):
        client.post("/admin/logout/")
        sign_in(client, ana)
        client.post("/admin/account/2fa/authenticate/", {"code": spare})
        outcomes.append(client.get("/admin/").status_code)
    assert outcomes == [200, 302]


def test_five_wrong_passwords_lock_the_login_even_for_the_right_one(client, ana):
    for _ in range(5):
        assert sign_in(client, ana, "wrong, wrong and wrong").status_code == 200
    assert sign_in(client, ana).status_code == 200
    assert client.get("/admin/").status_code == 302
    assert b"Too many failed login attempts" in sign_in(client, ana).content


def test_without_the_cache_nobody_signs_in_and_the_page_says_what_to_do(client, ana, settings):
    inside = Client()
    inside.force_login(ana)
    away = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}
    settings.CACHES = {"default": away}
    answer = sign_in(client, ana)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert "Wait a minute and try again" in answer.content.decode()
    assert client.get("/admin/").status_code == 302, "the right password is not let in uncounted"
    assert inside.get("/admin/account/2fa/").status_code == 200


def test_a_page_that_is_older_than_the_session_says_what_to_do():
    answer = Client(enforce_csrf_checks=True).post(LOGIN, {"login": "ana", "password": PASSWORD})
    assert answer.status_code == 403
    assert "reload the page and save again" in answer.content.decode()


def test_nobody_signs_up_and_nobody_changes_the_address_a_password_is_reset_by(client, ana):
    assert client.post("/admin/account/signup/", {"username": "eve", "password1": PASSWORD}).status_code == 405 or (
        not User.objects.filter(username="eve").exists()
    )
    client.force_login(ana)
    client.post("/admin/account/email/", {"action_add": "", "email": "eve@example.org"})
    ana.refresh_from_db()
    assert ana.email == ""


def test_who_is_not_staff_is_not_let_in(client, ana):
    User.objects.filter(pk=ana.pk).update(is_staff=False)
    assert sign_in(client, ana)["Location"] == "/admin/account/inactive/"
    assert "_auth_user_id" not in client.session


def test_who_lost_the_right_is_told_instead_of_sent_in_circles(client, ana):
    client.force_login(ana)
    User.objects.filter(pk=ana.pk).update(is_staff=False)
    page = client.get(client.get("/admin/")["Location"])
    assert page.status_code == 200
    assert b"Ask an administrator" in page.content


def test_others_sessions_are_listed_and_ended(client, ana):
    other = Client(REMOTE_ADDR="10.9.9.9")
    other.post(LOGIN, {"username": ana.username, "password": PASSWORD})
    sign_in(client, ana)
    assert b"10.9.9.9" in client.get("/admin/account/sessions/").content
    client.post("/admin/account/sessions/")
    assert other.get("/admin/").status_code == 302
    assert client.get("/admin/").status_code == 200


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short but odd!", "password_too_short"),
        ("aaaaaaaabbbbbbbbcccc", "repeated"),
        ("abcdefghijklmnopqrst", "repeated"),
        ("medcrm-password-2026", "words"),
        ("medcrm123456dragon!", "words"),
    ],
)
def test_a_password_that_is_guessed_first_is_refused(password, code):
    with pytest.raises(ValidationError) as refused:
        validate_password(password, User(username="ana"))
    assert code in {error.code for error in refused.value.error_list}


@pytest.mark.parametrize("password", [PASSWORD, "ñandú über söfa café", "x" * 5 + "9 plum trees, 3 boats" * 3])
def test_a_long_password_of_any_characters_is_taken(password):
    validate_password(password, User(username="ana"))


class TestIdle:
    START = datetime(2026, 12, 1, 16, tzinfo=UTC)

    @pytest.fixture
    def clock(self):
        with time_machine.travel(self.START, tick=False) as clock:
            yield clock

    def test_fifteen_minutes_without_a_sign_end_the_session(self, clock, client, ana):
        client.force_login(ana)
        clock.shift(timedelta(minutes=14))
        assert client.get("/admin/").status_code == 200
        clock.shift(timedelta(minutes=16))
        assert client.get("/admin/")["Location"] == "/admin/login/?next=/admin/"

    def test_what_a_page_fetches_by_itself_keeps_nobody_signed_in(self, clock, client, ana):
        client.force_login(ana)
        for _ in range(4):
            clock.shift(timedelta(minutes=3))
            assert client.get("/admin/account/idle/", headers={"X-Background": "1"}).status_code == 200
        assert client.get("/admin/account/idle/", headers={"X-Background": "1"}).json()["left"] == 180
        clock.shift(timedelta(minutes=4))
        assert client.get("/admin/account/idle/", headers={"X-Background": "1"}).json() == {"left": 0}

    def test_staying_gives_the_whole_time_again(self, clock, client, ana):
        client.force_login(ana)
        clock.shift(timedelta(minutes=14))
        assert client.post("/admin/account/idle/").json()["left"] == 900

    def test_even_a_busy_session_ends_after_its_longest(self, clock, client, ana, settings):
        settings.SESSION_LONGEST = 3600
        client.force_login(ana)
        for _ in range(6):
            clock.shift(timedelta(minutes=10))
            assert client.get("/admin/account/idle/").status_code == 200
        clock.shift(timedelta(minutes=1))
        assert client.get("/admin/account/idle/").status_code == 401

    def test_a_fragment_leads_the_whole_page_to_signing_in(self, client):
        answer = client.get("/admin/", headers={"HX-Request": "true", "HX-Current-URL": "http://x/admin/leads/lead/"})
        assert answer["HX-Redirect"] == "/admin/login/?next=%2Fadmin%2Fleads%2Flead%2F"

    @pytest.mark.parametrize("came_from", ["http://testserver/admin/work/", "https://elsewhere.example/admin/work/"])
    def test_a_button_pressed_too_late_leads_back_to_its_page_and_never_elsewhere(self, came_from, client):
        answer = client.post("/admin/work/next/", headers={"Referer": came_from})
        assert answer["Location"] == "/admin/login/?next=%2Fadmin%2Fwork%2F"


def test_headers_shut_everything_a_page_does_not_need(client, ana):
    client.force_login(ana)
    page = client.get("/admin/")
    policy = page["Content-Security-Policy"]
    scripts = re.search(r"script-src ([^;]*)", policy)[1]
    assert "'unsafe-inline'" not in scripts
    assert "frame-ancestors 'none'" in policy
    assert (page["X-Frame-Options"], page["Referrer-Policy"]) == ("DENY", "same-origin")
    assert page["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in page["Permissions-Policy"]
    assert "no-store" in page["Cache-Control"]


def test_public_pages_run_no_inline_style_and_compile_nothing(client):
    policy = client.get("/u/not-a-token/")["Content-Security-Policy"]
    assert "unsafe" not in policy
