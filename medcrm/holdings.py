"""What the frameworks' own tables hold: staff, sessions, and the admin's log, whose titles name leads."""

from __future__ import annotations

from medcrm.lib.personal import Harmless, declare

declare(
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
