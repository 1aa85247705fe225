"""How sure may one be of a share, or of the difference of two? Plain formulas with their sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, erfc, log, sqrt
from statistics import NormalDist

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    hits: int
    of: int

    @property
    def rate(self) -> float | None:
        """The share itself; None of nothing."""
        return self.hits / self.of if self.of else None


@dataclass(frozen=True)
class Interval:
    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def z_of(confidence: float) -> float:
    """The two-sided normal quantile, e.g. 1.96 for 0.95."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def wilson(share: Share, confidence: float = CONFIDENCE) -> Interval:
    """The score interval of a share [Wilson, JASA 22 (1927) 209-212]; everything where nothing was seen."""
    if not share.of:
        return Interval(0.0, 1.0)
    z, n, p = z_of(confidence), share.of, share.hits / share.of
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def difference(one: Share, other: Share, confidence: float = CONFIDENCE) -> Interval:
    """The interval of one share less the other [Newcombe, Statistics in Medicine 17 (1998) 873-890, method 10]."""
    a, b = wilson(one, confidence), wilson(other, confidence)
    p, q = one.rate, other.rate
    if p is None or q is None:
        return Interval(-1.0, 1.0)
    gap = p - q
    return Interval(gap - sqrt((p - a.low) ** 2 + (b.high - q) ** 2), gap + sqrt((a.high - p) ** 2 + (q - b.low) ** 2))


def p_value(one: Share, other: Share) -> float:
    """How likely a gap this wide is by chance: the two-sided pooled z-test of two shares."""
    if not one.of or not other.of:
        return 1.0
    pooled = (one.hits + other.hits) / (one.of + other.of)
    spread = sqrt(pooled * (1 - pooled) * (1 / one.of + 1 / other.of))
    if spread == 0:
        return 1.0
    return erfc(abs(one.hits / one.of - other.hits / other.of) / spread / sqrt(2))


def holm(p_values: Sequence[float], confidence: float = CONFIDENCE) -> list[bool]:
    """Which of many findings stand together at this confidence [Holm, Scandinavian J. of Statistics 6 (1979) 65-70]."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    stands = [False] * len(p_values)
    for rank, place in enumerate(order):
        if p_values[place] > (1 - confidence) / (len(p_values) - rank):
            break
        stands[place] = True
    return stands


def cases_needed(base: float, gap: float, confidence: float = CONFIDENCE, power: float = 0.8) -> int:
    """How many cases on each side would show a gap of this size [Fleiss, Statistical Methods, ch. 4]."""
    p = min(max(base, 0.001), 0.999)
    q = p + gap if p + gap < 1 else p - gap  # where nearly everybody does, only fewer can be noticed
    mean = (p + q) / 2
    z, w = z_of(confidence), NormalDist().inv_cdf(power)
    return ceil((z * sqrt(2 * mean * (1 - mean)) + w * sqrt(p * (1 - p) + q * (1 - q))) ** 2 / (p - q) ** 2)


def weight_of_evidence(one: Share, other: Share) -> float:
    """Log odds of conversion with over without, half a case added to each cell [Good, 1950; Haldane, 1955]."""
    yes, no = (one.hits + 0.5) / (other.hits + 0.5), (one.of - one.hits + 0.5) / (other.of - other.hits + 0.5)
    return log(yes / no)


def phi(both: int, only_one: int, only_other: int, neither: int) -> float:
    """How much two yes-or-no signs say the same: the correlation of a fourfold table, 1 is the same."""
    rows, columns = (both + only_one, only_other + neither), (both + only_other, only_one + neither)
    product = rows[0] * rows[1] * columns[0] * columns[1]
    return (both * neither - only_one * only_other) / sqrt(product) if product else 0.0
