"""How is a query made once that is asked at many moments? With a moment that is put in when it is asked.

Django takes milliseconds to make the SQL of a hundred facts, and PostgreSQL less to answer it. Whatever is made of the
`MOMENT` by `+`, `-`, `date` and `astimezone` ends up among the parameters and is worked out anew by `bind`. What would
have to know the moment to make the SQL cannot be made so: a comparison raises TypeError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Self
from uuid import UUID

Param = bool | int | float | Decimal | str | bytes | date | UUID | tuple | list | None
"""A value that a query is given."""

Make = Callable[[datetime], Param]


class Later:
    """A date or an instant that `make` tells from the moment asked about; until then it looks like one of the past."""

    like: date
    make: Make

    def then(self, step: Callable[[object], object]) -> Later:
        looks = step(self.like)
        kind = Moment if isinstance(looks, datetime) else Day
        return kind.made(looks, lambda at: step(self.make(at)))

    def __add__(self, other: timedelta) -> Later:
        return self.then(lambda value: value + other)

    def __sub__(self, other: timedelta) -> Later:
        return self.then(lambda value: value - other)

    def _refuse(self, other: object) -> bool:
        raise TypeError("The moment of this query is not known yet; compare it in SQL.")

    __lt__ = __le__ = __gt__ = __ge__ = _refuse

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self


class Moment(Later, datetime):
    @classmethod
    def made(cls, like: datetime, make: Make) -> Moment:
        moment = cls(*like.timetuple()[:6], like.microsecond, like.tzinfo)
        moment.like, moment.make = like, make
        return moment

    def date(self) -> Later:
        return self.then(lambda value: value.date())

    def astimezone(self, tz: tzinfo | None = None) -> Later:
        return self.then(lambda value: value.astimezone(tz))


class Day(Later, date):
    @classmethod
    def made(cls, like: date, make: Make) -> Day:
        day = cls(like.year, like.month, like.day)
        day.like, day.make = like, make
        return day


class Told(Later):
    """Something else that `make` tells from the moment asked about."""


def told(at: datetime, make: Make) -> object:
    """What `make` tells of this moment; of a moment not known yet, when the query is asked."""
    if not isinstance(at, Later):
        return make(at)
    later = Told()
    later.make = lambda moment: make(at.make(moment))
    return later


MOMENT = Moment.made(datetime(2000, 1, 1, tzinfo=UTC), lambda at: at)


def bind(params: Iterable[Param | Later], at: datetime) -> list[Param]:
    """The parameters of a query made with MOMENT, as they are at that moment."""
    return [param.make(at) if isinstance(param, Later) else param for param in params]
