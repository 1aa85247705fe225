"""What does a person fill in to decide about a lead without a call?"""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from leads.models import HoldReason, StopReason
from leads.vocabulary import ORGANISATIONS, Outcome
from medcrm.lib.actions import ActionForm

# A visit is set by booking it.
OFFERED = [(outcome.value, outcome.label) for outcome in Outcome if outcome != Outcome.APPOINTMENT_SET]


class DecideForm(ActionForm):
    """An outcome, its reason where it has one, and the words that stay on the timeline."""

    outcome = forms.ChoiceField(label=_("Outcome"), choices=[("", _("choose…")), *OFFERED])
    reason = forms.ChoiceField(label=_("Reason for the hold or stop"), required=False)
    follow_up = forms.DateField(
        label=_("Hold until"), required=False, help_text=_("For a hold. Empty: the reason's usual number of days.")
    )
    note = forms.CharField(
        label=_("Note"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("What you know, and how. If a check failed, this is why you override it; a supervisor reviews it."),
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        if self.obj is not None and self.obj.lead_type not in ORGANISATIONS:
            kept = [pair for pair in self.fields["outcome"].choices if pair[0] != Outcome.CONCLUDED]
            self.fields["outcome"].choices = kept
        waits, stops = (model.objects.filter(is_active=True) for model in (HoldReason, StopReason))
        self.fields["reason"].choices = [
            ("", "—"),
            (_("It waits"), list(waits.values_list("pk", "name"))),
            (_("It stops"), list(stops.values_list("pk", "name"))),
        ]
        self.look()
