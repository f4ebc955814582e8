"""Decode points as the curves of a scaling plot: over tensor parallelism, or over ranks."""

from dataclasses import dataclass

import numpy as np

from .curves import median
from .sweeps import fixed, grouped


@dataclass(frozen=True)
class DecodeCurve:
    """Points of one load in the order of `across`; several may share a place: repeated runs."""

    label: str
    kind: str
    across: np.ndarray  # (N,) tp or ranks
    points: tuple  # (N,)
    base: float  # tokens/s per rank of the base
    base_ranks: float

    def values(self, get):
        """(N,) of valid points, NaN elsewhere."""
        return np.array([get(point) if point.valid else np.nan for point in self.points])

    def line(self, values):
        """(places, medians of the repeated runs); NaN where none is valid: the line breaks there."""
        places = np.unique(self.across)
        return places, np.array([median(values[(self.across == p) & np.isfinite(values)]) for p in places])

    @property
    def efficiency(self):
        return self.values(lambda point: point.per_rank / self.base)


def axis(points):
    """tp where nothing else changes the ranks, else ranks."""
    return "tp" if fixed([point.ranks / point.tp for point in points]) and not fixed([point.tp for point in points]) else "ranks"


def curves(points, over):
    """One DecodeCurve for each kind and load (and tp, where ranks change beside it); none where no point is valid."""
    held = load(points)
    out = []
    for group in grouped(points, lambda point: (point.kind, *held(point))):
        beside = over == "ranks" and not fixed([point.tp for point in group]) and not fixed([point.dp for point in group])
        good = [point for point in group if point.valid]
        fewest = min((point.ranks for point in good), default=np.nan)
        base = median(np.array([point.per_rank for point in good if point.ranks == fewest]))
        for each in grouped(group, lambda point: point.tp if beside else 0):
            if good:
                out.append(curve(each, over, name(each[0], points, beside), base, fewest))
    return out


def curve(points, over, label, base, fewest):
    """Its points in order."""
    ordered = sorted(points, key=lambda point: getattr(point, over))
    return DecodeCurve(label, points[0].kind, np.array([getattr(point, over) for point in ordered]), tuple(ordered), base,
                       fewest)


def load(points):
    """What points of one curve share: batch and load, of each replica or of the job, whichever makes fewer curves."""
    rules = (lambda point: (point.batch, point.load / point.dp), lambda point: (point.batch, point.load))
    known = [point for point in points if point.dp > 0]
    return min(rules, key=lambda rule: len({rule(point) for point in known})) if known else rules[1]


def name(point, points, beside):
    """What tells the curve from the others."""
    words = [point.kind] if len({other.kind for other in points}) > 1 else []
    words += [f"tp {point.tp:g}"] if beside else []
    words += [f"batch {point.batch:g}"] if not fixed([other.batch for other in points]) else []
    if not fixed([other.load / other.dp for other in points]) and not fixed([other.load for other in points]):
        per = [other.load / other.batch / other.dp for other in points]
        words += [] if fixed(per) else [f"{point.load:g} requests/s" if point.arrivals == "open"
                                        else f"concurrency {point.load:g}"]
    return ", ".join(words) or point.kind


def held(points, over):
    """What all points share, in the words of the title."""
    first, several = points[0], any(point.dp != 1 for point in points)
    same = lambda get: fixed([get(point) for point in points])
    words = [f"dp {first.dp:g}"] if several and same(lambda point: point.dp) else []
    words += [f"tp {first.tp:g}"] if over != "tp" and same(lambda point: point.tp) else []
    each = " per replica" if several else ""
    words += [f"batch {first.batch:g}{each}"] if same(lambda point: point.batch) else []
    unit = {"closed": "concurrency {:g}", "open": "{:g} requests/s"}.get(first.arrivals)
    if unit and same(lambda point: point.load):
        words.append(unit.format(first.load))
    elif unit and same(lambda point: point.load / point.dp):
        words.append(unit.format(first.load / first.dp) + each)
    return words
