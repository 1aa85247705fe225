"""Who is meant by these words in the access log? Leads and addresses, each found the way its own room finds it."""

from __future__ import annotations

from consent.admin.addresses import find_addresses
from leads.models import Lead
from leads.search import find_leads

LIMIT = 200


def find(term: str) -> list[str]:
    """Labels of the leads and addresses with this name, number, e-mail or id; a label itself stands for its row."""
    if ":" in term:
        return [term]
    leads = find_leads(Lead.objects.all(), term).order_by().values_list("pk", flat=True)[:LIMIT]
    if term.isdecimal() and len(term) < 7:
        leads = [int(term)]
    return [f"leads.lead:{pk}" for pk in leads] + [f"consent.address:{pk}" for pk in find_addresses(term)]
