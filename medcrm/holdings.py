"""What the frameworks' own tables hold: staff, sessions, and the admin's log, whose titles name leads."""

from __future__ import annotations

from django.db.models import Q

from medcrm.lib.personal import Harmless, Holding, declare


def _shown(lead_ids: list[int], address_ids: list[int]) -> Q:
    """Entries of the access log that showed one of these."""
    names = [f"leads.lead:{pk}" for pk in lead_ids] + [f"consent.address:{pk}" for pk in address_ids]
    return Q(subjects__overlap=names)


declare(
    Holding(
        "audit.access",
        {"query": ""},
        about=_shown,
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
    Harmless(["contenttypes.contenttype", "pghistory.context"], "Names of tables, and which task or page wrote."),
)
