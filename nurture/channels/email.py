"""Mail by Django's own backends: SMTP, or any provider that django-anymail knows, as EMAIL_BACKEND says."""

from __future__ import annotations

import re
import smtplib
from email.utils import formataddr

import requests
from anymail.exceptions import AnymailError, AnymailRecipientsRefused, AnymailRequestsAPIError
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.template.loader import render_to_string
from django.utils.crypto import salted_hmac

from nurture.channels.base import Channel, NotSent, Parcel, Receipt, Uncertain

OURS = re.compile(r"<medcrm\.(?P<key>\d{1,18})\.[0-9a-f]+@(?P<domain>[^<>\s]+)>")
PERMANENT = 500  # SMTP replies from here on are final


class Email(Channel):
    name = "email"
    group = 1

    @property
    def signs_headers(self) -> bool:
        return settings.NURTURE_MAIL_IS_SIGNED

    def send(self, parcel: Parcel) -> Receipt:
        """Connect, then hand over: what fails before the connection stands has certainly not left."""
        connection = get_connection()
        try:
            connection.open()
        except (OSError, smtplib.SMTPException) as error:
            raise NotSent(f"No connection: {type(error).__name__}", may_retry=True) from error
        try:
            return self._hand_over(compose(parcel, connection))
        finally:
            _close(connection)

    def _hand_over(self, mail: EmailMultiAlternatives) -> Receipt:
        try:
            mail.send()
        except smtplib.SMTPRecipientsRefused as error:
            [(code, reason)] = error.recipients.values()
            raise NotSent(f"{code} {_text(reason)}", may_retry=code < PERMANENT) from error
        except smtplib.SMTPResponseException as error:
            reason = f"{error.smtp_code} {_text(error.smtp_error)}"
            raise NotSent(reason, may_retry=error.smtp_code < PERMANENT) from error
        except AnymailRecipientsRefused as error:
            raise NotSent("Refused by the provider.") from error
        except AnymailRequestsAPIError as error:
            _raise_for_provider(error)
        except requests.ConnectTimeout as error:
            raise NotSent("No connection to the provider.", may_retry=True) from error
        except (OSError, smtplib.SMTPException, AnymailError) as error:
            raise Uncertain(type(error).__name__) from error
        status = getattr(mail, "anymail_status", None)
        return Receipt(self.name, str(getattr(status, "message_id", "") or mail.extra_headers["Message-ID"]))


def compose(parcel: Parcel, connection: BaseEmailBackend) -> EmailMultiAlternatives:
    """Plain text and HTML of the same words; the Message-ID names the attempt, so that an answer finds it again."""
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("> ")
    mail = EmailMultiAlternatives(
        subject=parcel.subject,
        body=parcel.body,
        from_email=formataddr((parcel.sender, settings.DEFAULT_FROM_EMAIL)),
        to=[parcel.to],
        headers={**parcel.headers, "Message-ID": message_id(parcel.key, domain)},
        connection=connection,
    )
    html = render_to_string("nurture/mail.html", {"subject": parcel.subject, "body": parcel.body})
    mail.attach_alternative(html, "text/html")
    if file := parcel.attachment:
        mail.attach(file.name, file.content, file.kind)
    return mail


def message_id(key: str, domain: str) -> str:
    """The same for every try of an attempt, and nothing that anybody could count up to."""
    proof = salted_hmac("nurture.message_id", key, algorithm="sha256").hexdigest()[:24]
    return f"<medcrm.{key}.{proof}@{domain}>"


def attempt_of(message_id_header: str) -> int | None:
    """The attempt whose Message-ID this is; None for one that we did not make."""
    found = OURS.fullmatch(message_id_header)
    is_ours = found and message_id(found["key"], found["domain"]) == message_id_header
    return int(found["key"]) if is_ours else None


def _raise_for_provider(error: AnymailRequestsAPIError) -> None:
    """A clear no of the provider's API did not leave; a broken answer may have."""
    code = error.status_code or 0
    if 400 <= code < PERMANENT:
        raise NotSent(f"{code} from the provider", may_retry=code == 429) from error
    raise Uncertain(f"{code or 'no answer'} from the provider") from error


def _close(connection: BaseEmailBackend) -> None:
    try:
        connection.close()
    except (OSError, smtplib.SMTPException):
        return  # it was handed over, or not, before; a rude goodbye changes nothing


def _text(reason: bytes | str) -> str:
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
