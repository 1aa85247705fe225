"""Signing in through an identity provider, set by SSO_OIDC and SSO_SAML alone: who is let in, and who is not.

A real web process is told of a provider that this file plays on the loopback.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4
from zlib import decompress

import httpx
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.contrib.auth.models import User
from onelogin.saml2.utils import OneLogin_Saml2_Utils

from medcrm.processes import Processes
from medcrm.servers import free_port
from tests.processes import database_url

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

CLIENT, SECRET = "medcrm", "only-for-this-test"
IDP = "https://idp.example.org/saml"
OIDC, SAML = "/admin/account/oidc/idp/login/", "/admin/account/saml/clinic/"


@dataclass
class Provider:
    """An OpenID provider that says of whoever comes what the test tells it to say."""

    claims: dict[str, object] = field(default_factory=dict)
    tokens: list[dict[str, list[str]]] = field(default_factory=list)
    url: str = ""

    def answer(self, path: str, body: bytes) -> object:
        if path == "/.well-known/openid-configuration":
            places = {"authorization": "/authorize", "token": "/token", "userinfo": "/userinfo"}
            found = {f"{name}_endpoint": self.url + place for name, place in places.items()}
            return found | {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        if path == "/token":
            self.tokens.append(parse_qs(body.decode()))
            now = int(time.time())
            said = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 60, **self.claims}
            return {"access_token": "a", "token_type": "Bearer", "id_token": jwt.encode(said, SECRET * 2)}
        return self.claims


class Key:
    """A key of an identity provider and its own certificate."""

    def __init__(self) -> None:
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "idp")])
        begun = datetime.now(UTC) - timedelta(days=1)
        made = x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
        dated = made.not_valid_before(begun).not_valid_after(begun + timedelta(days=9))
        signed = dated.sign(private, hashes.SHA256())
        form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self.private = private.private_bytes(serialization.Encoding.PEM, *form).decode()
        self.certificate = signed.public_bytes(serialization.Encoding.PEM).decode()


OURS = Key()


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    told = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = json.dumps(told.answer(urlsplit(self.path).path, body)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_GET

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        told.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield told
        server.shutdown()


@pytest.fixture(scope="module")
def site(provider: Provider, tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[str]:
    """A web process that was told of the provider by its settings, and asks for a second factor."""
    oidc = {"provider_id": "idp", "name": "Our sign-on", "client_id": CLIENT, "secret": SECRET}
    idp = {"entity_id": IDP, "sso_url": f"{IDP}/sso", "x509cert": OURS.certificate}
    saml = {"provider_id": "clinic", "name": "The clinic's", "client_id": "clinic"}
    told = {
        "DATABASE_URL": database_url(),
        "MFA_REQUIRED": "on",
        "SSO_OIDC": json.dumps([oidc | {"settings": {"server_url": provider.url}}]),
        "SSO_SAML": json.dumps([saml | {"settings": {"idp": idp, "verified_email": True}}]),
    }
    port = free_port()
    with Processes(tmp_path_factory.mktemp("sign-on"), told) as processes:
        processes.start_web(port)
        processes.wait_for_http(f"http://127.0.0.1:{port}/health/live")
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def people() -> None:
    User.objects.create_user("ana", "ana@example.org", is_staff=True)
    User.objects.create_user("guest", "guest@example.org")


def start(browser: httpx.Client, path: str) -> dict[str, str]:
    """Press the button of the sign-in page and return what the provider is asked, as a person's browser brings it."""
    page = browser.get("/admin/login/").text
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
    assert path in page
    answer = browser.post(path, data={"csrfmiddlewaretoken": token}, headers={"Referer": str(browser.base_url)})
    assert answer.status_code == 302, answer.text[-500:]
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def is_in(browser: httpx.Client) -> bool:
    return browser.get("/admin/").status_code == 200


