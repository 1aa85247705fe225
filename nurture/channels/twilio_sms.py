"""Texts by Twilio. TWILIO_API names its base URL, so tests talk to a server on loopback."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import uuid4

import requests
from django.conf import settings
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from nurture.channels.base import Channel, Consent, NotSent, Parcel, Receipt, Uncertain

TIMEOUT_SECONDS = 10
UNSUBSCRIBED = 21610  # the carrier's block list: a second truth, taken over as a revocation [contact_rules 9]
TOO_MANY = 429


class TwilioSms(Channel):
    name = "twilio"
    signs_headers = False
    group = 1
    takes_consents = True

    def __init__(self) -> None:
        account, token = settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN
        self.client = Client(account, token, http_client=TwilioHttpClient(timeout=TIMEOUT_SECONDS))
        self.client.api.base_url = settings.TWILIO_API
        self.client.accounts.base_url = settings.TWILIO_ACCOUNTS_API

    def send(self, parcel: Parcel) -> Receipt:
        sender = settings.TWILIO_SENDER
        by = {"messaging_service_sid": sender} if sender.startswith("MG") else {"from_": sender}
        with _in_our_words():
            message = self.client.messages.create(
                to=parcel.to,
                body=parcel.body,
                status_callback=f"{settings.PUBLIC_URL}/hooks/twilio/status/{parcel.key}/",
                **by,
            )
        return Receipt(self.name, message.sid)

    def tell_consents(self, consents: Sequence[Consent]) -> None:
        """Bring Twilio's own block list up to date, by its consent API."""
        items = [
            {
                "contact_id": consent.to,
                "correlation_id": uuid4().hex,
                "sender_id": settings.TWILIO_SENDER,
                "status": "opt-out" if consent.is_stopped else "opt-in",
                "source": "others",
                "date_of_consent": consent.said_at.isoformat(),
            }
            for consent in consents
        ]
        with _in_our_words():
            self.client.accounts.v1.bulk_consents.create(items=items)


@contextmanager
def _in_our_words() -> Iterator[None]:
    """Say what Twilio's errors mean: it certainly did not leave, or it may have."""
    try:
        yield
    except TwilioRestException as error:
        _raise_for(error)
    except requests.ConnectTimeout as error:
        raise NotSent("No connection to Twilio.", may_retry=True) from error
    except (requests.RequestException, TwilioException) as error:
        raise Uncertain(type(error).__name__) from error


def _raise_for(error: TwilioRestException) -> None:
    """A clear no did not leave; a server error may have."""
    reason = f"{error.code or error.status} {error.msg}"
    if error.code == UNSUBSCRIBED:
        raise NotSent(reason, is_opted_out=True) from error
    if error.status < 500:
        raise NotSent(reason, may_retry=error.status == TOO_MANY) from error
    raise Uncertain(reason) from error
