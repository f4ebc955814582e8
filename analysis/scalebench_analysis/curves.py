"""Points of one or more result files as the curve of one scaling plot."""

from dataclasses import dataclass

import numpy as np

from . import metrics
from .schema import BROKEN, PARTS
from .text import clean


@dataclass(frozen=True)
class Curve:
    """N points sorted by ranks; times in s. Several points may have the same ranks: repeated runs."""

    kind: str
    sweep: str  # the swept value, "" without one
    mode: str  # weak, strong or none
    ranks: np.ndarray  # (N,)
    time: np.ndarray  # (N,) median step
    low: np.ndarray  # (N,) 95 % interval of the median
    high: np.ndarray
    tokens: np.ndarray  # (N,) tokens/s: summed work over summed time
    oversubscribed: np.ndarray  # (N,) bool
    valid: np.ndarray  # (N,) bool: a result, not the remains of a failed point
    base: float  # ranks of the base
    base_time: float  # s
    wanted_base: float  # baseline_ranks of the file, NaN if it has none
    parts: np.ndarray  # (P, N) s of the marked steps, in the order of schema.PARTS; NaN where not measured

    @property
    def gain(self):
        return metrics.speedup(self.mode, self.ranks, self.time, self.base, self.base_time)

    @property
    def efficiency(self):
        return metrics.efficiency(self.mode, self.ranks, self.time, self.base, self.base_time)

    def losses(self):
        """(ranks, (P, ranks) shares of 1 - E), the base left out; empty where the split of the base is unknown."""
        counts = np.unique(self.ranks)
        means = np.array([self.line(row)[1] for row in self.parts])
        base = means[:, counts == self.base]
        split = metrics.losses(self.mode, counts, means, self.base, base[:, 0])
        chosen = np.isfinite(split).any(axis=0) & (counts != self.base)
        return counts[chosen], split[:, chosen]

    def line(self, values):
        """(ranks, medians over repeated runs) with NaN where no run of a rank count is valid: the line breaks there."""
        counts = np.unique(self.ranks)
        return counts, np.array([median(values[(self.ranks == p) & self.valid]) for p in counts])


def median(values):
    """The median, NaN of none."""
    return float(np.median(values)) if len(values) else np.nan


def valid_points(result):
    """(point,) bool: finite step time, no wrong element, and not cut off."""
    reasons = np.array([reason not in BROKEN for reason in result.texts("stop_reason")])
    wrong = result.column("wrong")
    time = result.column("step_time")
    return np.isfinite(time) & (time > 0) & reasons & ~(wrong > 0)


def build_curves(results, mode):
    """One Curve per kind and swept value."""
    keys = []
    for result in results:
        for sweep in result.texts("sweep"):
            key = (result.text("kind"), clean(sweep, 40))
            keys += [] if key in keys else [key]
    curves = [build_curve(results, mode, *key) for key in keys]
    return [curve for curve in curves if curve is not None]


def build_curve(results, mode, kind, sweep):
    """The curve of one kind and swept value; None without a valid point."""
    chosen = [(result, rows_of(result, sweep)) for result in results if result.text("kind") == kind]
    gather = lambda column: np.concatenate([column(result)[rows] for result, rows in chosen])
    ranks, valid = gather(lambda result: result.column("ranks")), gather(valid_points)
    time = np.where(valid, gather(lambda result: result.column("step_time")), np.nan)
    if not valid.any():
        return None
    wanted = wanted_base([result for result, _ in chosen])
    base = wanted if wanted in ranks[valid] else ranks[valid].min()
    base_time = median(time[valid & (ranks == base)])
    order = np.argsort(ranks, kind="stable")
    columns = [gather(lambda result, name=name: result.column(name))[order]
               for name in ("step_time_ci_low", "step_time_ci_high", "tokens_per_second")]
    over = gather(lambda result: result.column("oversubscribed") > 0)[order]
    parts = np.array([gather(lambda result, name=name: result.column(name))[order] for name in PARTS])
    return Curve(kind, sweep, mode, ranks[order], time[order], *columns, over, valid[order],
                 float(base), base_time, wanted, np.where(valid[order], parts, np.nan))


def rows_of(result, sweep):
    """(point,) bool: the points of a swept value."""
    ranks = result.column("ranks")
    return np.array([clean(text, 40) == sweep for text in result.texts("sweep")]) & (ranks > 0) & np.isfinite(ranks)


def wanted_base(results):
    """The smallest baseline_ranks of the files, NaN if none says."""
    said = [result.root.get("baseline_ranks") for result in results]
    said = [float(value) for value in said if isinstance(value, (int, float)) and value > 0]
    return min(said) if said else np.nan
