"""Which addresses belong to a person of this name? The leads' answer to the consent room's question."""

from __future__ import annotations

from leads.models import Lead

LIMIT = 200  # a name that common is narrowed by its first name


def address_ids(name: str) -> list[int]:
    """Phone and e-mail addresses of leads by last name, or by first and last name; any case, from the beginning."""
    words = name.split()
    if not words:
        return []
    leads = Lead.objects.filter(last_name__istartswith=words[-1])
    if len(words) > 1:
        leads = leads.filter(first_name__istartswith=words[0])
    rows = leads.order_by().values_list("phone", "email")[:LIMIT]
    return sorted({address for row in rows for address in row if address})
