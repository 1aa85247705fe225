"""The pages of the reports: read the question, make the sections, show or export them."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from hashlib import sha256

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django_filters import FilterSet

from leads import exporting
from leads.measures import DIMENSIONS, Period
from leads.models import Proposal, RuleReview
from medcrm.lib.counts import Counted, counted
from medcrm.lib.errors import RuleError
from medcrm.lib.spreadsheet import harmless
from medcrm.reports import reviewing, rules
from medcrm.reports.ask import Ask
from medcrm.reports.pages import PAGES, Page
from medcrm.reports.table import Row, Section, compared, gathered

MAY_READ = "leads.report_milestone"
CUTS = ("source", "service", "clinic", "team", "owner", "type")
LEADS = "admin:leads_lead_changelist"
CSV = "text/csv; charset=utf-8"


@permission_required(MAY_READ, raise_exception=True)
def report(request: HttpRequest, slug: str) -> HttpResponse:
    """One report; a POST takes out what it shows as a file, with the reason for the log."""
    page = PAGES.get(slug)
    if page is None:
        raise Http404
    now = timezone.now()
    is_linked = request.user.has_perm("leads.view_lead")
    ask, filters = Ask.read(request.GET, at=now, is_linked=is_linked, usual=page.usual)
    kept = page.kept() if page.kept else None
    if kept is not None:
        period = Period(kept.first, kept.last)
        ask = replace(ask, period=period, narrowed=_findings(request).chosen, is_compared=False)
    if request.method == "POST":
        table, rows = _csv(ask, _made(page, ask))
        try:
            kept = exporting.keep_report(slug, table, rows=rows, reason=request.POST.get("reason", ""), by=request.user,
                                         at=now)  # fmt: skip
        except RuleError as error:
            messages.error(request, error.message)
            return redirect(request.get_full_path())
        name = f"{slug}_{ask.period.first}_{ask.period.last}.csv"
        return FileResponse(kept.file.open("rb"), as_attachment=True, filename=name, content_type=CSV)
    query = request.GET.copy()
    query.pop("by", None)
    if page.kept:
        context = _context(request, slug, page, ask, filters, _made(page, ask), query) | _kept(request, kept)
    else:
        figures = _counted(slug, page, ask)
        context = _context(request, slug, page, ask, filters, figures.value, query) | {"counted_at": figures.at}
    return TemplateResponse(request, "reports/report.html", context)


@permission_required(MAY_READ, raise_exception=True)
@require_POST
def review(request: HttpRequest) -> HttpResponse:
    """Ask for a review of the rules over the period chosen; a worker makes it."""
    at = timezone.now()
    ask, _filters = Ask.read(request.POST, at=at, is_linked=False, usual=reviewing.USUAL_DAYS)
    reviewing.ask_for(ask.period, by=request.user, at=at)
    return redirect("reports:report", slug="rules")


@permission_required("leads.decide_proposal", raise_exception=True)
@require_POST
def propose(request: HttpRequest) -> HttpResponse:
    """Ask for a review that also keeps what calls for a change, for a person to decide; a worker makes it."""
    at = timezone.now()
    ask, _filters = Ask.read(request.POST, at=at, is_linked=False, usual=reviewing.USUAL_DAYS)
    reviewing.ask_for(ask.period, by=request.user, at=at, is_proposing=True)
    return redirect("reports:report", slug="rules")


def _made(page: Page, ask: Ask) -> list[Section]:
    sections = page.make(ask)
    return compared(sections, page.make(ask.before)) if ask.is_compared else sections


def _counted(slug: str, page: Page, ask: Ask) -> Counted[list[Section]]:
    """What everybody who asks the same within a minute reads; a file that is taken out is counted for itself."""
    asked = (slug, ask.period, sorted(ask.narrowed.items()), ask.by, ask.is_linked, ask.is_compared)
    return counted(f"report:{sha256(repr(asked).encode()).hexdigest()[:32]}", lambda: _made(page, ask), at=ask.at)


def _context(
    request: HttpRequest, slug: str, page: Page, ask: Ask, filters: FilterSet, sections: list[Section], query: QueryDict
) -> dict[str, object]:
    kept = query.urlencode()
    return {
        **admin.site.each_context(request),
        "title": page.title,
        "page": page,
        "pages": [
            (other.title, f"{reverse('reports:report', args=[code])}?{kept}", code == slug)
            for code, other in PAGES.items()
        ],
        "ask": ask,
        "filters": filters,
        "sections": gathered(sections),
        "asked": [filters.form[name] for name in ("days", "first", "last")],
        "leads_url": reverse(LEADS) if ask.is_linked else "",
        "cuts": [(DIMENSIONS[name][0], f"?{_with(query, by=name)}", name == ask.by) for name in CUTS],
        "export_url": f"?{_with(query, by=ask.by)}",
    }


def _findings(request: HttpRequest) -> rules.FindingFilter:
    return rules.FindingFilter(request.GET or None, queryset=RuleReview.objects.none())


def _kept(request: HttpRequest, kept: RuleReview | None) -> dict[str, object]:
    """What is shown, what was asked for since, and what waits to be decided."""
    is_shown = request.user.has_perm("leads.view_proposal")
    return {
        "kept": kept,
        "findings": _findings(request),
        "asked_since": reviewing.asked_since(kept),
        "may_propose": request.user.has_perm("leads.decide_proposal"),
        "to_decide": Proposal.objects.filter(state=Proposal.State.OPEN).count() if is_shown else None,
        "proposals_url": f"{reverse('admin:leads_proposal_changelist')}?state__exact=open",
    }


def _with(query: QueryDict, **values: str) -> str:
    copy = query.copy()
    for name, value in values.items():
        copy[name] = value
    return copy.urlencode()


def _csv(ask: Ask, sections: list[Section]) -> tuple[bytes, int]:
    """The tables one below the other, as a spreadsheet opens them, and how many rows they have."""
    out, count = io.StringIO(), 0
    writer = csv.writer(out)
    days = {"first": date_format(ask.period.first), "last": date_format(ask.period.last)}
    writer.writerow([_("Captured from %(first)s to %(last)s") % days])
    for section in sections:
        if not section.rows:
            continue
        writer.writerow([])
        writer.writerow([str(section.title)])
        columns = [str(column) for column in section.columns]
        if ask.is_compared:
            columns = [name for column in columns for name in (column, _("%(figure)s, before") % {"figure": column})]
        writer.writerow([str(section.first), *columns])
        for row in section.rows:
            writer.writerow([harmless(row.label), *(harmless(value) for value in _values(row))])
            count += 1
    return out.getvalue().encode("utf-8-sig"), count


def _values(row: Row) -> list[object]:
    """Each figure, followed by that of the period before where they are compared."""
    return [cell.raw for pair in row.cells for cell in (pair, pair.before) if cell is not None]
