"""The reports open for who may read them, cost the same for few and many leads, and say what a slow count says."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.db import DataError, connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.formats import date_format
from django.utils.timezone import localtime
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leads import contact, measures, milestones
from leads.measures import FUNNEL, Figure, Period
from leads.models import (
    Export,
    Interaction,
    Lead,
    Milestone,
    Proposal,
    RuleReview,
    ScoreChange,
    ScoringModel,
    ScoringRule,
)
from leads.services import calls, events
from leads.services.calls import CallReport
from medcrm import journey, reference, roles
from medcrm.lib import bell
from medcrm.reports import people, reviewing, rules, tasks
from medcrm.reports.ask import Ask
from medcrm.reports.pages import PAGES
from medcrm.reports.table import Row, Section, compared, gathered, number, share, span
from tests import kept
from tests.conftest import send_inquiry
from tests.reports import raw
from tests.thawing import thawed

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache")]
READERS = {role.code for role in roles.ROLES if roles.allows(role, "leads.milestone", "report")}


def person(role: str) -> User:
    user = User.objects.create_user(role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


@pytest.fixture
def lived(db: None, now: datetime) -> list[Lead]:
    """Six leads: two booked, one of them attended; one stopped, one spam, one on hold, one left alone."""
    kept.rows_of(("lived", now), lambda: live(now))
    return list(Lead.objects.order_by("pk"))


def live(now: datetime) -> None:
    reference.load(at=now)
    leads = [
        send_inquiry(
            at=now,
            phone=f"+151255501{n:02d}",
            email=f"p{n}@example.org",
            last_name=f"P{n}",
            source=("web_consult", "landing")[n % 2],
        )
        for n in range(6)
    ]
    journey.advance([lead.pk for lead in leads], at=now)
    for n, report in enumerate(
        (
            CallReport("appointment_set", outcome="appointment_set"),
            CallReport("appointment_set", outcome="appointment_set"),
            CallReport("not_interested", outcome="disqualified", reason="not_interested"),
            CallReport("wrong_number", outcome="disqualified", reason="spam"),
            CallReport("needs_to_think", outcome="hold", reason="awaiting_family"),
        )
    ):
        at = now + timedelta(hours=n)
        attempt = contact.reserve_call(Lead.objects.get(pk=leads[n].pk), at=at)
        calls.record_call(leads[n].pk, report, attempt=attempt, at=at)
    visit = {"service": "ortho", "clinic": "rrk", "on": (now + timedelta(days=2)).date()}
    for lead, end in ((leads[0], "attended"), (leads[1], "booked")):
        events.record_appointment(lead.pk, status="booked", at=now + timedelta(hours=6), **visit)
        if end != "booked":
            events.record_appointment(lead.pk, status=end, at=now + timedelta(days=3), **visit)
    journey.advance([lead.pk for lead in leads], at=now + timedelta(days=3))


def ask_for(now: datetime, **query: str) -> Ask:
    data = QueryDict(mutable=True)
    data.update({"first": str(now.date() - timedelta(days=2)), "last": str(now.date() + timedelta(days=2)), **query})
    return Ask.read(data, at=now + timedelta(days=4), is_linked=True)[0]


@pytest.mark.parametrize("slug", PAGES)
def test_a_report_costs_the_same_for_few_and_for_many_leads(slug: str, lived: list[Lead], now: datetime) -> None:
    """And every cell of it is text that can be read."""
    ask = ask_for(now)
    list(PAGES[slug].make(ask))  # names are read once
    with CaptureQueriesContext(connection) as few:
        sections = PAGES[slug].make(ask_for(now))
    assert sections and all(
        cell.text for s in sections for row in s.rows for cell in row.cells if cell.value is not None
    )
    copies = [
        Milestone(lead=Lead.objects.create(lead_type="patient", source_id=source, created_at=now), captured_at=now,
                  lead_type="patient", source_id=source, reached_at=now)
        for source in ("web_consult", "landing") * 10
    ]  # fmt: skip
    Milestone.objects.bulk_create(copies)
    with CaptureQueriesContext(connection) as many:
        PAGES[slug].make(ask_for(now))
    assert len(many) == len(few)


def test_the_funnel_says_what_the_rows_say(lived: list[Lead], now: datetime) -> None:
    table = people.funnel(ask_for(now))[0]
    total = next(row for row in table.rows if row.is_total)
    assert [cell.value for cell in total.cells] == [5, 0.8, 0.6, 0.4, 0.2, 0.2], "the spam lead is left out"
    by_source = {row.label: row.cells[0].value for row in table.rows if not row.is_total}
    assert by_source == {"Consult request form": 3, "Service landing page": 2}


def test_a_figure_opens_the_leads_behind_it(lived: list[Lead], now: datetime, client: Client) -> None:
    client.force_login(person("supervisor"))
    table = people.funnel(ask_for(now))[0]
    row = next(row for row in table.rows if row.label == "Consult request form")
    booked = row.cells[FUNNEL.index("booked")]
    answer = client.get(f"/admin/leads/lead/?{booked.link}")
    assert {lead.pk for lead in answer.context["cl"].result_list} == {lived[0].pk}
    assert client.get("/admin/leads/lead/?behind=nonsense;from=x").status_code in (200, 302)


@pytest.mark.parametrize(("first", "last"), [("2026-01-01", "9999-12-31"), ("0001-01-01", "0001-01-01")])
def test_days_at_the_edge_of_the_calendar_are_no_error(
    lived: list[Lead], client: Client, first: str, last: str
) -> None:
    client.force_login(person("supervisor"))
    behind = f"captured;from={first};to={last}"
    assert Figure.parse(behind) is not None
    assert client.get("/admin/leads/lead/", {"behind": behind}).status_code == 200
    assert client.get("/admin/reports/funnel/", {"first": first, "last": last, "compare": "on"}).status_code == 200


@pytest.mark.parametrize("role", [role.code for role in roles.ROLES])
def test_reports_open_for_readers_only(role: str, lived: list[Lead], now: datetime, client: Client) -> None:
    client.force_login(person(role))
    answer = client.get(f"/admin/reports/funnel/?first={now.date()}&last={now.date()}")
    assert answer.status_code == (200 if role in READERS else 403)
    links = b"behind=" in answer.content
    assert links == (role in READERS and role != "marketing"), "marketing reads figures, never the leads behind them"
    proposes = client.post("/admin/reports/rules/propose/").status_code
    assert proposes == (302 if role in ("marketing", "administrator") else 403)
    assert client.get("/admin/reports/rules/propose/").status_code in (403, 405)


def test_an_export_is_the_table_and_runs_no_formula(lived: list[Lead], now: datetime, client: Client) -> None:
    from leads.models import Source

    Source.objects.filter(pk="landing").update(name="=cmd()")
    client.force_login(person("supervisor"))
    url = f"/admin/reports/funnel/?first={now.date()}&last={now.date()}"
    answer = client.post(url, {"reason": "For the board"})
    content = b"".join(answer.streaming_content)
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    assert ["'=cmd()", "2", "0.5", "1.0", "0.5", "0.0", "0.0"] in rows
    assert "attachment" in answer.headers["Content-Disposition"]


@pytest.mark.parametrize("slug", PAGES)
def test_an_export_of_figures_is_logged_with_its_reason(slug: str, organisation: None, client: Client) -> None:
    user = person("marketing")
    client.force_login(user)
    assert client.post(f"/admin/reports/{slug}/", {"reason": " "}).status_code == 302 and not Export.objects.exists()
    content = b"".join(client.post(f"/admin/reports/{slug}/", {"reason": "For the board"}).streaming_content)
    row = Export.objects.get()
    assert (row.what, row.reason, row.by, row.state) == (f"report_{slug}", "For the board", user, "ready")
    assert row.sha256 == hashlib.sha256(content).hexdigest()
    assert client.get(f"/admin/reports/{slug}/?format=csv").headers["Content-Type"].startswith("text/html")
    assert Export.objects.count() == 1, "no file leaves by a link"
    client.force_login(person("caller"))
    assert client.post(f"/admin/reports/{slug}/", {"reason": "For me"}).status_code == 403


@pytest.mark.parametrize("slug", [slug for slug in PAGES if slug != "rules"])
def test_each_figure_can_be_read_beside_that_of_the_period_before(
    slug: str, lived: list[Lead], now: datetime, client: Client
) -> None:
    """The page says what the page of the earlier period says; the file has a column for each."""
    client.force_login(person("supervisor"))
    raw.leads(3, at=now - timedelta(days=1), source_id="guide")
    raw.leads(2, at=now - timedelta(days=1))
    today, yesterday = now.date(), now.date() - timedelta(days=1)
    query = f"first={today}&last={today}"
    shown = client.get(f"/admin/reports/{slug}/?{query}&compare=on").context
    assert shown["ask"].before.period == Period(yesterday, yesterday)
    stood = client.get(f"/admin/reports/{slug}/?first={yesterday}&last={yesterday}").context["sections"]
    known = {(str(s.title), row.label): (s.columns, row.cells) for s in stood for row in s.rows}
    for section in shown["sections"]:
        for row in section.rows:
            columns, was = known.get((str(section.title), row.label), ((), ()))
            if list(columns) == list(section.columns):
                assert [cell.before.value for cell in row.cells] == [cell.value for cell in was]
            else:
                assert all(cell.before.text for cell in row.cells)
    answer = client.post(f"/admin/reports/{slug}/?{query}&compare=on", {"reason": "For the board"})
    table = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    for section in (s for s in shown["sections"] if s.rows):
        head = table[table.index([str(section.title)]) + 1]
        assert len(head) == 1 + 2 * len(section.columns)


def test_a_figure_is_found_by_its_row_and_its_column() -> None:
    """Sources come and go between two periods, rows too, and one word may head two columns."""
    now = Section("Stops", ["All", "Fair", "Web"], [Row("Price", [number(5), number(2), number(3)])])
    was = Section("Stops", ["All", "Web"], [Row("Price", [number(4), number(4)]), Row("Far", [number(1), number(1)])])
    [table] = compared([now], [was])
    assert [cell.before.text for cell in table.rows[0].cells] == ["4", "–", "4"]
    twice = Section("Speed", ["nine of ten", "nine of ten"], [Row("All", [span(60), span(120)])])
    [table] = compared([twice], [Section("Speed", twice.columns, [Row("All", [span(180), span(240)])])])
    assert [cell.before.value for cell in table.rows[0].cells] == [180, 240]
    shares = [Section("Funnel", ["Booked"], [Row("All", [share(n, 10)])]) for n in (5, 3)]
    assert compared(shares[:1], shares[1:])[0].rows[0].cells[0].before.text == "30 % (+20 pt)"
    assert compared(shares[:1], [])[0].rows[0].cells[0].before.text == "–"


def test_neighbours_without_rows_that_say_the_same_are_one() -> None:
    row = [Row("Price", [number(5)])]
    sections = [Section("A", [], [], empty="None."), Section("B", [], [], empty="None."), Section("C", [], row),
                Section("D", [], [], empty="None."), Section("E", [], [], empty="Other.")]  # fmt: skip
    assert [section.title for section in gathered(sections)] == ["A · B", "C", "D", "E"]


def test_a_wrong_date_is_said_beside_its_field(client: Client, lived: list[Lead]) -> None:
    client.force_login(person("supervisor"))
    answer = client.get("/admin/reports/funnel/?first=yesterday&source=nowhere")
    assert answer.status_code == 200
    assert set(answer.context["filters"].form.errors) == {"first", "source"}


def test_the_review_of_rules_is_made_by_a_worker_and_shown_with_its_date(
    lived: list[Lead], now: datetime, client: Client, django_assert_max_num_queries: Callable[..., object]
) -> None:
    client.force_login(person("supervisor"))
    page = client.get("/admin/reports/rules/").content.decode()
    assert "No review was made yet" in page and 'action="/admin/reports/rules/review/"' in page  # and is asked for here
    assert client.get("/admin/reports/rules/review/").status_code == 405
    asked = {"first": "2026-10-01", "last": "2026-12-31"}
    for _pressed_twice in range(2):
        assert client.post("/admin/reports/rules/review/", asked).status_code == 302
    row = RuleReview.objects.get()
    assert (str(row.first), str(row.last), row.made_at, row.asked_by.username) == (*asked.values(), None, "supervisor")
    tasks.make_reviews()
    row.refresh_from_db()
    assert row.made_at and {model["cases"] for model in row.found["models"]} == {0}
    Lead.objects.all().update(is_test=True)  # whatever happens later does not change what was found
    with django_assert_max_num_queries(1):
        assert PAGES["rules"].make(ask_for(now))
    page = client.get("/admin/reports/rules/?first=2026-11-01&source=landing")
    assert page.context["kept"] == row and page.context["ask"].period == Period(row.first, row.last)
    client.force_login(person("caller"))
    assert client.post("/admin/reports/rules/review/", asked).status_code == 403


def test_every_night_asks_for_one_review_of_a_year(organisation: None) -> None:
    for _night in range(2):
        tasks.review_rules()
    row = RuleReview.objects.get()
    assert (row.last - row.first).days == 364 and row.asked_by is None
    tasks.make_reviews()
    tasks.review_rules()
    assert RuleReview.objects.filter(made_at=None).count() == 1, "the next night"


PROPOSE = "/admin/reports/rules/propose/"


def misleading(now: datetime, *, cases: int = 400) -> ScoringRule:
    """A rule that gives points, and whose leads convert less than the others."""
    model = ScoringModel.objects.get(lead_type="patient", status="published")
    rule = model.rules.filter(is_active=True, points__gt=0).order_by("pk").first()
    past = now - timedelta(days=60)
    leads = raw.leads(cases, at=past)
    for n, lead in enumerate(leads):
        raw.put([ScoreChange(lead=lead, model=model, at=past, new_score=50, new_band="medium",
                             hits=[rule.pk] if n % 2 else [])])  # fmt: skip
    booked = [lead.pk for lead in leads[::2]]
    Milestone.objects.filter(lead__in=booked).update(is_converted=True)
    return rule


@pytest.mark.django_db(transaction=True)
def test_proposals_are_asked_for_and_made_by_a_worker(
    transactional_organisation: None, now: datetime, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pressing twice asks once and rings the bell; the page says that it is under way, then what came of it."""
    rung: list[str] = []
    monkeypatch.setattr(bell, "_send", rung.append)
    with time_machine.travel(now, tick=False):
        client.force_login(person("marketing"))
        rule = misleading(now)
        asked = {"first": str(now.date() - timedelta(days=90)), "last": str(now.date())}
        for _pressed_twice in range(2):
            assert client.post(PROPOSE, asked).headers["Location"] == "/admin/reports/rules/"
        row = RuleReview.objects.get()
        assert (row.is_proposing, row.made_at, row.asked_by.username) == (True, None, "marketing")
        assert rung == ["medcrm.reports.tasks.make_reviews"] * 2 and not Proposal.objects.exists()
        page = client.get("/admin/reports/rules/")
        assert page.context["asked_since"] == row and b"data-refresh" in page.content
        for _rung_twice in range(2):
            tasks.make_reviews()
        row.refresh_from_db()
        proposal = Proposal.objects.get(kind="points")
        assert (proposal.about, proposal.state) == (str(rule.pk), "open")
        assert row.made_at == now and row.proposed == Proposal.objects.count() and not row.problem
        page = client.get("/admin/reports/rules/")
        assert page.context["asked_since"] is None and b"data-refresh" not in page.content
        assert (page.context["kept"], page.context["to_decide"]) == (row, row.proposed)
        client.post(PROPOSE, asked)
        tasks.make_reviews()
    assert RuleReview.objects.first().proposed == 0, "what is proposed already is not proposed again"


