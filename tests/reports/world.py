"""A small past of raw rows of every kind that reports read, drawn at random: late, early, missing and left-out ones."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from uuid import uuid4
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User

from consent.models import Address, ConsentEvent, Permission, Seller
from leads import milestones
from leads.models import (
    Appointment,
    HoldReason,
    Inquiry,
    Interaction,
    Lead,
    MissingItem,
    MissingKind,
    Qualification,
    ScoreChange,
    ScoringModel,
    Source,
    Trigger,
    TriggerKind,
)
from medcrm.lib.models import VersionStatus
from nurture.models import Enrollment, Message, Sequence, Skip, Wording
from nurture.vocabulary import Medium
from routing.models import Assignment, Clock, Handoff
from tests.reports import raw

SOURCES, SERVICES, CLINICS = ("web_consult", "landing", "guide"), ("ortho", "pt", None), ("aus", "elp", None)
TEAMS = ("scheduling", "intake")
BANDS, VERDICTS = ("high", "medium", "low"), ("pass", "fail", "unknown")
CALLS = (
    ("call", "outbound", "no_answer"),
    ("call", "outbound", "needs_to_think"),
    ("voicemail", "outbound", None),
    ("inbound_call", "inbound", "appointment_set"),
    ("inbound_call", "inbound", None),
    ("note", "internal", None),
)


class World:
    """Makes the rows of one past; `dice` decides everything."""

    def __init__(self, dice: Random, now: datetime) -> None:
        self.dice, self.now = dice, now
        self.users = list(User.objects.filter(agent__isnull=False).order_by("pk")[:2])
        self.seller = Seller.objects.first()
        self.keys, self.days = iter(range(10**6, 10**7)), iter(range(10**4))

    def some(self, most: int) -> range:
        return range(self.dice.randint(0, most))

    def moment(self, since: datetime, days: float) -> datetime:
        return since + timedelta(minutes=self.dice.randint(0, int(days * 1440)))

    def maybe(self, value: object, other: object = None) -> object:
        return value if self.dice.random() < 0.6 else other

    def make(self, number: int) -> None:
        rows: list[Lead] = []
        for _ in range(number):
            rows.append(self.lead(rows))
            self.story(rows[-1])
        for _ in self.some(6):
            self.inquiry(None)
        self.rows, self.passing = rows, [self.lead([]) for _ in self.some(2)]
        raw.with_triggers()
        milestones.refresh([row.pk for row in (*self.rows, *self.passing)])

    def go_on(self) -> None:
        """Things are told late of some leads, some turn out to be somebody else's or a test, and some are deleted."""
        some = [row for row in self.rows if self.dice.random() < 0.4]
        raw.without_triggers()
        for row in some:
            self.talks(row)
            row.is_test, row.source_id = self.dice.random() < 0.3, self.dice.choice(SOURCES)
            row.save()
        raw.with_triggers()
        milestones.refresh([row.pk for row in some])
        for row in self.passing:
            row.delete()

    def address(self, kind_of: str) -> Address:
        row = raw.address(kind_of)
        for channel in ("voice", "sms") if kind_of == "phone" else ("email",):
            if self.dice.random() < 0.7:
                state = self.dice.choice(["granted", "blocked"])
                Permission.objects.create(address=row, channel=channel, state=state, seq=1)
        for place in self.some(2):
            at = self.moment(self.now - timedelta(days=5), 8)
            raw.put(
                [
                    ConsentEvent(
                        id=uuid4(),
                        address=row,
                        seq=place + 1,
                        kind=self.dice.choice(["revoke", "email_unsub", "clarify"]),
                        occurred_at=at,
                        recorded_at=self.moment(at, 1),
                        scope="all",
                        commitment="0",
                        prev_hash="0",
                        hash="0",
                    )
                ]
            )
        for _ in self.some(3):
            channel = self.dice.choice(["sms", "voice_manual", "voice_ai"]) if kind_of == "phone" else "email"
            kind = self.dice.choice(["allow", "deny"])
            state = self.dice.choice(["sent", "unknown", "cancelled", "failed"]) if kind == "allow" else "refused"
            why = self.dice.choice(["OK", "QUIET_HOURS"])
            at = self.moment(self.now - timedelta(days=5), 8)
            zones = self.dice.sample(
                ["America/Chicago", "America/New_York", "Pacific/Honolulu"], self.dice.randint(0, 2)
            )
            raw.attempts(
                row,
                1,
                at=at,
                basis={"decision": {"local_times": [at.astimezone(ZoneInfo(zone)).isoformat() for zone in zones]}},
                purpose=self.dice.choice(["marketing", "informational", "conversational_reply"]),
                kind=kind,
                state=state,
                code=why,
                sentence=why,
                channel=channel,
            )
        return row

    def lead(self, others: list[Lead]) -> Lead:
        dice, far = self.dice, self.dice.random() < 0.4
        stage = dice.choice(["working", "working", "held", "stopped", "converted", "lost"])
        held, stopped = stage == "held", stage == "stopped"
        owner = dice.choice([*self.users, None])
        return Lead.objects.create(
            lead_type=dice.choice(["patient", "patient", "b2b"]),
            source_id=dice.choice(SOURCES),
            service_id=dice.choice(SERVICES),
            preferred_clinic_id=dice.choice(CLINICS),
            stage=stage,
            decision="hold" if held else "stop" if stopped else dice.choice(["forward", "review"]),
            hold_reason=HoldReason.objects.order_by("pk").first() if held else None,
            stop_reason_id=dice.choice(["spam", "duplicate", "price", "not_interested"]) if stopped else None,
            team=dice.choice(TEAMS) if owner else dice.choice([*TEAMS, ""]),
            owner=owner,
            cycle=dice.choice([1, 1, 2]),
            is_test=dice.random() < 0.1,
            merged_into=dice.choice(others) if others and dice.random() < 0.1 else None,
            phone=self.maybe(self.address("phone")),
            email=self.maybe(self.address("email")),
            zip=dice.choice(["78704", ""]),
            created_at=self.moment(self.now - timedelta(days=90 if far else 4), 50 if far else 7),
        )

    def story(self, lead: Lead) -> None:
        self.talks(lead)
        self.cycles(lead)
        self.work(lead)
        self.outreach(lead)
        for _ in self.some(2):
            self.inquiry(lead)

    def talks(self, lead: Lead) -> None:
        dice = self.dice
        for _ in self.some(4):
            kind, direction, said = dice.choice(CALLS)
            attempt = next(self.keys) if direction == "outbound" else None
            raw.put(
                [
                    Interaction(
                        lead=lead,
                        kind=kind,
                        direction=direction,
                        disposition_id=said,
                        attempt_id=attempt,
                        at=self.moment(lead.created_at, 6),
                    )
                ]
            )
        for _ in self.some(2):
            booked = self.moment(lead.created_at, 20)
            status = dice.choice(["booked", "attended", "no_show", "cancelled"])
            raw.put(
                [
                    Appointment(
                        lead=lead,
                        service_id="ortho",
                        clinic_id=dice.choice(CLINICS[:2]),
                        status=status,
                        created_at=booked,
                        date=self.now.date() + timedelta(days=next(self.days)),
                        changed_at=self.moment(booked, 9),
                    )
                ]
            )

    def cycles(self, lead: Lead) -> None:
        dice = self.dice
        for cycle in range(1, lead.cycle + 1):
            row = Qualification.objects.create(
                lead=lead,
                cycle=cycle,
                opened_at=lead.created_at,
                closed_at=self.now if cycle < lead.cycle else None,
                decision=dice.choice(["forward", "hold", "stop", ""]),
                fit=dice.choice([*BANDS, ""]),
                readiness=dice.choice([*BANDS, ""]),
                fit_check=dice.choice(VERDICTS),
                capacity_check=dice.choice(VERDICTS),
                override_reason=self.maybe("", "I know them."),
            )
        for kind in TriggerKind.objects.order_by("pk")[: dice.randint(0, 2)]:
            armed = self.moment(lead.created_at, 3)
            end = dice.choice(["", "", "fired_at", "disarmed_at"])
            Trigger.objects.create(
                lead=lead, qualification=row, kind=kind, armed_at=armed, **({end: armed} if end else {})
            )
        for _ in self.some(2):
            model = ScoringModel.objects.get(lead_type=lead.lead_type, status=VersionStatus.PUBLISHED)
            rules = list(model.rules.order_by("pk").values_list("pk", flat=True))
            raw.put(
                [
                    ScoreChange(
                        lead=lead,
                        model=model,
                        at=self.moment(lead.created_at, 2),
                        new_score=dice.randint(0, 100),
                        new_band=dice.choice(BANDS),
                        hits=sorted(dice.sample(rules, dice.randint(0, 3))),
                    )
                ]
            )

    def work(self, lead: Lead) -> None:
        dice = self.dice
        for _ in self.some(2):
            start, owed = self.moment(lead.created_at, 3), dice.choice(["first_attempt", "booking", "review"])
            due = start + timedelta(hours=4)
            end = dice.choice(["met_at", "met_at", "ended_at", ""])
            more = {end: self.moment(start, 1)} if end else {}
            raw.put(
                [
                    Clock(
                        lead=lead,
                        owed=owed,
                        cycle=1,
                        team_id=dice.choice(TEAMS),
                        owner=dice.choice([None, *self.users]),
                        started_at=start,
                        due_at=due,
                        warn_at=start,
                        breached_at=dice.choice([None, due]),
                        met_by=self.users[0] if end == "met_at" else None,
                        **more,
                    )
                ]
            ) if end or not lead.clocks.filter(owed=owed, met_at=None, ended_at=None).exists() else None
        for _ in self.some(2):
            at = self.moment(lead.created_at, 3)
            fate = dice.choice(["closed", "returned"])
            more = {"closed_at": at}
            if fate == "returned":
                more = {
                    "returned_at": at,
                    "returned_by": self.users[0],
                    "return_reason": dice.choice(["wrong_team", "incomplete"]),
                }
            if dice.random() < 0.5:
                more |= {"accepted_at": self.moment(at, 0.2), "accepted_by": self.users[1]}
            raw.put(
                [
                    Handoff(
                        lead=lead,
                        to_team_id=dice.choice(TEAMS),
                        state=fate,
                        packet={},
                        offered_at=at,
                        issued_at=at,
                        **more,
                    )
                ]
            )
        for _ in self.some(3):
            because = dice.choice(["rule", "reassigned", "breach", "returned", "claimed"])
            raw.put(
                [
                    Assignment(
                        lead=lead,
                        from_team_id=dice.choice([None, *TEAMS]),
                        to_team_id=dice.choice(TEAMS),
                        because=because,
                        by=self.users[0],
                        note="Theirs.",
                        at=self.moment(lead.created_at, 3),
                    )
                ]
            )
        for kind in MissingKind.objects.order_by("pk")[: dice.randint(0, 2)]:
            at = self.moment(lead.created_at, 3)
            MissingItem.objects.create(
                lead=lead, kind=kind, origin="check", opened_at=at, settled_at=dice.choice([None, self.moment(at, 5)])
            )

    def outreach(self, lead: Lead) -> None:
        dice = self.dice
        sequences = list(Sequence.objects.filter(code__in=["first_visit", "education"], status=VersionStatus.PUBLISHED))
        for _ in self.some(2):
            start, sequence = self.moment(lead.created_at, 3), dice.choice(sequences)
            state = dice.choice(["finished", "exited", "exited", "refused"])
            code = (
                ""
                if state == "finished"
                else dice.choice(["replied", "booked", "unwanted", "no_channel", "no_longer_matches"])
            )
            if state == "refused" and lead.enrollments.filter(sequence=sequence, state="refused").exists():
                continue
            [row] = raw.put(
                [
                    Enrollment(
                        lead=lead,
                        sequence=sequence,
                        cycle=1,
                        state=state,
                        started_at=start,
                        ended_at=self.moment(start, 6),
                        exit_code=code,
                    )
                ]
            )
            for step in list(sequence.steps.all())[: dice.randint(0, 3)]:
                at = self.moment(start, 5)
                if dice.random() < 0.4:
                    kind, why = dice.choice(["skipped", "held"]), dice.choice(["TOO_LATE", "NO_ADDRESS"])
                    raw.put(
                        [
                            Skip(
                                enrollment=row,
                                step=step,
                                kind=kind,
                                code=why,
                                at=at,
                                sentence=why,
                                until=at if kind == "held" else None,
                            )
                        ]
                    )
                    continue
                if step.template.medium == Medium.CALL:
                    continue
                [attempt] = raw.attempts(raw.address(), 1, at=at, channel=step.template.medium)
                state = dice.choice(["reserved", "sent", "delivered", "bounced", "replied", "failed", "unknown"])
                raw.put(
                    [
                        Message(
                            attempt=attempt,
                            enrollment=row,
                            step=step,
                            wording=Wording.objects.first(),
                            state=state,
                            body="Hello",
                            reserved_at=at,
                        )
                    ]
                )

    def inquiry(self, lead: Lead | None) -> None:
        status = self.dice.choice(["accepted", "refused"]) if lead else "refused"
        raw.put(
            [
                Inquiry(
                    source=Source.objects.get(pk=self.dice.choice(SOURCES)),
                    raw_body="{}",
                    body_sha256="0",
                    lead=lead,
                    status=status,
                    is_repeat=self.dice.random() < 0.4,
                    received_at=self.moment(self.now - timedelta(days=5), 8),
                )
            ]
        )
