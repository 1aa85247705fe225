"""The facts about a lead that rules may ask for, with how the database computes each.

They are registered here, all in one list; the modules beside it say how each is worked out.
"""

from __future__ import annotations

from leads import capacity
from leads.criteria import Fact, Kind, register
from leads.facts.activity import (
    ATTEMPTED,
    QUIET_SINCE_KINDS,
    REPLIES,
    days_known,
    days_since,
    emergency_waits,
    happened,
    reply_waits,
    unanswered_attempts,
    unanswered_together,
)
from leads.facts.answers import ANSWERS, answer_to, contradictions
from leads.facts.papers import documents_held
from leads.facts.people import complete_fields, contact_points, scheduler_named
from leads.facts.permissions import has_grant, ways_open
from leads.facts.reading import column, rows, text, words
from leads.facts.services import service_training
from leads.facts.visits import days_until_slot, no_shows, visit_ahead, visit_for_service
from leads.lifecycle import Stage
from leads.models import (
    CareSetting,
    Clinic,
    HoldReason,
    OrganisationType,
    Payer,
    ServiceLine,
    Source,
    Specialty,
    StopReason,
    TimingWindow,
)
from leads.vocabulary import (
    Agreement,
    Band,
    Budget,
    ContactRole,
    Decision,
    ForWhom,
    Intent,
    InteractionKind,
    LeadType,
    NextStep,
    Request,
    SourceKind,
    Urgency,
    Verdict,
)
from medcrm.lib.access import team_names

NOT_FOR_ORGANISATIONS = ("not_applicable", "not applicable")
SERVED = [
    ("offered", "offered"),
    ("not_offered", "not offered"),
    ("adjacent", "not offered, but one near it is"),
    ("organisation", "for organisations"),
    ("other_audience", "not for this kind of organisation"),
]
PLACE = [("in_catchment", "in catchment"), ("telehealth", "telehealth"), ("outside", "outside"), NOT_FOR_ORGANISATIONS]
PAYING = [
    ("accepted", "accepted"),
    ("self_pay", "self-pay"),
    ("not_accepted", "not accepted"),
    NOT_FOR_ORGANISATIONS,
]
ELIGIBLE = [("eligible", "eligible"), ("not_eligible", "not eligible")]
MEANT = [("any", "for any"), ("meant", "meant for it"), ("not_meant", "not meant for it")]