@pytest.mark.django_db(transaction=True)
def test_a_review_that_fails_says_why_and_one_that_is_killed_is_made_later(
    transactional_organisation: None, now: datetime, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends_with(error: BaseException) -> None:
        def fail(**_asked: object) -> None:
            misleading(now, cases=2)
            raise error

        monkeypatch.setattr(reviewing.proposals, "propose", fail)

    client.force_login(person("marketing"))
    client.post(PROPOSE)
    ends_with(SystemExit())
    with pytest.raises(SystemExit):
        tasks.make_reviews()
    row = RuleReview.objects.get()
    assert (row.made_at, row.problem, Lead.objects.count()) == (None, "", 0)
    ends_with(DataError("the figures burst\nDETAIL: of nobody's business"))
    night = reviewing.ask_as_usual(at=now - timedelta(days=1))
    tasks.make_reviews()
    row.refresh_from_db()
    night.refresh_from_db()
    assert (row.made_at, row.problem, Lead.objects.count()) == (None, "DataError: the figures burst", 0)
    assert night.made_at, "who asked for another one does not wait for it"
    RuleReview.objects.exclude(pk=row.pk).delete()
    assert "the figures burst" in client.get("/admin/reports/rules/").content.decode()
    monkeypatch.undo()
    client.post(PROPOSE)
    tasks.make_reviews()
    page = client.get("/admin/reports/rules/")
    assert page.context["asked_since"] is None and page.context["kept"].proposed == 0


def test_the_first_review_is_asked_for_once(organisation: None, now: datetime) -> None:
    for _started in range(2):
        reviewing.ask_first(at=now)
    row = RuleReview.objects.get()
    reviewing.make_waiting(at=now)
    reviewing.ask_first(at=now + timedelta(days=1))
    assert RuleReview.objects.get() == row and row.is_proposing


def test_the_findings_are_narrowed_to_what_is_asked_for(organisation: None, now: datetime, client: Client) -> None:
    rule = misleading(now)
    with thawed():
        ScoringRule.objects.filter(pk=rule.pk).update(criteria=[[{"fact": "source", "op": "in", "value": ["landing"]}]])
    reviewing.ask_for(Period(now.date() - timedelta(days=90), now.date()), by=None, at=now)
    reviewing.make_waiting(at=now)
    client.force_login(person("supervisor"))

    def shown(query: str) -> dict[str, list[str]]:
        made = client.get(f"/admin/reports/rules/?{query}").context["sections"]
        return {str(section.title): [row.label for row in section.rows] for section in made}

    model, label = str(rule.model), f"{rule.name} ({rule.points:+d})"
    assert len(shown("")[model]) > 1 and len(shown("")) > 4
    assert set(shown("kind=cuts")) == {f"Thresholds: {model}"}
    assert shown("kind=rules&finding=on") == {model: [label]}
    assert shown("source=landing") == {model: [label]}
    assert shown("source=web_consult") == {
        "Sources against what their intent promises": ["Consult request form · Patient"]
    }
    assert shown("service=pt") == {"The review of rules": []}
    page = client.get("/admin/reports/rules/?kind=nonsense")
    assert set(page.context["findings"].form.errors) == {"kind"} and len(page.context["sections"]) > 4


def test_a_review_that_is_kept_says_what_it_found_in_words(organisation: None, now: datetime) -> None:
    """Of leads that are old enough: shares, the gap, and how many cases are missing."""
    model = ScoringModel.objects.get(lead_type="patient", status="published")
    rule = model.rules.filter(is_active=True).order_by("pk").first()
    past = now - timedelta(days=60)
    for n, lead in enumerate(raw.leads(130, at=past)):
        raw.put([ScoreChange(lead=lead, model=model, at=past, new_score=50, new_band="medium",
                             hits=[rule.pk] if n < 60 else [])])  # fmt: skip
    row = reviewing.ask_for(Period(past.date(), now.date()), by=None, at=now)
    reviewing.make_waiting(at=now)
    row.refresh_from_db()
    [kept] = [found for found in row.found["models"] if found["title"] == str(model)]
    [said] = [found for found in kept["rules"] if found["label"].startswith(f"{rule.name} (")]
    assert (said["fired"], said["other"]) == ([0, 60], [0, 70])
    table = next(s for s in rules.sections(row.found) if str(s.title) == str(model))
    cells = next(r.cells for r in table.rows if r.label == said["label"])
    assert cells[0].value == round(60 / 130, 4) and cells[-1].value == said["says"]


def test_rules_are_judged_by_a_year_and_its_field_says_so(organisation: None, client: Client) -> None:
    client.force_login(person("marketing"))
    answer = client.get("/admin/reports/rules/")
    assert answer.context["ask"].period.days == 365 and "365 days, usually" in answer.content.decode()
    assert "30 days, usually" in client.get("/admin/reports/funnel/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_every_report_opens_outside_of_a_transaction(transactional_organisation: None, client: Client) -> None:
    """As in production, where no request is one transaction."""
    client.force_login(person("supervisor"))
    assert {slug: client.get(f"/admin/reports/{slug}/").status_code for slug in PAGES} == dict.fromkeys(PAGES, 200)


def test_who_asks_the_same_within_a_minute_reads_what_was_counted(
    lived: list[Lead], now: datetime, client: Client
) -> None:
    """Another question, whoever may not open the leads behind, a file, and the next minute are counted anew."""
    path = f"/admin/reports/funnel/?first={now.date()}&last={now.date()}"

    def captured(query: str = "") -> object:
        page = client.get(path + query)
        assert f"As of {date_format(localtime(page.context['counted_at']), 'g:i A')}" in page.content.decode()
        return next(row.cells[0] for row in page.context["sections"][0].rows if row.is_total)

    with time_machine.travel(now + timedelta(hours=1), tick=False) as clock:
        client.force_login(person("supervisor"))
        assert captured().value == 5
        raw.leads(2, at=now)
        assert captured().value == 5
        assert captured("&by=service").value == captured("&source=web_consult").value + 2 == 7
        lines = b"".join(client.post(path, {"reason": "For the board"}).streaming_content).decode().splitlines()
        assert any(line.startswith("All,7,") for line in lines)
        client.force_login(person("marketing"))
        assert (captured().value, captured().link) == (7, "")
        client.force_login(User.objects.get(username="supervisor"))
        assert captured().value == 5
        clock.shift(timedelta(seconds=61))
        assert captured().value == 7


def test_no_leads_and_one_lead_are_shown_too(organisation: None, submit: Callable[..., Lead], client: Client) -> None:
    client.force_login(person("supervisor"))
    assert all(client.get(f"/admin/reports/{slug}/").status_code == 200 for slug in PAGES)
    milestones.refresh([submit().pk])
    assert all(client.get(f"/admin/reports/{slug}/?days=365").status_code == 200 for slug in PAGES)


happened = st.fixed_dictionaries(
    {
        "source_id": st.sampled_from(["web_consult", "landing", "guide"]),
        "service_id": st.sampled_from(["ortho", "pt", None]),
        "left_out": st.sampled_from(["", "", "", "test", "invalid"]),
        "day": st.integers(-3, 3),
        "attempts": st.integers(0, 8),
        "reached_on_try": st.one_of(st.none(), st.integers(1, 8)),
        "is_qualified": st.booleans(),
        "booked": st.booleans(),
        "is_converted": st.booleans(),
    }
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(happened, max_size=25), by=st.sampled_from(["source", "service"]), service=st.sampled_from(["", "pt"])
)
def test_every_number_of_the_funnel_and_the_tries_agrees_with_a_slow_count(
    organisation: None, now: datetime, rows: list[dict], by: str, service: str
) -> None:
    Milestone.objects.all().delete()
    kept = []
    for row in rows:
        at = now + timedelta(days=row["day"])
        reached = row["reached_on_try"] if row["reached_on_try"] and row["reached_on_try"] <= row["attempts"] else None
        kept.append(
            Milestone.objects.create(
                lead=Lead.objects.create(lead_type="patient", source_id=row["source_id"], created_at=at),
                lead_type="patient", source_id=row["source_id"], service_id=row["service_id"], captured_at=at,
                left_out=row["left_out"], attempts=row["attempts"], reached_on_try=reached,
                reached_at=at if reached else None, is_qualified=row["is_qualified"],
                booked_at=at if row["booked"] else None, is_converted=row["is_converted"],
            )
        )  # fmt: skip
    ask = ask_for(now, by=by, **({"service": service} if service else {}))
    start, end = ask.period.bounds()
    mine = [m for m in kept if start <= m.captured_at < end and not m.left_out and service in ("", m.service_id)]
    tests = {
        "captured": lambda m: True,
        "reached": lambda m: m.reached_at is not None,
        "qualified": lambda m: m.is_qualified,
        "booked": lambda m: m.booked_at is not None,
        "attended": lambda m: False,
        "converted": lambda m: m.is_converted,
    }
    table = people.funnel(ask)[0]
    for row in (r for r in table.rows if not r.is_total):
        part = [m for m in mine if ask.name_of(by, getattr(m, f"{by}_id")) == row.label]
        wanted = [len(part)] + [round(sum(tests[n](m) for m in part) / len(part), 4) for n in FUNNEL[1:]]
        assert [cell.value for cell in row.cells] == wanted
        for name, cell in zip(FUNNEL, row.cells, strict=True):
            if cell.link:
                figure = Figure.parse(cell.link.removeprefix("behind="))
                assert set(figure.rows().values_list("pk", flat=True)) == {m.pk for m in part if tests[name](m)}
    got = {row.label: [cell.value for cell in row.cells] for row in people.effort(ask)[1].rows}
    for k in range(1, 6):
        tried = [m for m in mine if (m.reached_on_try or m.attempts) >= k and m.attempts]
        if tried:
            assert got[str(k)] == [len(tried), round(sum(m.reached_on_try == k for m in tried) / len(tried), 4)]


def test_a_figure_is_read_back_from_its_link() -> None:
    period = Period(datetime(2026, 1, 1).date(), datetime(2026, 1, 31).date())  # noqa: DTZ001
    figure = Figure("booked", period, {"source": "guide", "owner": ""})
    assert Figure.parse(str(figure)) == figure
    assert Figure.parse("booked;from=2026-01-01") is None
    assert Figure.parse("hacked;from=2026-01-01;to=2026-01-31") is None
    assert Figure.parse("booked;from=2026-01-01;to=2026-01-31;lead__phone__value=x") is None
    assert period.before == Period(datetime(2025, 12, 1).date(), datetime(2025, 12, 31).date())  # noqa: DTZ001


def test_hours_count_calls_and_contacts(lived: list[Lead], now: datetime) -> None:
    section = people.effort(ask_for(now))[2]
    calls = Interaction.objects.filter(kind__in=people.SPOKEN, direction="outbound", lead__milestone__left_out="")
    spoken = calls.count()
    assert sum(row.cells[0].value for row in section.rows) == spoken > 0
    assert measures.MEASURES.keys() >= set(FUNNEL)
