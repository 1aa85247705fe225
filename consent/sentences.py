"""How does a caller read a reason code? One sentence each: what stands in the way and what to do."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as noop

SENTENCES = {
    "LEDGER_INTEGRITY_FAILED": noop("The record of this address was tampered with. Do not contact; tell compliance."),
    "ERASED_SUBJECT": noop("This person's data was erased. Do not contact, unless they come to us again."),
    "CONTACT_STOPPED": noop("All contact is stopped for now. Compliance lifts that by the policy “contact stopped”."),
    "REVOKED": noop("The person asked us to stop. Do not contact this way."),
    "INTERNAL_DNC": noop("The person is on our own do-not-call list. Do not sell to them."),
    "REVOCATION_REVIEW": noop("A message from the person may be a request to stop. Compliance must read it first."),
    "NUMBER_INVALID": noop("This number does not work. Ask for another one."),
    "EMAIL_UNSUBSCRIBED": noop(
        "The person unsubscribed from marketing mail. Write only about what they asked for or booked, or call."
    ),
    "EMAIL_COMPLAINT": noop("The person reported our mail as spam. No marketing mail."),
    "EMAIL_HARD_BOUNCE": noop("This mailbox does not exist. Ask for another address."),
    "CONFIRMATION_TOO_LATE": noop("An opt-out may be confirmed within five minutes only."),
    "CONFIRMATION_ALREADY_SENT": noop("The opt-out was confirmed already; one confirmation is allowed."),
    "CONFIRMATION_HAS_MARKETING": noop("A confirmation of an opt-out may not sell anything."),
    "NO_REVOCATION_TO_CONFIRM": noop("There is no opt-out to confirm."),
    "NUMBER_REASSIGNED": noop("This number belongs to someone else now. Do not contact."),
    "RND_NO_DATA": noop("The reassigned-numbers database has no answer. Dial by hand instead."),
    "RND_CHECK_REQUIRED": noop("Check the number in the reassigned-numbers database first, or dial by hand."),
    "NO_BAA": noop("This provider may not carry health data. Leave it out and link to the portal, or call."),
    "PHI_IN_CONTENT": noop("The text reveals health details and the person has not accepted that. Link to the portal."),
    "HIPAA_AUTH_REQUIRED": noop(
        "Marketing that rests on health data needs the person's signed HIPAA authorization. Ask for it first."
    ),
    "HIPAA_AUTH_EXPIRED": noop("The HIPAA authorization has expired. Ask for a new one."),
    "HIPAA_AUTH_INCOMPLETE": noop("The HIPAA authorization does not mention the payment by a third party."),
    "NO_CONSENT": noop("There is no permission on file for this. Ask the person first."),
    "CONSENT_SELLER_MISMATCH": noop("The permission on file names another company. Ask for one that names ours."),
    "CONSENT_CHANNEL_MISMATCH": noop(
        "The permission on file does not cover this channel. Use one it covers, or ask for this one too."
    ),
    "CONSENT_PURPOSE_MISMATCH": noop(
        "The permission on file is for information. Answer what they asked, or ask whether you may also send offers."
    ),
    "CONSENT_LEVEL_INSUFFICIENT": noop(
        "This needs written permission; what is on file is weaker. Ask for it on our form; a call by hand may be open."
    ),
    "CONSENT_NOT_YET_EFFECTIVE": noop("The permission begins later."),
    "CONSENT_EXPIRED": noop("The permission has expired. Ask for a new one."),
    "CONSENT_EVIDENCE_INCOMPLETE": noop("The proof of the written permission lacks a required part."),
    "CONSENT_EVIDENCE_TAMPERED": noop("The proof of the permission no longer matches its seal. Tell compliance."),
    "EXEMPTION_NOT_ELIGIBLE": noop("The healthcare exemption is for providers and their associates only."),
    "EXEMPTION_NUMBER_NOT_PROVIDED": noop("The exemption needs a number the patient gave."),
    "EXEMPTION_CONTENT": noop("An exempt message may not sell or bill."),
    "EXEMPTION_RECIPIENT_CHARGED": noop("An exempt message must cost the patient nothing."),
    "EXEMPTION_TOO_LONG": noop("An exempt text has at most 160 characters, an exempt call one minute."),
    "EXEMPTION_NO_OPTOUT": noop("An exempt message must offer an easy way to stop."),
    "DNC_SCRUB_STALE": noop("The do-not-call lists are older than 31 days. Compliance must load a new version."),
    "NATIONAL_DNC": noop(
        "The number is on the national do-not-call list. Ask by e-mail for written permission, or wait for their call."
    ),
    "STATE_DNC": noop(
        "The number is on a state do-not-call list. Ask by e-mail for written permission, or wait for their call."
    ),
    "STATE_CELL_SALES_BAN": noop(
        "The state bars sales calls to mobiles without consent or an inquiry. Ask by e-mail whether you may call."
    ),
    "TZ_UNKNOWN": noop("We do not know where the person is, so we cannot tell their local time. Ask for the ZIP code."),
    "STATE_EMERGENCY_BAN": noop("The state has declared an emergency; no sales contact while it lasts."),
    "QUIET_HOURS_FEDERAL": noop("It is too early or too late where the person is."),
    "QUIET_HOURS_POLICY": noop("It is too early or too late where the person is."),
    "STATE_HOLIDAY_BAN": noop("The state allows no sales contact on this holiday."),
    "STATE_SUNDAY_BAN": noop("The state allows no such contact on Sundays."),
    "STATE_DAY_BAN": noop("The state allows no such contact on this day of the week."),
    "QUIET_HOURS_STATE": noop("It is outside the hours that the person's state allows."),
    "FREQ_CAP_STATE": noop("The state's limit of contacts is reached for now."),
    "FREQ_CAP_POLICY": noop("Our own limit of contacts is reached for now."),
    "FREQ_CAP_HEALTHCARE_DAY": noop("One exempt healthcare contact a day is allowed."),
    "FREQ_CAP_HEALTHCARE_WEEK": noop("Three exempt healthcare contacts in seven days are allowed."),
    "MISSING_PHYSICAL_ADDRESS": noop("Marketing mail must show our postal address."),
    "MISSING_ONE_CLICK_UNSUB": noop("Marketing mail must carry the one-click unsubscribe header."),
    "UNSUB_HEADERS_NOT_SIGNED": noop("The unsubscribe headers are not covered by the mail's signature."),
    "SENDER_NOT_REGISTERED": noop("Our text sender is not registered with the carriers."),
    "ABANDON_RATE_EXCEEDED": noop("The dialler has abandoned more than 3 % of calls in 30 days."),
    "OK_PEWC": noop("Permitted by written consent."),
    "OK_PEC": noop("Permitted by the person's consent."),
    "OK_EBR": noop("Permitted by the existing relationship; dial by hand."),
    "OK_MANUAL_NOT_ON_DNC": noop("Permitted: dialled by hand, and not on a do-not-call list."),
    "OK_MANUAL_INFORMATIONAL": noop("Permitted when dialled by hand: this call informs and does not sell."),
    "OK_B2B_MANUAL": noop("Permitted: a hand-dialled call to a business."),
    "OK_HEALTHCARE_EXEMPT": noop("Permitted as an exempt healthcare message."),
    "OK_OPTOUT_CONFIRMATION": noop("Permitted: the one confirmation of an opt-out."),
    "OK_REPLY": noop("Permitted: an answer to the person's own message."),
    "OK_EMAIL_OPTIN": noop("Permitted by e-mail opt-in."),
    "OK_EMAIL_OPTOUT_REGIME": noop("Permitted: marketing mail with an unsubscribe link."),
    "OK_TRANSACTIONAL": noop("Permitted: mail about something the person is already doing with us."),
}


def sentence(code: str) -> str:
    """Return the sentence of a code in the reader's language."""
    return _(SENTENCES[code])