register(
    Fact("lead_type", "lead type", Kind.CODE, column("lead_type"), words(LeadType)),
    Fact("source", "source", Kind.CODE, column("source_id"), rows(Source)),
    Fact("source_kind", "source kind", Kind.CODE, column("source__kind"), words(SourceKind)),
    Fact("source_intent", "source's intent", Kind.CODE, column("source__intent"), words(Intent)),
    Fact("language", "language", Kind.CODE, text("language")),
    Fact("for_whom", "for whom", Kind.CODE, text("for_whom"), words(ForWhom)),
    Fact("age", "age", Kind.NUMBER, column("age")),
    Fact("is_existing_patient", "existing patient", Kind.YES_NO, column("is_existing_patient")),
    Fact("zip", "ZIP", Kind.CODE, text("zip")),
    Fact("state", "state", Kind.CODE, text("state")),
    Fact("service", "service", Kind.CODE, column("service_id"), rows(ServiceLine), is_phi=True),
    Fact("service_training", "training the service asks for", Kind.CODE, service_training),
    Fact("service_by_video", "service may be given by video", Kind.YES_NO, column("service__telehealth")),
    Fact("preferred_clinic", "preferred clinic", Kind.CODE, column("preferred_clinic_id"), rows(Clinic)),
    Fact("request", "request", Kind.CODE, text("request"), words(Request)),
    Fact("question", "specific question", Kind.CODE, text("question"), is_phi=True),
    Fact("timing", "timing", Kind.CODE, column("timing_id"), rows(TimingWindow)),
    Fact("timing_kind", "kind of timing", Kind.CODE, column("timing__kind"), words(TimingWindow.Kind)),
    Fact("urgency", "urgency", Kind.CODE, text("urgency"), words(Urgency)),
    Fact("payer", "payer", Kind.CODE, column("payer_id"), rows(Payer), is_phi=True),
    Fact("referring_provider", "referring provider", Kind.CODE, text("referring_provider"), is_phi=True),
    Fact("organisation", "organisation", Kind.CODE, text("organisation")),
    Fact(
        "organisation_type", "type of organisation", Kind.CODE, column("organisation_type_id"), rows(OrganisationType)
    ),
    Fact("specialty", "specialty", Kind.CODE, column("specialty_id"), rows(Specialty)),
    Fact("care_setting", "care setting", Kind.CODE, column("care_setting_id"), rows(CareSetting)),
    Fact("npi", "NPI", Kind.CODE, text("npi")),
    Fact("sites", "number of sites", Kind.NUMBER, column("sites")),
    Fact("contact_role", "contact's role", Kind.CODE, text("contact_role"), words(ContactRole)),
    Fact("clinic_size", "size of the clinic or site", Kind.NUMBER, column("clinic_size")),
    Fact("budget", "budget", Kind.CODE, text("budget"), words(Budget)),
    Fact("rollout", "rollout", Kind.CODE, text("rollout")),
    Fact("approver", "approver", Kind.CODE, text("approver")),
    Fact("agreement", "agreement", Kind.CODE, text("agreement"), words(Agreement)),
    Fact("score", "score", Kind.NUMBER, column("score")),
    Fact("score_band", "score band", Kind.CODE, text("score_band"), words(Band)),
    Fact("fit", "fit", Kind.CODE, text("fit"), words(Band)),
    Fact("readiness", "readiness", Kind.CODE, text("readiness"), words(Band)),
    Fact("fit_check", "fit check", Kind.CODE, column("fit_check"), words(Verdict)),
    Fact("capacity_check", "capacity check", Kind.CODE, column("capacity_check"), words(Verdict)),
    Fact("readiness_check", "readiness check", Kind.CODE, column("readiness_check"), words(Verdict)),
    Fact("decision_path_check", "decision path check", Kind.CODE, column("decision_path_check"), words(Verdict)),
    Fact("decision", "decision", Kind.CODE, text("decision"), words(Decision)),
    Fact("next_step", "next step", Kind.CODE, text("next_step"), words(NextStep)),
    Fact("stage", "stage", Kind.CODE, column("stage"), words(Stage)),
    Fact("cycle", "cycle", Kind.NUMBER, column("cycle")),
    Fact("team", "team", Kind.CODE, text("team"), lambda: team_names().items()),
    Fact("hold_reason", "hold reason", Kind.CODE, column("hold_reason_id"), rows(HoldReason)),
    Fact("stop_reason", "stop reason", Kind.CODE, column("stop_reason_id"), rows(StopReason)),
    Fact(
        "service_status",
        "service status",
        Kind.CODE,
        lambda at: capacity.service_status(),
        lambda: SERVED,
        per=("lead_type", "service_id", "is_existing_patient"),
    ),
    Fact(
        "location_status",
        "location",
        Kind.CODE,
        lambda at: capacity.location_status(),
        lambda: PLACE,
        per=("lead_type", "service_id", "state", "latitude", "longitude"),
    ),
    Fact(
        "payer_status",
        "payer acceptance",
        Kind.CODE,
        lambda at: capacity.payer_status(),
        lambda: PAYING,
        per=("lead_type", "service_id", "payer_id", "state", "latitude", "longitude"),
    ),
    Fact("age_status", "age for the service", Kind.CODE, lambda at: capacity.age_status(at=at), lambda: ELIGIBLE),
    *(
        Fact(
            f"{short}_status",
            f"service and {label}",
            Kind.CODE,
            lambda at, name=name: capacity.meant_status(name),
            lambda: MEANT,
            per=("lead_type", "service_id", f"{name}_id"),
        )
        for short, name, label in (
            ("type", "organisation_type", "type of organisation"),
            ("specialty", "specialty", "specialty"),
            ("setting", "care_setting", "care setting"),
        )
    ),
    Fact("size_status", "service and size", Kind.CODE, lambda at: capacity.size_status(), lambda: MEANT),
    Fact(
        "miles_to_clinic",
        "miles to the nearest clinic",
        Kind.NUMBER,
        lambda at: capacity.miles_to_clinic(),
        per=("service_id", "latitude", "longitude"),
    ),
    Fact("days_until_slot", "days until the first open slot", Kind.NUMBER, days_until_slot),
    Fact(
        "referral_missing",
        "referral letter missing",
        Kind.YES_NO,
        lambda at: capacity.lacks(capacity.REFERRAL_LETTER, at=at),
    ),
    Fact(
        "referral_held", "referral letter held", Kind.YES_NO, lambda at: capacity.holds(capacity.REFERRAL_LETTER, at=at)
    ),
    Fact(
        "eligibility_missing",
        "benefits not verified yet",
        Kind.YES_NO,
        lambda at: capacity.lacks(capacity.ELIGIBILITY, at=at),
    ),
    Fact("documents_missing", "missing documents", Kind.NUMBER, lambda at: capacity.missing_documents(at=at)),
    Fact(
        "authorization_missing",
        "prior authorization missing",
        Kind.YES_NO,
        lambda at: capacity.needs_authorization(at=at),
    ),
    Fact("contradictions", "answers against the checks", Kind.NUMBER, contradictions),
    Fact("contact_points", "phone and e-mail held", Kind.NUMBER, contact_points),
    Fact("complete_fields", "of phone, e-mail, service and location given", Kind.NUMBER, complete_fields),
    Fact("has_grant", "permission granted", Kind.YES_NO, has_grant),
    Fact("ways_open", "of calls, texts and e-mail not withdrawn", Kind.NUMBER, ways_open),
    Fact("visit_ahead", "visit booked", Kind.YES_NO, visit_ahead),
    Fact("visit_for_service", "visit booked for the service asked for", Kind.YES_NO, visit_for_service),
    Fact("documents_held", "documents held", Kind.NUMBER, documents_held),
    Fact("days_known", "days since the first inquiry", Kind.NUMBER, days_known),
    Fact("no_shows", "appointments missed", Kind.NUMBER, no_shows),
    happened("inquiries", "forms sent", InteractionKind.FORM_SUBMISSION),
    happened("replies", "replies", *REPLIES),
    happened("webinars", "webinars attended", InteractionKind.WEBINAR_ATTENDED),
    happened("downloads", "guides downloaded", InteractionKind.GUIDE_DOWNLOAD),
    happened("page_visits", "page visits", InteractionKind.PAGE_VISIT),
    happened("email_opens", "e-mails opened", InteractionKind.EMAIL_OPEN),
    happened("email_clicks", "links in e-mails clicked", InteractionKind.EMAIL_CLICK),
    happened("calls_in", "calls from the lead", InteractionKind.INBOUND_CALL),
    happened("calls_out", "calls to the lead", *ATTEMPTED),
    days_since("days_since_inquiry", "days since the last form", InteractionKind.FORM_SUBMISSION),
    days_since("days_since_reply", "days since the last reply", *REPLIES),
    days_since("days_since_call", "days since the last call to the lead", *ATTEMPTED),
    days_since("quiet_days", "quiet days", *QUIET_SINCE_KINDS, otherwise="created_at"),
    Fact(
        "unanswered_attempts",
        "unanswered attempts",
        Kind.NUMBER,
        unanswered_attempts,
        gathered=unanswered_together,
    ),
    Fact("reply_waits", "reply that waits for an answer", Kind.YES_NO, reply_waits),
    Fact("emergency_waits", "words of an emergency that wait for a person", Kind.YES_NO, emergency_waits),
    Fact("scheduler_named", "who arranges visits is known", Kind.YES_NO, scheduler_named),
    *(
        Fact(f"answer_{code}", f"answer: {label}", Kind.CODE, answer_to(code), (lambda codes=codes: codes))
        for code, (label, codes) in ANSWERS.items()
    ),
)
