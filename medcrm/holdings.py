"""What the frameworks' own tables hold: staff, sessions, and the admin's log, whose titles name leads."""

from __future__ import annotations

from urllib.parse import quote_plus

from django.apps import apps
from django.db.models import JSONField, Q
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext_lazy as _

from leads.models import Lead
from medcrm.lib import personal
from medcrm.lib.personal import Harmless, Holding, Retained, declare

SIX_YEARS = 6 * 365 + 2  # [45 CFR 164.316(b)(2)(i)]
WITHOUT_WHY = RawSQL("metadata - 'why'", (), output_field=JSONField())


def _shown(lead_ids: list[int], address_ids: list[int]) -> Q:
    """Entries of the access log that showed one of these, or a search for the whole name that may have shown nobody."""
    names = [f"leads.lead:{pk}" for pk in lead_ids] + [f"consent.address:{pk}" for pk in address_ids]
    found = Q(subjects__overlap=names)
    for first, last in Lead.objects.filter(pk__in=lead_ids).values_list("first_name", "last_name"):
        if first and last:
            found |= Q(query__icontains=quote_plus(first)) & Q(query__icontains=quote_plus(last))
    return found


def _written_meanwhile(lead_ids: list[int], address_ids: list[int]) -> Q:
    """Contexts of changes to the person's rows; a person may have written into one why the change was made."""
    found = Q(pk__in=[])
    for holding in personal.HOLDINGS.values():
        if any(field.name == "pgh_context" for field in apps.get_model(holding.model)._meta.concrete_fields):
            found |= Q(pk__in=holding.rows(lead_ids, address_ids).exclude(pgh_context=None).values("pgh_context"))
    return found


declare(
    Holding(
        "audit.access",
        {"query": ""},
        about=_shown,
        mentions="query",
        guards=("audit.Access:append_only",),
        kept="client action model subjects method path address",
        why="Who saw what stays on record, by number; what was searched for goes.",
    ),
    Harmless(["audit.loginevent", "audit.roleheldevent"], "Members of staff and their roles."),
    Harmless(
        """auth.user auth.group auth.permission account.emailaddress account.emailconfirmation mfa.authenticator
        usersessions.usersession socialaccount.socialapp socialaccount.socialaccount
        socialaccount.socialtoken""".split(),
        "Members of staff and how they sign in; they are no persons whom we contact.",
    ),
    Harmless(["sessions.session"], "Ends with the session, minutes after its last request."),
    Harmless(["admin.logentry"], "Titles of a forgotten person's rows are replaced by privacy.erasure."),
    Holding(
        "pghistory.context",
        {"metadata": WITHOUT_WHY},
        about=_written_meanwhile,
        why="Who, by which page or task; the reason in a person's words goes.",
    ),
    Harmless(["contenttypes.contenttype"], "Names of tables."),
    Retained(
        "access_log",
        _("Access log"),
        "audit.access",
        "at",
        guards=("audit.Access:append_only",),
        source="Six years at least, by 45 CFR 164.316(b)(2)(i).",
        least=SIX_YEARS,
    ),
)
