"""How many pages does a list have? Counted up to a bound, so that a million rows cost no more than a thousand."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.utils.functional import cached_property

BOUND = 1_000  # nobody turns twenty pages; whoever wants further rows filters or searches


class BoundedPaginator(Paginator):
    """Counts at most BOUND rows and says so; the pages behind the bound are reached by filters and search."""

    template_name = "admin/bounded_pagination.html"

    @cached_property
    def counted(self) -> int:
        return self.object_list.order_by().values("pk")[: BOUND + 1].count()

    @cached_property
    def count(self) -> int:
        return min(self.counted, BOUND)

    @property
    def is_bounded(self) -> bool:
        return self.counted > BOUND
