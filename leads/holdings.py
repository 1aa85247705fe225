"""What the leads room holds about a person, and what is left of it when the person is forgotten."""

from __future__ import annotations

from django.db.models import Exists, JSONField, OuterRef, Q, Subquery
from django.db.models.expressions import RawSQL
from django.db.models.functions import Greatest, Now, TruncDate
from django.utils.translation import gettext_lazy as _

from leads.lifecycle import OPEN
from leads.models import Appointment, Inquiry, Interaction, LeadEvent, Trigger
from leads.vocabulary import AppointmentState, NoteFact
from medcrm.lib.personal import Harmless, Holding, Retained, declare

RAW = {"raw_body": "", "repaired": None, "errors": {}, "remote_addr": None, "user_agent": "", "idempotency_key": ""}
RAW_GUARDS = ("leads.Inquiry:raw_is_kept",)
# What a caller put into the parts of a note; codes and counts of an entry stay.
WITHOUT_NOTE = RawSQL("facts - %s::text[]", (list(NoteFact.values),), output_field=JSONField())
# How a file is read stays; its first rows were shown when somebody said what its columns are.
WITHOUT_SAMPLE = RawSQL("""reading || '{"sample": []}'""", (), output_field=JSONField())
TIMELINE_GUARDS = ("leads.Interaction:timeline_is_append_only",)

IS_SOMEBODY = (
    ~Q(first_name="", last_name="", organisation="", zip="", question="")
    | Q(phone__value__isnull=False)
    | Q(email__value__isnull=False)
)
# A date on which it wakes by itself, or on which somebody is expected.
AWAITED = Q(
    Exists(Trigger.objects.filter(lead=OuterRef("pk"), due_at__isnull=False, fired_at=None, disarmed_at=None))
) | Q(
    Exists(
        Appointment.objects.filter(
            lead=OuterRef("pk"),
            status__in=[AppointmentState.BOOKED, AppointmentState.CONFIRMED],
            date__gte=TruncDate(Now()),
        )
    )
)
# When it left its last open stage, or something was last heard of it, whichever is later.
ENDED = Greatest(
    "created_at",
    Subquery(Interaction.objects.filter(lead=OuterRef("pk")).order_by("-at").values("at")[:1]),
    Subquery(
        LeadEvent.objects.filter(pgh_obj=OuterRef("pk"), stage__in=OPEN)
        .order_by("-pgh_created_at")
        .values("pgh_created_at")[:1]
    ),
)

