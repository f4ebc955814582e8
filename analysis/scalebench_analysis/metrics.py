"""Scaling figures from step times, as docs of the project define them (strong and weak)."""

import numpy as np


def speedup(mode, ranks, time, base_ranks, base_time):
    """Throughput over that of the base: T(p0)/T(p) at a fixed global batch, times p/p0 at a fixed batch per rank."""
    ratio = base_time / np.asarray(time, dtype=float)
    return ratio * np.asarray(ranks, dtype=float) / base_ranks if mode == "weak" else ratio


def efficiency(mode, ranks, time, base_ranks, base_time):
    """Strong: T(p0) p0 / (T(p) p). Weak: T(p0) / T(p)."""
    gain = speedup(mode, ranks, time, base_ranks, base_time)
    return gain * base_ranks / np.asarray(ranks, dtype=float)


def karp_flatt(ranks, gain, base_ranks):
    """Serial fraction (1/S - 1/q) / (1 - 1/q) with q = p/p0 and S over p0; strong scaling only, NaN at the base."""
    q = np.asarray(ranks, dtype=float) / base_ranks
    with np.errstate(divide="ignore", invalid="ignore"):
        fraction = (1 / np.asarray(gain, dtype=float) - 1 / q) / (1 - 1 / q)
    return np.where(q > 1, fraction, np.nan)


def losses(mode, ranks, parts, base_ranks, base_parts):
    """What was lost to what: (P, N) shares of 1 - E, from the parts (P, N) of the marked steps and those (P,) at the base.

    A step without loss would have every part of the base's step, divided by p/p0 where the batch is fixed (strong). What
    a part has beyond that is lost to it: exposed communication, waiting, or compute that smaller matrices make slower.
    Over the marked step's time these add up to 1 - E of the marked steps; a part that shrank more than it had to is
    negative.
    """
    parts, base_parts = np.asarray(parts, dtype=float), np.asarray(base_parts, dtype=float)
    share = np.ones(len(ranks)) if mode == "weak" else base_ranks / np.asarray(ranks, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (parts - base_parts[:, None] * share) / np.nansum(parts, axis=0)


def tokens_per_step(result):
    """Tokens of one step per point: rate (summed work over summed time) times the mean step time."""
    return result.column("tokens_per_second") * result.column("step_time_mean")