def test_an_identity_provider_signs_in_whom_we_know_by_a_verified_address_and_nobody_else(site, provider, people):
    def come(email: str, *, is_verified: bool = True, state: str = "", **claims: object) -> bool:
        provider.claims = {"sub": email, "email": email, "email_verified": is_verified, **claims}
        with httpx.Client(base_url=site) as browser:
            asked = start(browser, OIDC)
            assert (asked["client_id"], asked["response_type"]) == (CLIENT, "code")
            browser.get(f"{OIDC}callback/", params={"code": "c", "state": state or asked["state"]})
            return is_in(browser)

    assert not come("ana@example.org", is_verified=False)
    assert not come("ana@example.org", state="guessed")
    assert not come("ana@example.org", aud="another client")
    assert not come("ana@example.org", iss="https://another.example.org")
    assert not come("stranger@example.org")
    assert not come("guest@example.org")
    assert come("ana@example.org")  # without a second factor of ours: the provider asks for it
    assert provider.tokens[-1]["client_secret"] == [SECRET]
    assert set(User.objects.exclude(username__startswith="api:").values_list("username", flat=True)) == {"ana", "guest"}


def test_a_saml_response_signs_in_only_when_our_provider_signed_it_for_this_request(site, people):
    metadata = httpx.get(f"{site}{SAML}metadata/")
    assert metadata.status_code == 200 and f'Location="{site}{SAML}acs/"' in metadata.text

    def come(email: str, key: Key | None, *, reply_to: str = "", changed: tuple[str, str] = ("", "")) -> bool:
        with httpx.Client(base_url=site) as browser:
            request = decompress(base64.b64decode(start(browser, f"{SAML}login/")["SAMLRequest"]), -15).decode()
            asked = reply_to or re.search(r'ID="([^"]+)"', request)[1]
            answer = response(site, email, asked)
            if key:
                answer = OneLogin_Saml2_Utils.add_sign(answer, key.private, key.certificate).decode()
            sent = base64.b64encode(answer.replace(*changed).encode()).decode()
            browser.post(f"{SAML}acs/", data={"SAMLResponse": sent}, follow_redirects=True)
            return is_in(browser)

    assert not come("ana@example.org", None)
    assert not come("ana@example.org", Key())
    assert not come("guest@example.org", OURS, changed=("guest@example.org", "ana@example.org"))
    assert not come("ana@example.org", OURS, reply_to="_of-another-request")
    assert not come("stranger@example.org", OURS)
    assert come("ana@example.org", OURS)


def response(site: str, email: str, asked: str) -> str:
    """What a SAML provider posts, unsigned."""
    now = datetime.now(UTC)
    at, until = (f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (now, now + timedelta(minutes=5)))
    acs, audience = f"{site}{SAML}acs/", f"{site}{SAML}metadata/"
    space, name = "urn:oasis:names:tc:SAML:2.0", "urn:oid:0.9.2342.19200300.100.1.3"
    return f"""<samlp:Response xmlns:samlp="{space}:protocol" xmlns:saml="{space}:assertion" ID="_{uuid4().hex}"
 Version="2.0" IssueInstant="{at}" Destination="{acs}" InResponseTo="{asked}"><saml:Issuer>{IDP}</saml:Issuer>
<samlp:Status><samlp:StatusCode Value="{space}:status:Success"/></samlp:Status>
<saml:Assertion ID="_{uuid4().hex}" Version="2.0" IssueInstant="{at}"><saml:Issuer>{IDP}</saml:Issuer>
<saml:Subject><saml:NameID>{email}</saml:NameID><saml:SubjectConfirmation Method="{space}:cm:bearer">
<saml:SubjectConfirmationData NotOnOrAfter="{until}" Recipient="{acs}" InResponseTo="{asked}"/>
</saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="{at}" NotOnOrAfter="{until}">
<saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions>
<saml:AuthnStatement AuthnInstant="{at}"><saml:AuthnContext><saml:AuthnContextClassRef>{space}:ac:classes:Password
</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement><saml:AttributeStatement>
<saml:Attribute Name="{name}"><saml:AttributeValue>{email}</saml:AttributeValue></saml:Attribute>
</saml:AttributeStatement></saml:Assertion></samlp:Response>"""
