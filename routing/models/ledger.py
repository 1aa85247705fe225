"""What happened to the responsibility for a lead: assignments, handoffs, clocks and leases."""

from __future__ import annotations

import pghistory
import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from leads.models import Interaction, Lead
from medcrm.lib.models import over_time
from medcrm.lib.moments import said
from routing.models.rules import OnBreach, RoutingRule, Script
from routing.models.teams import Team
from routing.querysets import ClockQuerySet, HandoffQuerySet
from routing.vocabulary import AssignedBecause, Owed


def user_key(related_name: str = "+", *, null: bool = True) -> models.ForeignKey:
    return models.ForeignKey(
        settings.AUTH_USER_MODEL, null=null, blank=null, on_delete=models.PROTECT, related_name=related_name
    )


def team_key(*, null: bool = True, db_index: bool = True) -> models.ForeignKey:
    return models.ForeignKey(Team, null=null, blank=null, on_delete=models.PROTECT, related_name="+", db_index=db_index)


class Assignment(models.Model):
    """One change of owner or team, with the path that led to it. Never changed, never deleted: the fold of a lead's
    assignments in key order is its owner and team."""

    lead = models.ForeignKey(Lead, on_delete=models.PROTECT, related_name="assignments", db_index=False)
    from_team = team_key()
    from_owner = user_key()
    to_team = team_key(null=False, db_index=False)
    to_owner = user_key("assignments")
    because = models.CharField(max_length=12, choices=AssignedBecause.choices)
    rule = models.ForeignKey(RoutingRule, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    path = models.JSONField(default=dict, help_text=_("Each rule tried; each candidate and why not."))
    step = models.CharField(max_length=15, choices=Owed.choices, blank=True, help_text=_("What was owed then."))
    cycle = models.PositiveSmallIntegerField(default=1)
    note = models.CharField(max_length=300, blank=True, help_text=_("The reason a person gave."))
    by = user_key()
    at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            # read by the lead page and routing.assignment.replay
            models.Index(name="assignment_lead", fields=["lead", "id"]),
            # read by routing.roster: how many were given to an agent today
            models.Index(name="assignment_given", fields=["to_owner", "at"], condition=Q(to_owner__isnull=False)),
            # read by the list of assignments
            models.Index(name="assignment_to_team", fields=["to_team", "id"]),
            # read by the report of handoffs: who was given once more
            over_time("assignment", "at"),
        ]
        constraints = [
            models.CheckConstraint(name="assignment_reason_known", condition=Q(because__in=AssignedBecause.values)),
            models.CheckConstraint(
                name="assignment_by_hand_says_why",
                condition=~Q(because="reassigned") | (Q(by__isnull=False) & ~Q(note="")),
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="assignments_are_append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.lead} → {self.to_team} · {self.to_owner or _('queue')}"


class HandoffState(models.TextChoices):
    OFFERED = "offered", _("Offered")
    ACCEPTED = "accepted", _("Accepted")
    RETURNED = "returned", _("Returned")
    CLOSED = "closed", _("Closed")


HANDOFF_OPEN = Q(state__in=[HandoffState.OFFERED, HandoffState.ACCEPTED])


class ReturnReason(models.TextChoices):
    WRONG_TEAM = "wrong_team", _("Belongs to another team")
    INCOMPLETE = "incomplete", _("Something needed is missing")
    NOT_REACHABLE = "not_reachable", _("No permitted way to reach the lead")
    NO_CAPACITY = "no_capacity", _("The team cannot take it in time")
    OTHER = "other", _("Other, see the note")


@pghistory.track()
class Handoff(models.Model):
    """What the next person needs to continue [R28]. The packet may be re-issued until it is accepted, then it is
    frozen; what comes later is added, dated, beside it."""

    lead = models.ForeignKey(Lead, on_delete=models.PROTECT, related_name="handoffs")
    from_team = team_key()
    from_owner = user_key()
    to_team = team_key(null=False, db_index=False)
    to_owner = user_key("handoffs")
    rule = models.ForeignKey(RoutingRule, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    script = models.ForeignKey(Script, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=HandoffState.choices, default=HandoffState.OFFERED)
    packet = models.JSONField()
    issue = models.PositiveSmallIntegerField(default=1, help_text=_("How often the packet was issued."))
    additions = models.JSONField(default=list, blank=True, help_text=_("What came after acceptance, each dated."))
    offered_at = models.DateTimeField()
    issued_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = user_key()
    returned_at = models.DateTimeField(null=True, blank=True)
    returned_by = user_key()
    return_reason = models.CharField(max_length=15, choices=ReturnReason.choices, blank=True)
    note = models.CharField(max_length=300, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = HandoffQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            # read by a team's inbox: what waits to be accepted, oldest first
            models.Index(name="handoff_offered", fields=["to_team", "offered_at"], condition=Q(state="offered")),
            # read by the report of returned handoffs
            models.Index(name="handoff_returned", fields=["returned_at"], condition=Q(returned_at__isnull=False)),
            over_time("handoff", "offered_at"),
            # read by the list of handoffs: of a team, in a state (most are closed), returned for a reason
            models.Index(name="handoff_to_team", fields=["to_team", "id"]),
            models.Index(name="handoff_in_state", fields=["state", "id"], condition=~Q(state="closed")),
            models.Index(name="handoff_reason", fields=["return_reason", "id"], condition=~Q(return_reason="")),
        ]
        constraints = [
            models.UniqueConstraint(name="one_open_handoff", fields=["lead"], condition=HANDOFF_OPEN),
            models.CheckConstraint(name="handoff_state_known", condition=Q(state__in=HandoffState.values)),
            models.CheckConstraint(
                name="handoff_acceptance_is_signed",
                condition=~Q(state="accepted") | Q(accepted_at__isnull=False, accepted_by__isnull=False),
            ),
            models.CheckConstraint(
                name="handoff_return_has_reason",
                condition=~Q(state="returned")
                | (Q(returned_at__isnull=False, returned_by__isnull=False) & ~Q(return_reason="")),
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="packet_is_frozen",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Q(old__accepted_at__isnull=False)
                & (
                    pgtrigger.Q(old__packet__df=pgtrigger.F("new__packet"))
                    | pgtrigger.Q(old__accepted_at__df=pgtrigger.F("new__accepted_at"))
                    | pgtrigger.Q(old__issue__df=pgtrigger.F("new__issue"))
                ),
                func="RAISE EXCEPTION 'The packet of an accepted handoff is frozen; add to it instead.';",
            ),
            pgtrigger.Trigger(
                name="additions_only_grow",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Q(old__additions__df=pgtrigger.F("new__additions")),
                func="""
                    IF NEW.accepted_at IS NULL
                       OR jsonb_array_length(NEW.additions) < jsonb_array_length(OLD.additions)
                       OR NOT NEW.additions @> OLD.additions
                    THEN RAISE EXCEPTION 'Additions to a handoff are appended after acceptance, never rewritten.';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.lead} → {self.to_team} ({self.get_state_display()})"

    def current_packet(self) -> dict[str, object]:
        """The packet with everything that was added since."""
        merged = dict(self.packet)
        for addition in self.additions:
            merged |= addition["facts"]
        return merged


CLOCK_OPEN = Q(met_at__isnull=True, ended_at__isnull=True)


class Clock(models.Model):
    """Something owed to a lead by a team, with its due time in the team's working time. Only a human act meets it."""

    class Ended(models.TextChoices):
        SUPERSEDED = "superseded", _("Something else is owed now")
        NOT_NEEDED = "not_needed", _("Nothing is owed any more")
        HANDED_OVER = "handed_over", _("Another team owes it now")

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="clocks")
    owed = models.CharField(max_length=15, choices=Owed.choices)
    cycle = models.PositiveSmallIntegerField()
    team = team_key(null=False, db_index=False)
    owner = user_key("clocks")
    why = models.CharField(max_length=120, blank=True, help_text=_("What started it, e.g. “promised a call back”."))
    cause = models.ForeignKey(
        Interaction,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text=_("The act that promised it or led to it; blank: the road alone."),
    )
    started_at = models.DateTimeField()
    due_at = models.DateTimeField()
    warn_at = models.DateTimeField()
    on_breach = models.CharField(max_length=10, choices=OnBreach.choices, default=OnBreach.NOTIFY)
    marks_away = models.BooleanField(default=False)
    is_promise = models.BooleanField(default=False, help_text=_("A person named this time to the lead."))
    warned_at = models.DateTimeField(null=True, blank=True)
    breached_at = models.DateTimeField(null=True, blank=True)
    met_at = models.DateTimeField(null=True, blank=True)
    met_by = user_key()
    met_act = models.ForeignKey(
        Interaction, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", help_text=_("What met it.")
    )
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_because = models.CharField(max_length=12, choices=Ended.choices, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_until = models.DateTimeField(
        null=True, blank=True, help_text=_("The due time was moved by the working time of the pause.")
    )
    not_before = models.DateTimeField(
        null=True, blank=True, help_text=_("“Call next” does not offer it earlier: the contact gate said so.")
    )
    held_code = models.CharField(max_length=40, blank=True, help_text=_("What the gate said, e.g. QUIET_HOURS."))

    objects = ClockQuerySet.as_manager()

    class Meta:
        ordering = ["due_at"]
        indexes = [
            # read by routing.sweep: what is about to be late, and what is late
            models.Index(name="clock_to_warn", fields=["warn_at"], condition=CLOCK_OPEN & Q(warned_at__isnull=True)),
            models.Index(name="clock_to_breach", fields=["due_at"], condition=CLOCK_OPEN & Q(breached_at__isnull=True)),
            # read by routing.worklist: what a caller owes, and what nobody of the team has taken yet
            models.Index(name="clock_of_owner", fields=["owner", "due_at"], condition=CLOCK_OPEN),
            models.Index(
                # the board reads what it counts from the index
                name="clock_in_queue",
                fields=["team", "due_at"],
                include=["lead", "breached_at"],
                condition=CLOCK_OPEN & Q(owner__isnull=True),
            ),
            # read by routing.worklist: promises of a team's queue that have come due
            models.Index(
                name="clock_promised", fields=["team", "owner", "due_at"], condition=CLOCK_OPEN & Q(is_promise=True)
            ),
            # read by routing.worklist: leads with whom another time is agreed
            models.Index(
                name="clock_to_follow_up", fields=["lead", "due_at"], condition=CLOCK_OPEN & Q(owed="follow_up")
            ),
            over_time("clock", "started_at"),
            # read by the list of clocks: of a team, of what is owed, ended for a reason
            models.Index(name="clock_of_team", fields=["team", "id"]),
            models.Index(name="clock_owed", fields=["owed", "id"]),
            # read by the list of teams: how much each owes
            models.Index(name="clock_open", fields=["team"], condition=CLOCK_OPEN),
            models.Index(name="clock_ended", fields=["ended_because", "id"], condition=~Q(ended_because="")),
            # read by the team board: breaches that still stand
            models.Index(
                name="clock_breached",
                fields=["team", "breached_at"],
                condition=CLOCK_OPEN & Q(breached_at__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint(name="one_open_clock_per_owed", fields=["lead", "owed"], condition=CLOCK_OPEN),
            models.CheckConstraint(
                name="clock_met_or_ended", condition=Q(met_at__isnull=True) | Q(ended_at__isnull=True)
            ),
            models.CheckConstraint(
                name="clock_met_by_a_person",
                condition=Q(met_at__isnull=True) | Q(met_by__isnull=False) | Q(met_act__isnull=False),
            ),
            models.CheckConstraint(name="clock_owed_known", condition=Q(owed__in=Owed.values)),
            models.CheckConstraint(name="clock_warns_before_due", condition=Q(warn_at__lte=F("due_at"))),
        ]

    def __str__(self) -> str:
        return f"{self.get_owed_display()} · {said(self.due_at)}"


class Notice(models.Model):
    """Something a member of staff must know; shown in the admin, and sent by mail once."""

    class Kind(models.TextChoices):
        GIVEN = "given", _("New leads for you")
        TAKEN = "taken", _("Leads taken over from you")
        WARNING = "warning", _("Nearly late")
        BREACH = "breach", _("Late")
        RETURNED = "returned", _("Handoff returned")
        EXHAUSTED = "exhausted", _("All attempts used up")
        AWAY = "away", _("Marked away after silence")
        INCIDENT = "incident", _("Emergencies on calls, to be reviewed")

    user = user_key("notices")
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.CASCADE, related_name="notices", help_text=_("To all of a team.")
    )
    kind = models.CharField(max_length=10, choices=Kind.choices)
    count = models.PositiveIntegerField(default=1, help_text=_("Of leads; notices of one kind add up until read."))
    at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            # read by the admin's bell
            models.Index(name="notice_unread", fields=["user", "-id"], condition=Q(read_at__isnull=True)),
            # read by routing.notices.send_due
            models.Index(name="notice_to_mail", fields=["user"], condition=Q(mailed_at__isnull=True)),
        ]
        constraints = [
            models.CheckConstraint(
                name="notice_is_to_one", condition=Q(user=None, team__isnull=False) | Q(user__isnull=False, team=None)
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.count}"


class Lease(models.Model):
    """Who has a lead open from “call next”; one row per lead, so two callers never hold the same one."""

    lead = models.OneToOneField(Lead, primary_key=True, on_delete=models.CASCADE, related_name="lease")
    user = user_key("leases", null=False)
    taken_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [
            # read by routing.worklist: what a caller holds now
            models.Index(name="lease_of_user", fields=["user", "expires_at"])
        ]

    def __str__(self) -> str:
        return f"{self.lead_id} · {self.user} · {self.expires_at:%H:%M}"
