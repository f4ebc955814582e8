"""Axes that the plots share: ranks and sizes in powers of two, values in round numbers."""

import re

import numpy as np
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from . import text


def thinned(ticks, most):
    """At most about `most` of the ascending log2 positions `ticks`, far enough apart to be read."""
    kept, gap = [], (ticks[-1] - ticks[0]) / most if len(ticks) > 1 else 0
    for tick in ticks[::-1]:  # the largest always stays
        if not kept or kept[-1] - tick >= gap - 1e-9:
            kept.append(tick)
    return kept[::-1]


def rank_axis(axis, ranks, label="ranks"):
    """log2 axis with a tick at the rank counts that occur."""
    counts = np.unique(ranks)
    axis.axes.set_xscale("log", base=2)
    axis.axes.set_xlim(counts[0] / 2**0.5, counts[-1] * 2**0.5)
    powers = counts[np.log2(counts) % 1 == 0]
    ticks = powers if len(counts) > 12 and len(powers) > 3 else counts
    axis.set_major_locator(FixedLocator([2.0**tick for tick in thinned(np.log2(ticks), 12)]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{round(value)}"))
    axis.set_minor_locator(NullLocator())
    axis.set_label_text(label)


def size_axis(axis, sizes, most=9):
    """log2 axis with ticks at powers of two, as `1 KiB`."""
    first, last = np.floor(np.log2(sizes.min())), np.ceil(np.log2(sizes.max()))
    step = max(1, int(np.ceil((last - first) / most)))
    axis.axes.set_xscale("log", base=2)
    axis.axes.set_xlim(2.0 ** (np.log2(sizes.min()) - 0.5), 2.0 ** (np.log2(sizes.max()) + 0.5))
    axis.set_major_locator(FixedLocator([2.0**power for power in np.arange(first, last + 1, step)]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: text.size(value)))
    axis.set_minor_locator(NullLocator())


def gain_axis(axis, values):
    """log2 axis of a speed-up; `values` are those to be seen."""
    low, high = min(values.min(), 1.0), max(values.max(), 2.0)
    axis.axes.set_yscale("log", base=2)
    axis.axes.set_ylim(low / 2**0.5, high * 2**0.5)
    powers = np.arange(np.floor(np.log2(low)), np.ceil(np.log2(high)) + 1)
    axis.set_major_locator(FixedLocator([2.0**tick for tick in thinned(powers, 7)]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def without_zeros(number):
    """`1.00 k` -> `1 k`."""
    return re.sub(r"\.(\d*?)0+(?!\d)", lambda match: "." + match[1] if match[1] else "", number)


def log_axis(axis, formatter):
    """log10 axis with ticks at 1, 2, 5 where there is room, written by `formatter`."""
    low, high = axis.get_view_interval()
    decades = np.log10(high / low) if low > 0 else 1
    getattr(axis.axes, f"set_{axis.axis_name}scale")("log")
    axis.set_major_locator(LogLocator(base=10, subs=(1,) if decades > 2 else (1, 2, 5), numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: without_zeros(formatter(value))))
    axis.set_minor_locator(NullLocator())
