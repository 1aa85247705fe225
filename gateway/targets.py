"""May we call this URL? Only https to public addresses, looked up once and dialled as looked up [OWASP SSRF].

WEBHOOK_ALLOW_LOOPBACK, for tests and local trials, allows http and the loopback, and nothing else that is private.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from medcrm.lib.errors import RuleError

TIMEOUT_SECONDS = 10
PORTS = {"https": 443, "http": 80}


class RefusedTarget(RuleError):
    """The URL leads where we do not go."""

    def __init__(self, message: str) -> None:
        super().__init__("REFUSED_TARGET", message, field="url")


def check_url(url: str) -> SplitResult:
    """Check what can be seen without a look-up. Raise RefusedTarget."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise RefusedTarget("This is not a URL. Enter one like https://example.org/hooks.") from None
    schemes = ("https", "http") if settings.WEBHOOK_ALLOW_LOOPBACK else ("https",)
    if parts.scheme not in schemes:
        raise RefusedTarget("Webhooks go out over https only. Enter a URL that begins with https://.")
    if not parts.hostname or parts.username or parts.password or parts.fragment:
        raise RefusedTarget("Enter a host name, without user, password or fragment.")
    if port == 0 or any(ord(sign) <= 32 or ord(sign) > 126 for sign in url):
        raise RefusedTarget("Enter the URL in plain ASCII, without spaces.")
    if _is_address(parts.hostname):
        _check_address(parts.hostname)
    return parts


def post(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    """Send and return the status. Redirects are not followed. Raise RefusedTarget or OSError.

    The whole takes TIMEOUT_SECONDS at most, also where an answer drips in byte by byte: TimeoutError then.
    """
    parts = check_url(url)
    port = parts.port or PORTS[parts.scheme]
    address = look_up(parts.hostname or "", port)
    session = _Session(parts.hostname, port, address=address, is_tls=parts.scheme == "https")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    deadline = threading.Timer(TIMEOUT_SECONDS, session.give_up)
    deadline.start()
    try:
        session.request("POST", path, body=body, headers={"Content-Type": "application/json", **headers})
        return session.getresponse().status
    except (http.client.HTTPException, OSError) as error:
        if session.is_given_up:
            raise TimeoutError from error
        raise error if isinstance(error, OSError) else ConnectionError(type(error).__name__) from error
    finally:
        deadline.cancel()
        session.close()


def look_up(host: str, port: int) -> str:
    """The address to dial. Every address of the name must be allowed, so that no answer smuggles one in."""
    try:
        found = [info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except UnicodeError:
        raise RefusedTarget("This host name cannot be looked up.") from None
    for address in found:
        _check_address(str(address))
    return str(found[0])


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _check_address(text: str) -> None:
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_loopback and settings.WEBHOOK_ALLOW_LOOPBACK:
        return
    if not address.is_global or address.is_multicast:
        raise RefusedTarget("This host is not on the public internet. Webhooks do not go to private addresses.")


class _Session(http.client.HTTPConnection):
    """A connection to an address that was checked, with the name for TLS and the Host header."""

    def __init__(self, host: str | None, port: int, *, address: str, is_tls: bool) -> None:
        super().__init__(host or "", port, timeout=TIMEOUT_SECONDS)
        self.address, self.is_tls, self.is_given_up = address, is_tls, False
        self.default_port = PORTS["https" if is_tls else "http"]  # so that the Host header names only other ports

    def give_up(self) -> None:
        """From another thread: whoever waits for the other side stops waiting."""
        self.is_given_up = True
        with contextlib.suppress(OSError, AttributeError):  # not connected yet, or closed meanwhile
            self.sock.shutdown(socket.SHUT_RDWR)

    def connect(self) -> None:
        self.sock = socket.create_connection((self.address, self.port), self.timeout)
        if self.is_tls:
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)
