"""What do providers call us for? Texts, mail and delivery reports, authenticated, each answered once."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime

from anymail.inbound import AnymailInboundMessage
from anymail.signals import AnymailInboundEvent, AnymailTrackingEvent, inbound, tracking
from django.conf import settings
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.urls import resolve
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from twilio.request_validator import RequestValidator

from consent import automatic
from consent.addresses import InvalidAddress
from medcrm.lib.markup import plain_text
from nurture.inbound import Reply, Report, receive_reply, receive_report

REJECTED = {  # why the provider did not even try → what it learned of the mailbox before [E04]
    "unsubscribed": "unsubscribed",
    "spam": "complained",
    "bounced": "bounced",
    "invalid": "bounced",
}
ANSWERING = re.compile(r"\s*(?:re|fwd?|rv|aw|wg)\s*(?:\[\d+\])?\s*:", re.IGNORECASE)  # before a subject that is ours
EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'


@csrf_exempt
@require_POST
def twilio_inbound(request: HttpRequest) -> HttpResponse:
    """A text from a person. Twilio answers STOP and HELP itself (its advanced opt-out); we obey and record."""
    if not _is_from_twilio(request):
        return HttpResponse(status=403)
    fields = request.POST
    reply = Reply(
        provider="twilio",
        key=fields.get("MessageSid", ""),
        channel="sms",
        sender=fields.get("From", ""),
        text=fields.get("Body", ""),
    )
    try:
        receive_reply(reply, at=timezone.now())
    except InvalidAddress:
        return HttpResponse(status=422)  # a short code or an alphanumeric sender is nobody's number
    return HttpResponse(EMPTY_TWIML, content_type="text/xml")


@csrf_exempt
@require_POST
def twilio_status(request: HttpRequest, attempt_id: int) -> HttpResponse:
    """What became of a text."""
    if not _is_from_twilio(request):
        return HttpResponse(status=403)
    sid, status = request.POST.get("MessageSid", ""), request.POST.get("MessageStatus", "")
    receive_report(
        Report(
            provider="twilio",
            key=f"{sid}:{status}",
            kind=status,
            provider_id=sid,
            attempt_id=attempt_id,
            recipient=request.POST.get("To", ""),
            error=request.POST.get("ErrorCode", ""),
        ),
        at=timezone.now(),
    )
    return HttpResponse(status=204)


@csrf_exempt
def mail(request: HttpRequest, hook: str) -> HttpResponse:
    """Delivery reports and answers by mail, for anymail. Without a secret anybody could send them, so none is taken."""
    if not settings.ANYMAIL.get("WEBHOOK_SECRET"):
        return HttpResponse("Set WEBHOOK_SECRET in ANYMAIL, and the same at the provider.", status=403)
    view, args, kwargs = resolve(f"/{hook}", "anymail.urls")
    return view(request, *args, **kwargs)


def _is_from_twilio(request: HttpRequest) -> bool:
    """Whether the signature is Twilio's, made with our token over the public URL and the fields."""
    if not settings.TWILIO_AUTH_TOKEN:
        return False
    url = f"{settings.PUBLIC_URL}{request.get_full_path()}"
    signature = request.headers.get("X-Twilio-Signature", "")
    return RequestValidator(settings.TWILIO_AUTH_TOKEN).validate(url, request.POST.dict(), signature)


@receiver(tracking, dispatch_uid="nurture.mail_tracked")
def on_mail_tracked(sender: object, event: AnymailTrackingEvent, esp_name: str, **kwargs: object) -> None:
    """anymail checked the provider's signature already."""
    kind = event.event_type
    if kind == "rejected":
        kind = REJECTED.get(event.reject_reason or "", kind)
    if kind == "bounced" and event.reject_reason not in (None, "bounced", "invalid"):
        kind = "deferred"
    key = event.event_id or _fingerprint(event.message_id, kind, event.timestamp)
    report = Report(
        provider="email",
        key=key,
        kind=kind,
        provider_id=event.message_id or "",
        recipient=event.recipient or "",
        error=event.description or "",
    )
    receive_report(report, at=timezone.now())


@receiver(inbound, dispatch_uid="nurture.mail_received")
def on_mail_received(sender: object, event: AnymailInboundEvent, esp_name: str, **kwargs: object) -> None:
    mail = event.message
    key = event.event_id or mail.get("Message-ID", "") or _fingerprint(mail.subject, mail.text, event.timestamp)
    reply = Reply(
        provider="email",
        key=key,
        channel="email",
        sender=mail.from_email.addr_spec if mail.from_email else "",
        text=_written(mail),
        in_reply_to=mail.get("In-Reply-To", "") or "",
        is_automatic=_is_automatic(mail),
    )
    try:
        receive_reply(reply, at=timezone.now())
    except InvalidAddress:
        return


def _is_automatic(mail: AnymailInboundMessage) -> bool:
    """Whether the mail says, in its headers or by its subject, that a mailbox answered and nobody wrote."""
    sender = mail.from_email.addr_spec if mail.from_email else ""
    headers = {name: str(value) for name, value in mail.items()}
    if mail.envelope_sender is not None:
        headers.setdefault("Return-Path", mail.envelope_sender or "<>")
    return automatic.says_so(headers, sender) or automatic.reads_so(mail.subject or "")


def _written(mail: AnymailInboundMessage) -> str:
    """All that the person wrote: a subject of their own, and the text, or what the HTML says where there is none."""
    subject = "" if ANSWERING.match(mail.subject or "") else mail.subject or ""
    bodies = (mail.text or "", plain_text(mail.html or ""), mail.stripped_text or "")
    body = next((body for body in bodies if body.strip()), "")
    return "\n\n".join(part.strip() for part in (subject, body) if part.strip())


def _fingerprint(*parts: str | datetime | None) -> str:
    return hashlib.sha256("\n".join(str(part) for part in parts).encode()).hexdigest()
