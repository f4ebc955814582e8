"""Decode points as curves: which of them are one sweep, over what, and which no other surpasses."""

from dataclasses import dataclass

import numpy as np

from .curves import median

LOADS = {"closed": "concurrency", "open": "request rate"}


@dataclass(frozen=True)
class Sweep:
    """Points of one configuration in the order of what is swept; `by`: batch, concurrency, request rate, or ""."""

    files: tuple  # places in the call
    by: str
    points: tuple

    @property
    def first(self):
        return self.points[0]

    def value(self, point):
        """What is swept, at a point."""
        return point.batch if self.by in ("batch", "") else point.load

    def text(self, point):
        """The same at the point in the plot; `*`: over the whole run."""
        return f"{self.value(point):g}" + ("/s" if self.by == "request rate" else "") + ("" if point.windowed else "*")

    def line(self, *values):
        """(n,) medians of each of `values` (one a point) per swept value, in its order."""
        swept = np.array([self.value(point) for point in self.points])
        return [np.array([median(np.array(each)[swept == value]) for value in np.unique(swept)]) for each in values]


def sweeps(points):
    """The sweeps of all files: a file with several points of a configuration is a sweep of its own."""
    out = []
    for mine in grouped(points, lambda point: (point.kind, point.arrivals, point.tp, point.dp, point.ranks)):
        files = grouped(mine, lambda point: point.place)
        alone = [point for group in files if len(group) == 1 for point in group]
        for group in [group for group in files if len(group) > 1] + ([alone] if alone else []):
            out += by_rule(group)
    return out


def by_rule(points):
    """The sweeps of one configuration: over the batch where the load follows it or is fixed, else over the load."""
    batches = {point.batch for point in points}
    over_load = LOADS.get(points[0].arrivals, "")
    if len(batches) == 1:
        loads = {point.load for point in points}
        return [sweep(points, over_load if len(loads) > 1 else "batch" if not over_load else "")]
    if fixed([point.load for point in points]) or fixed([point.load / point.batch for point in points]):
        return [sweep(points, "batch")]
    return [sweep(group, over_load) for group in grouped(points, lambda point: point.batch)]


def sweep(points, by):
    """A Sweep of points in their order."""
    made = Sweep(tuple(sorted({point.place for point in points})), by, tuple(points))
    return Sweep(made.files, by, tuple(sorted(points, key=made.value)))


def grouped(points, key):
    """Lists of points of equal key, in the order in which the keys occur."""
    groups = {}
    for point in points:
        groups.setdefault(key(point), []).append(point)
    return list(groups.values())


def fixed(values):
    """All finite values equal, but for rounding."""
    values = np.array(values, dtype=float)
    values = values[np.isfinite(values)]
    return not len(values) or np.ptp(values) <= 1e-9 * np.abs(values).max()


def frontier(across, up):
    """(N,) bool: no other point is at least as good in both and better in one; larger is better, NaN is none."""
    across, up = np.asarray(across, dtype=float), np.asarray(up, dtype=float)
    known = np.isfinite(across) & np.isfinite(up)
    beats = (across[:, None] >= across) & (up[:, None] >= up) & ((across[:, None] > across) | (up[:, None] > up))
    return known & ~(beats & known[:, None]).any(axis=0)
