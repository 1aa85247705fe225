"""What the gateway holds about a person: nothing but ids and codes."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from medcrm.lib.personal import Harmless, Retained, declare

declare(
    Harmless(
        """gateway.client gateway.key gateway.answered gateway.subscription gateway.outboxevent gateway.delivery
        gateway.try gateway.clientevent gateway.subscriptionevent""".split(),
        "Systems, hashes of keys, and events of ids and codes.",
    ),
    Retained("webhook_log", _("Events told to other systems"), "gateway.outboxevent", "at", lead="lead"),
)
