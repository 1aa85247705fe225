"""How many pages does a list have? Counted a few pages ahead, so that a million rows cost no more than a thousand."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.utils.functional import cached_property

AHEAD = 100  # rows counted from the page that is read: two pages
BOUND = 1_000  # nobody turns twenty pages; whoever wants further rows filters or searches


class BoundedPaginator(Paginator):
    """Counts a few pages from the one that is read (`reading`) and says so; more come as one goes on, up to a bound."""

    template_name = "admin/bounded_pagination.html"
    reading = 1
    ahead = AHEAD

    @property
    def bound(self) -> int:
        return min(self.ahead + (self.reading - 1) * self.per_page, BOUND)

    @cached_property
    def counted(self) -> int:
        return self.object_list.order_by().values("pk")[: self.bound + 1].count()

    @cached_property
    def count(self) -> int:
        return min(self.counted, self.bound)

    @property
    def is_bounded(self) -> bool:
        return self.counted > self.bound
