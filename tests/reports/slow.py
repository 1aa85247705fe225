"""What the reports should say, counted slowly and by other means: row by row in Python, from the raw tables.

Nothing of `medcrm.reports`, `leads.measures` or the milestones is used here but the names of rows and columns.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Model

from consent.models import Attempt, ConsentEvent, Permission
from leads.models import Clinic, Inquiry, Interaction, Lead, MissingItem, ScoringModel, ServiceLine, Source
from nurture.models import Enrollment, Message, Skip
from routing.models import Assignment, Clock, Handoff, Team
from tests.leads.test_milestones import slowly

BANDS = {"high": "High", "medium": "Medium", "low": "Low"}
VERDICTS = {"pass": "Pass", "fail": "Fail", "unknown": "Unknown"}
WITHDRAWN = ("revoke", "internal_dnc", "email_unsub")
MINUTE, HOUR, DAY = 60, 3600, 86400
STEPS = [
    *(MINUTE * n for n in (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50)),
    *(HOUR * n for n in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24)),
    *(DAY * n for n in (1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 10, 12, 14, 17, 21, 25, 30, 40, 50, 60, 75, 90, 120)),
    *(DAY * n for n in (180, 270, 365, 540, 730, 36500)),
]
HOURS = [f"{hour:02d}–{(hour + 1) % 24:02d}" for hour in range(24)]


@dataclass(frozen=True)
class Cell:
    """A value, and the leads that its link must open where it has one."""

    value: object
    leads: frozenset[int] | None = None


Table = Mapping[str, Sequence[Cell]]


class Slow:
    """The raw rows, and every table of every page worked out from them."""

    def __init__(self, first: datetime, until: datetime, at: datetime, by: str, narrowed: Mapping[str, str]) -> None:
        self.first, self.until, self.at, self.by, self.narrowed = first, until, at, by, narrowed
        self.all = [
            self.fact(lead) for lead in Lead.objects.select_related("stop_reason", "hold_reason", "phone", "email")
        ]
        self.by_key = {fact["lead"].pk: fact for fact in self.all}
        self.names = {
            "source": dict(Source.objects.values_list("pk", "name")),
            "service": dict(ServiceLine.objects.values_list("pk", "name")),
            "clinic": dict(Clinic.objects.values_list("pk", "name")),
            "team": dict(Team.objects.values_list("pk", "name")),
            "owner": {u.pk: f"{u.first_name} {u.last_name}".strip() or u.username for u in User.objects.all()},
            "type": {"patient": "Patient", "partner": "Partner", "b2b": "Business"},
        }
        self.leads = [fact for fact in self.chosen(self.all) if self.during(fact["captured_at"])]
        self.counted = [fact for fact in self.leads if not fact["left_out"]]

    @staticmethod
    def fact(lead: Lead) -> dict[str, object]:
        cycles = list(lead.qualifications.order_by("cycle"))
        return slowly(lead) | {
            "lead": lead,
            "type": lead.lead_type,
            "fit_check": cycles[0].fit_check if cycles else "unknown",
            "capacity_check": cycles[0].capacity_check if cycles else "unknown",
        }

    def during(self, moment: datetime) -> bool:
        return self.first <= moment < self.until

    def key(self, fact: Mapping[str, object], dimension: str) -> object:
        return fact.get(f"{dimension}_id", fact.get(dimension))

    def chosen(self, facts: Iterable[dict]) -> list[dict]:
        return [f for f in facts if all(str(self.key(f, name)) == value for name, value in self.narrowed.items())]

    def name(self, dimension: str, key: object) -> str:
        if key in (None, ""):
            return "nobody" if dimension == "owner" else "not known"
        return str(self.names.get(dimension, BANDS | VERDICTS).get(key, key))

    def of_counted_lead(self, lead: int) -> bool:
        """Whether a row beside a lead belongs to what the reader asks about."""
        fact = self.by_key[lead]
        return not fact["left_out"] and bool(self.chosen([fact]))

    def grouped(self, facts: Iterable[dict], dimension: str) -> dict[str, list[dict]]:
        groups: dict[str, list[dict]] = defaultdict(list)
        for fact in facts:
            groups[self.name(dimension, self.key(fact, dimension))].append(fact)
        return groups

    # Pages

    def funnel(self) -> list[Table]:
        width = self.until - self.first
        earlier = [
            f for f in self.chosen(self.all)
            if self.first - width <= f["captured_at"] < self.first and not f["left_out"]
        ]  # fmt: skip
        rows = {name: self.stages(part) for name, part in self.grouped(self.counted, self.by).items()}
        if rows:
            rows["All"] = self.stages(self.counted)
            changes = [
                Cell(round(100 * (now / len(self.counted) - before / len(earlier)), 1) if earlier else None)
                for now, before in zip(self.stage_counts(self.counted), self.stage_counts(earlier), strict=True)
            ]
            rows["Period before, and change since"] = [Cell(len(earlier)), *changes]
        days = Counter(self.drawn(fact["captured_at"]) for fact in self.counted)
        return [rows, *([{day: [Cell(n)] for day, n in days.items()}] if days else [])]

    def drawn(self, moment: datetime) -> str:
        """The day, or in long periods the Monday, under which a lead is drawn."""
        day = moment.astimezone(self.first.tzinfo).date()
        if (self.until - self.first).days > 92:
            day -= timedelta(days=day.weekday())
        return f"{day:%b} {day.day}"

    STAGES: Sequence[Callable[[dict], bool]] = (
        lambda f: f["reached_at"] is not None, lambda f: f["is_qualified"], lambda f: f["booked_at"] is not None,
        lambda f: f["attended_at"] is not None, lambda f: f["is_converted"],
    )  # fmt: skip

    def stage_counts(self, facts: Sequence[dict]) -> list[int]:
        return [sum(map(bool, map(test, facts))) for test in self.STAGES]

    def stages(self, facts: Sequence[dict]) -> list[Cell]:
        return [number(facts), *(part([f for f in facts if test(f)], facts) for test in self.STAGES)]

    def speed(self) -> list[Table]:
        rows = {name: self.spans(facts) for name, facts in self.grouped(self.counted, self.by).items()}
        if rows:
            rows["All"] = self.spans(self.counted)
        hours: dict[str, list[dict]] = defaultdict(list)
        for fact in self.counted:
            hours[HOURS[fact["captured_at"].astimezone(self.first.tzinfo).hour]].append(fact)
        by_hour = {name: [number(facts), *self.spans(facts)] for name, facts in hours.items()}
        return [rows, by_hour, *self.goals()]

    @staticmethod
    def spans(facts: Sequence[dict]) -> list[Cell]:
        cells = []
        for end in ("first_attempt_at", "reached_at", "booked_at"):
            waits = [(f[end] - f["captured_at"]).total_seconds() for f in facts if f[end]]
            cells += [step(waits, 50), step(waits, 90)]
        return cells

    def goals(self) -> list[Table]:
        owed = {"first_attempt": "First human attempt", "booking": "Booking", "review": "Review"}
        clocks = [
            c for c in Clock.objects.all()
            if self.during(c.started_at) and self.of_counted_lead(c.lead_id)
            and (c.met_at or c.breached_at or (c.due_at < self.at and not c.ended_at))
        ]  # fmt: skip
        tables = []
        for name_of in (
            lambda c: owed[c.owed],
            lambda c: self.name("team", c.team_id),
            lambda c: self.name("source", self.by_key[c.lead_id]["source_id"]),
            lambda c: HOURS[c.started_at.astimezone(self.first.tzinfo).hour],
            lambda c: self.name("owner", c.owner_id),
        ):
            groups: dict[str, list[Clock]] = defaultdict(list)
            for clock in clocks:
                groups[name_of(clock)].append(clock)
            table = {}
            for name, all_ in groups.items():
                in_time = [c for c in all_ if c.met_at and c.met_at <= c.due_at]
                late = [c for c in all_ if c.met_at and c.met_at > c.due_at]
                undone = [c for c in all_ if c.met_at is None]
                table[name] = [rows(all_), share_of(in_time, all_), rows(late), rows(undone)]
            tables.append(table)
        return tables

    def effort(self) -> list[Table]:
        tries = {
            name: [
                number(facts),
                *(part([f for f in facts if f["attempts"] >= k], facts) for k in (1, 2, 3)),
                Cell(round(sum(f["attempts"] for f in facts) / len(facts), 4)),
            ]
            for name, facts in self.grouped(self.counted, self.by).items()
        }
        by_try = {}
        for k in range(1, 7):
            last = k == 6
            got = sum(
                self.made(f) >= k if not last else max(self.made(f) - 5, 0) for f in self.counted
            )  # fmt: skip
            on = [f for f in self.counted if f["attempts"] and f["reached_on_try"]
                  and (f["reached_on_try"] >= 6 if last else f["reached_on_try"] == k)]  # fmt: skip
            if got:
                value = rate(len(on), got).value
                by_try[str(k) if not last else "6 or later"] = [Cell(got), Cell(value, ids(on))]
        calls: dict[str, list[Interaction]] = defaultdict(list)
        for call in Interaction.objects.select_related("disposition").filter(direction="outbound"):
            if call.kind in ("call", "voicemail") and self.during(call.at) and self.of_counted_lead(call.lead_id):
                calls[HOURS[call.at.astimezone(self.first.tzinfo).hour]].append(call)
        by_hour = {
            name: [rows(made), share_of([c for c in made if c.disposition and c.disposition.makes_contact], made)]
            for name, made in calls.items()
        }
        return [tries, by_try, by_hour]

    @staticmethod
    def made(fact: Mapping[str, object]) -> int:
        """The tries up to the one that reached the person, else all of them."""
        return (fact["reached_on_try"] or fact["attempts"]) if fact["attempts"] else 0

    def reasons(self) -> list[Table]:
        stopped = [f for f in self.leads if f["stop_reason_id"]]
        sources = sorted({f["source_id"] for f in stopped}, key=lambda code: self.name("source", code))
        stops: dict[str, list[Cell]] = {}
        for reason in {f["lead"].stop_reason for f in stopped}:
            mine = [f for f in stopped if f["stop_reason_id"] == reason.pk]
            open_ = [f for f in mine if not f["left_out"]]
            is_out = reason.reporting_class in ("duplicate", "invalid")
            cells = [Cell(len(mine), None if is_out else ids(open_))]
            for source in sources:
                here = [f for f in mine if f["source_id"] == source]
                cells.append(Cell(len(here) or None))
            stops[f"{reason.name} ({reason.reporting_class})"] = cells
        holds = {}
        for reason in {f["lead"].hold_reason for f in self.counted if f["held_since"]}:
            mine = [f for f in self.counted if f["held_since"] and f["hold_reason_id"] == reason.pk]
            ages = [(self.at - f["held_since"]) / timedelta(days=1) for f in mine]
            bounds = [(-1e9, 7), (7, 30), (30, 90), (90, 1e9)]
            holds[reason.name] = [number(mine), *(Cell(sum(low <= a < high for a in ages)) for low, high in bounds)]
        held = [f for f in self.counted if f["held_since"]]
        from_ = sorted({f["source_id"] for f in held}, key=lambda code: self.name("source", code))
        by_source = {}
        for reason in {f["lead"].hold_reason for f in held}:
            mine = [[f for f in held if f["hold_reason_id"] == reason.pk and f["source_id"] == s] for s in from_]
            by_source[reason.name] = [number(here) if here else Cell(None) for here in mine]
        woken = {}
        for name, facts in self.grouped(self.counted, "source").items():
            again = [f for f in facts if f["cycles"] > 1]
            if again:
                woken[name] = [number(again), part([f for f in again if f["is_converted"]], again)]
        return [stops, holds, by_source, woken]

    def outcome(self) -> list[Table]:
        tables = []
        for dimension in ("first_band", "fit", "readiness", "fit_check", "capacity_check"):
            groups: dict[str, list[dict]] = defaultdict(list)
            for fact in self.counted:
                groups[(BANDS | VERDICTS).get(fact[dimension], "not known")].append(fact)
            tables.append({
                name: [
                    number(facts),
                    part([f for f in facts if f["reached_at"]], facts),
                    part([f for f in facts if f["booked_at"]], facts),
                    part([f for f in facts if f["is_converted"]], facts),
                ]
                for name, facts in groups.items()
            })  # fmt: skip
        against = [f for f in self.counted if f["is_overridden"]]
        others = [f for f in self.counted if not f["is_overridden"]]
        overrides = {
            "Decided against the checks": [number(against), part([f for f in against if f["is_converted"]], against)],
            "All others": [Cell(len(others)), rate(sum(f["is_converted"] for f in others), len(others))],
        }
        return [*tables, overrides]

    def handoffs(self) -> list[Table]:
        offered = [h for h in Handoff.objects.all() if self.during(h.offered_at) and self.of_counted_lead(h.lead_id)]
        by_team: dict[str, list[Handoff]] = defaultdict(list)
        for row in offered:
            by_team[self.name("team", row.to_team_id)].append(row)
        table = {
            name: [
                rows(mine),
                share_of([h for h in mine if h.accepted_at], mine),
                span([(h.accepted_at - h.offered_at).total_seconds() for h in mine if h.accepted_at], 0.5),
                share_of([h for h in mine if h.returned_at], mine),
            ]
            for name, mine in by_team.items()
        }
        why: dict[str, list[Handoff]] = defaultdict(list)
        for row in offered:
            if row.return_reason:
                why[str(row.get_return_reason_display())].append(row)
        return [table, {name: [rows(mine)] for name, mine in why.items()}, *self.moves()]

    def moves(self) -> list[Table]:
        again = ("reassigned", "absence", "returned", "breach")
        by_team, by_reason = defaultdict(list), defaultdict(list)
        for row in Assignment.objects.all():
            given_before = row.because in again and row.from_team_id is not None
            if given_before and self.during(row.at) and self.of_counted_lead(row.lead_id):
                by_team[self.name("team", row.from_team_id)].append(row)
                by_reason[row.get_because_display()].append(row)
        return [
            {
                name: [rows(mine), share_of([m for m in mine if m.to_team_id != m.from_team_id], mine)]
                for name, mine in groups.items()
            }
            for groups in (by_team, by_reason)
        ]

    def capacity(self) -> list[Table]:
        booked = [f for f in self.counted if f["booked_at"]]
        days = {}
        for name, facts in self.grouped(booked, "service").items():
            waits = [(f["booked_at"] - f["captured_at"]).total_seconds() for f in facts]
            days[name] = [number(facts), step(waits, 50), step(waits, 90)]
        items: dict[str, list[MissingItem]] = defaultdict(list)
        for item in MissingItem.objects.select_related("kind", "lead"):
            if self.during(item.opened_at) and self.of_counted_lead(item.lead_id):
                items[f"{item.kind.name} · {self.name('service', item.lead.service_id)}"].append(item)
        waits = {
            name: [
                rows(mine),
                share_of([i for i in mine if i.settled_at], mine),
                span([(i.settled_at - i.opened_at).total_seconds() for i in mine if i.settled_at], 0.5),
            ]
            for name, mine in items.items()
        }
        return [days, waits]

    def nurture(self) -> list[Table]:
        entered: dict[str, list[Enrollment]] = defaultdict(list)
        for row in Enrollment.objects.exclude(state="refused").select_related("sequence"):
            if self.during(row.started_at) and self.of_counted_lead(row.lead_id):
                entered[row.sequence.name].append(row)
        withdrawn = [e for e in ConsentEvent.objects.all() if e.kind in WITHDRAWN]
        sequences = {}
        for name, mine in entered.items():
            parts = [[r for r in mine if r.exit_code == code] for code in ("replied", "booked")]
            parts.append([r for r in mine if r.exit_code == "unwanted" or self.opted_out(r, withdrawn)])
            parts += [[r for r in mine if r.exit_code == code] for code in ("no_channel", "no_longer_matches")]
            parts.append([r for r in mine if r.state == "finished"])
            sequences[name] = [rows(mine), *(share_of(some, mine) for some in parts)]
        sent: dict[str, list[Message]] = defaultdict(list)
        words = {"email": "E-mail", "sms": "Text message"}
        for message in Message.objects.select_related("attempt", "enrollment"):
            if self.during(message.reserved_at) and self.of_counted_lead(message.enrollment.lead_id):
                sent[words[message.attempt.channel]].append(message)
        left = ("sent", "delivered", "bounced", "replied")
        kinds = (left, ("bounced",), ("replied",), ("failed",), ("unknown",), ("cancelled",))
        messages = {
            channel: [rows(mine), *(rows([m for m in mine if m.state in states]) for states in kinds)]
            for channel, mine in sent.items()
        }
        skips: dict[str, list[Skip]] = defaultdict(list)
        for skip in Skip.objects.select_related("enrollment"):
            if self.during(skip.at) and self.of_counted_lead(skip.enrollment.lead_id):
                skips[skip.code].append(skip)
        skipped = {
            code: [rows([k for k in mine if k.kind == kind]) for kind in ("skipped", "held")]
            for code, mine in skips.items()
        }
        return [sequences, messages, skipped]

    def opted_out(self, entry: Enrollment, withdrawn: Sequence[ConsentEvent]) -> bool:
        lead = self.by_key[entry.lead_id]["lead"]
        return any(
            event.address_id in (lead.phone_id, lead.email_id)
            and entry.started_at <= event.occurred_at <= (entry.ended_at or self.at)
            for event in withdrawn
        )

    def permission(self) -> list[Table]:
        made = [a for a in Attempt.objects.all() if self.during(a.at)]
        left = ("handed_over", "sent", "unknown")
        withdrawn = [
            e for e in ConsentEvent.objects.all()
            if self.during(e.recorded_at) and e.kind in WITHDRAWN
        ]  # fmt: skip
        waits = [(e.recorded_at - e.occurred_at).total_seconds() for e in withdrawn]
        figures = {
            "Contacts decided": [Cell(len(made))],
            "Made without permission": [Cell(sum(a.state in left and a.kind != "allow" for a in made))],
            "Calls outside 8 am to 9 pm where the person is": [
                Cell(sum(a.state in left and a.channel.startswith("voice") and outside_hours(a) for a in made))
            ],
            "Not permitted": [Cell(sum(a.state == "refused" for a in made))],
            "Cancelled at the last check": [Cell(sum(a.state == "cancelled" for a in made))],
            "Withdrawals recorded": [Cell(len(withdrawn))],
            "Withdrawal to effect: half within": [span(waits, 0.5)],
            "Withdrawal to effect: 95 of 100 within": [span(waits, 0.95)],
        }
        refused = Counter(a.code for a in made if a.state == "refused")
        granted = set(Permission.objects.filter(state="granted").values_list("address", "channel"))
        coverage = {}
        for name, facts in self.grouped(self.counted, "source").items():
            held = [
                [f for f in facts if (f["lead"].phone_id, "voice") in granted],
                [f for f in facts if (f["lead"].phone_id, "sms") in granted],
                [f for f in facts if (f["lead"].email_id, "email") in granted],
            ]
            coverage[name] = [number(facts), *(part(some, facts) for some in held)]
        return [figures, {code: [Cell(n)] for code, n in refused.items()}, coverage]

    def data(self) -> list[Table]:
        gaps: Sequence[Callable[[Lead], bool]] = (
            lambda lead: lead.phone_id is None, lambda lead: lead.email_id is None, lambda lead: not lead.zip,
            lambda lead: lead.service_id is None,
        )  # fmt: skip
        missing = {
            name: [number(facts), *(part([f for f in facts if gap(f["lead"])], facts) for gap in gaps)]
            for name, facts in self.grouped(self.counted, "source").items()
        }
        words = {
            "test": "Test data",
            "merged": "Merged into another lead",
            "duplicate": "Duplicate",
            "invalid": "Invalid",
        }
        out = Counter(words[f["left_out"]] for f in self.leads if f["left_out"])
        received: dict[str, list[Inquiry]] = defaultdict(list)
        for inquiry in Inquiry.objects.all():
            if self.during(inquiry.received_at):
                received[self.name("source", inquiry.source_id)].append(inquiry)
        inquiries = {
            name: [
                Cell(len(rows)),
                rate(sum(i.status == "refused" for i in rows), len(rows)),
                rate(sum(i.is_repeat for i in rows), len(rows)),
            ]
            for name, rows in received.items()
        }
        return [missing, {name: [Cell(n)] for name, n in out.items()}, inquiries]

    # The review of rules counts all leads of the period that are old enough, whatever is chosen above.

    def mature(self) -> list[dict]:
        until = self.at - timedelta(days=30)
        return [f for f in self.all if self.first <= f["captured_at"] < until and not f["left_out"]]

    def scored(self, model: ScoringModel) -> list[tuple[set[int], int, bool]]:
        """Rules that fired, score and outcome of each mature lead at its first score, where this model gave it."""
        cases = []
        for fact in self.mature():
            first = fact["lead"].score_changes.order_by("at", "pk").first()
            if first is not None and first.model_id == model.pk:
                cases.append((set(first.hits), first.new_score, fact["is_converted"]))
        return cases

    def rules(self, model: ScoringModel) -> tuple[Table, Table]:
        """The shares of each rule and on both sides of each threshold of one model."""
        cases = self.scored(model)
        fired = {}
        for rule in model.rules.filter(is_active=True):
            with_it = [won for hits, _score, won in cases if rule.pk in hits]
            without = [won for hits, _score, won in cases if rule.pk not in hits]
            fired[f"{rule.name} ({rule.points:+d})"] = [
                rate(len(with_it), len(cases)), rate(sum(with_it), len(with_it)), rate(sum(without), len(without))
            ]  # fmt: skip
        cuts = {}
        for word, cut in (("High", model.high_from), ("Medium", model.medium_from)):
            above = [won for _hits, score, won in cases if cut <= score < cut + 10]
            below = [won for _hits, score, won in cases if cut - 10 <= score < cut]
            cuts[f"{word} from {cut}"] = [rate(sum(above), len(above)), rate(sum(below), len(below))]
        return fired, cuts

    def sources(self) -> Table:
        return {
            f"{name} · {kind}": [rate(sum(f["is_converted"] for f in facts), len(facts))]
            for name, of_source in self.grouped(self.mature(), "source").items()
            for kind, facts in self.grouped(of_source, "type").items()
        }

    def services(self) -> Table:
        booked = [f for f in self.mature() if f["booked_at"] and f["service_id"]]
        soon = timedelta(days=14)
        return {
            name: [rate(sum(f["booked_at"] - f["captured_at"] <= soon for f in facts), len(facts))]
            for name, facts in self.grouped(booked, "service").items()
        }


def outside_hours(attempt: Attempt) -> bool:
    times = [datetime.fromisoformat(text) for text in attempt.basis.get("decision", {}).get("local_times", ())]
    is_reply = attempt.purpose in ("help_reply", "conversational_reply")
    return not is_reply and any(not 8 <= time.hour < 21 for time in times)


def ids(facts: Iterable[Mapping]) -> frozenset[int]:
    return frozenset(fact["lead"].pk for fact in facts)


def number(facts: Sequence[Mapping]) -> Cell:
    return Cell(len(facts), ids(facts))


def part(facts: Sequence[Mapping], of: Sequence[Mapping]) -> Cell:
    return Cell(rate(len(facts), len(of)).value, ids(facts))


def rows(mine: Sequence[Model]) -> Cell:
    """So many rows beside leads, and whose they are."""
    return Cell(len(mine), frozenset(getattr(row, "lead_id", None) or row.enrollment.lead_id for row in mine))


def share_of(some: Sequence[Model], mine: Sequence[Model]) -> Cell:
    return Cell(rate(len(some), len(mine)).value, rows(some).leads)


def rate(hits: int, of: int) -> Cell:
    return Cell(round(hits / of, 4) if of else None)


def step(waits: Sequence[float], percent: int) -> Cell:
    """The first of the steps named on the page within which so many of a hundred lie."""
    enough = [s for s in STEPS if 100 * sum(wait <= s for wait in waits) >= percent * len(waits)]
    return Cell(enough[0] if waits else None)


def span(waits: Sequence[float], where: float) -> Cell:
    """The percentile between the two nearest values, by the definition of a linear one."""
    if not waits:
        return Cell(None)
    ordered = sorted(waits)
    place = where * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return Cell(round(ordered[low] + (ordered[high] - ordered[low]) * (place - low)))
