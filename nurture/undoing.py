"""What of a sequence goes with an imported lead that is taken out again? All of it, unless something was sent."""

from __future__ import annotations

from django.db.models import Q

from leads.importing import releasing

releasing.MACHINE_MADE |= {
    "nurture.enrollment": releasing.MachineMade(Q(messages__isnull=False) | Q(by__isnull=False)),
    "nurture.calltask": releasing.MachineMade(Q(is_done=True)),
}