declare(
    Holding(
        "leads.lead",
        {
            "first_name": "",
            "last_name": "",
            "preferred_time": "",
            "age": None,
            "is_existing_patient": None,
            "zip": "",
            "city": "",
            "latitude": None,
            "longitude": None,
            "question": "",
            "organisation": "",
            "referring_provider": "",
            "npi": "",
            "approver": "",
            "rollout": "",
            "next_action": "",
            "next_action_due_at": None,
            "advance_due_at": None,
        },
        lead="pk",
        kept="phone email preferred_channel language state timezone other_services score_parts team",
        why="What was asked for, when, and how it ended stays for statistics; the addresses are erased in the ledger.",
    ),
    Holding(
        "leads.leadevent",
        {
            "first_name": "",
            "last_name": "",
            "age": None,
            "is_existing_patient": None,
            "zip": "",
            "organisation": "",
            "referring_provider": "",
            "npi": "",
            "rollout": "",
            "approver": "",
        },
        lead="pgh_obj",
        guards=("leads.LeadEvent:append_only",),
        kept="pgh_label phone email preferred_channel language timezone",
        why="What staff changed, and when; the values are gone.",
    ),
    Holding(
        "leads.stakeholder",
        {"name": "—", "phone": None, "email": None},
        lead="lead",
        about=lambda lead_ids, address_ids: Q(phone__in=address_ids) | Q(email__in=address_ids),
    ),
    Holding("leads.authorization", {"reference": ""}, lead="lead"),
    Holding(
        "leads.inquiry",
        {**RAW, "campaign": "", "page_url": ""},
        lead="lead",
        mentions="raw_body",
        guards=RAW_GUARDS,
        kept="body_sha256",
    ),
    Holding("leads.interaction", {"text": "", "facts": {}}, lead="lead", guards=TIMELINE_GUARDS),
    Holding("leads.appointment", {"note": "", "starts_at": None}, lead="lead"),
    Holding(
        "leads.qualification",
        {"explanation": {}, "override_reason": "", "outreach": {}},
        lead="lead",
        kept="unknown",
    ),
    Holding("leads.answer", {"value": ""}, lead="lead", kept="code"),
    Holding("leads.trigger", {"fired_by": {}}, lead="lead"),
    Holding("leads.scorechange", {}, lead="lead", kept="parts", why="Points by category."),
    Holding(
        "leads.snapshot",
        {"facts": {}, "inputs": {}},
        lead="lead",
        kept="next_step hold_reason stop_reason",
        why="Codes.",
    ),
    Holding("leads.milestone", {}, lead="lead", kept="left_out team", why="Dates and codes for reports."),
    Holding("leads.leadlink", {"reason": ""}, lead="one"),
    Holding("leads.mergedfacts", {"filled": {}}, lead="lead"),
    Holding("leads.duplicatecandidate", {}, lead="one", kept="reasons", why="Codes of what looks alike."),
    Holding("leads.importrow", {"cells": [], "problems": []}, lead="lead", mentions="cells"),
    Holding(
        "leads.importrun",
        {"preview": [], "reading": WITHOUT_SAMPLE},
        about=lambda lead_ids, address_ids: Q(
            pk__in=Inquiry.objects.filter(lead__in=lead_ids, import_run__isnull=False).values("import_run")
        ),
        mentions="reading preview",
        kept="kind file file_name sha256 mapping options counts undo_counts problem",
        why="A file holds many people: it goes when one of them is forgotten, and a month after its import.",
    ),
    Holding(
        "leads.export",
        {"filters": {}},
        lead="lead",
        kept="what reason file sha256 problem",
        why="Who took what out and why; the file expires.",
    ),
    Harmless(
        """leads.documentevent leads.timingwindowevent leads.servicelineevent leads.clinicevent leads.payerevent
        leads.sourceevent leads.dispositionevent leads.triggerkindevent leads.stopreasonevent leads.holdreasonevent
        leads.missingkindevent leads.organisationtypeevent leads.specialtyevent leads.caresettingevent
        leads.scoringmodelevent leads.scoringcategoryevent leads.nextstepsetevent
        leads.checklistevent leads.questionevent leads.offeringevent leads.offeringpayerevent""".split(),
        "What staff changed in catalogue, vocabulary and rules.",
    ),
    Harmless(
        """leads.importmapping leads.duplicatesearch leads.opening leads.publication leads.backtest
        leads.preview leads.proposal leads.rulereview leads.summary""".split(),
        "Columns of files, runs, how many, and what a rule did to how many.",
    ),
    Harmless(
        """leads.document leads.timingwindow leads.serviceline leads.clinic leads.payer leads.source
        leads.sourcekey leads.disposition leads.triggerkind leads.stopreason leads.holdreason leads.missingkind
        leads.organisationtype leads.specialty leads.caresetting leads.scoringmodel leads.scoringcategory
        leads.scoringrule leads.scoringruleevent leads.bandrule leads.bandruleevent leads.nextstepset
        leads.nextsteprule leads.nextstepruleevent leads.checklist leads.question leads.emergencyphrase
        leads.emergencyphraseevent""".split(),
        "Catalogue, vocabulary and rules that staff write.",
    ),
    Retained(
        "rejected_rows",
        _("Rows of imports that were not taken"),
        "leads.importrow",
        "run__created_at",
        source="The files themselves go a month after the import, those of exports after a day.",
    ),
    Retained(
        "raw_inquiries",
        _("Raw bodies of inquiries that were taken in"),
        "leads.inquiry",
        "received_at",
        emptied=RAW,
        condition=Q(status="accepted") & ~Q(raw_body=""),
        lead="lead",
        guards=RAW_GUARDS,
        source="What was said is on the lead; the hash of the body stays.",
    ),
    Retained(
        "refused_inquiries",
        _("Inquiries that could not be taken in"),
        "leads.inquiry",
        "received_at",
        emptied=RAW,
        condition=Q(status__in=["refused", "discarded"]) & ~Q(raw_body=""),
        lead="lead",
        guards=RAW_GUARDS,
    ),
    *(
        Retained(
            code,
            label,
            "leads.interaction",
            "at",
            emptied={"text": "", "facts": WITHOUT_NOTE},
            condition=Q(lead__stage__in=stages) & (~Q(text="") | Q(facts__has_any_keys=NoteFact.values)),
            lead="lead",
            guards=TIMELINE_GUARDS,
        )
        for code, label, stages in (
            ("timeline_words", _("Notes and words on the timeline of stopped and lost leads"), ["stopped", "lost"]),
            ("timeline_words_won", _("Notes and words on the timeline of converted leads"), ["converted"]),
        )
    ),
    *(
        Retained(
            code,
            label,
            "leads.lead",
            ENDED,
            condition=Q(stage__in=stages, merged_into=None) & IS_SOMEBODY & ~AWAITED,
            lead="pk",
            source="All goes that an erasure empties, with the addresses and the proof of permission:"
            " keep that for six years after the last contact. Figures stay.",
            whole=True,
        )
        for code, label, stages in (
            ("closed_leads", _("Leads that were stopped or lost"), ["stopped", "lost"]),
            ("closed_leads_won", _("Leads that converted"), ["converted"]),
        )
    ),
)
