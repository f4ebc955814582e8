"""Stacked bars of the parts of a step."""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from . import style, text

# Work in blues and greens, communication and waiting in warm colours.
COLOURS = {
    "compute": style.BLUE, "interference": style.PINK, "exposed": style.RED, "imbalance": style.ORANGE,
    "bubble": style.YELLOW, "optimizer": style.GREEN, "input": style.SKY, "host": "#999999", "residue": "#dddddd",
}
DARK = {style.BLUE, style.RED, style.GREEN}  # white letters on these
WIDTH = 0.62
SHARE_OF_AXIS = 0.05  # the least height of a part that is labelled
HEADLINE = {"color": "white", "markeredgecolor": style.BLACK, "marker": "D", "linestyle": "none", "markersize": 5.5}
MOST_BARS = 64  # beyond, the ranks are drawn as areas


def colour(name):
    """The colour of a part; parts that this release does not know are nearly black."""
    return COLOURS.get(name, "#444444")


def stacked(values):
    """(bottom, height) of each part: positive ones upwards from 0, negative ones downwards. `values` (P, N)."""
    known = np.nan_to_num(values, nan=0.0)
    up, down = np.maximum(known, 0), np.minimum(known, 0)
    return np.where(known >= 0, np.cumsum(up, axis=0) - up, np.cumsum(down, axis=0) - down), known


def draw_bars(panel, bars):
    """One stacked bar per point, with its marked and its headline time."""
    places = np.arange(len(bars))
    names = list(bars[0].parts)
    values = np.array([[bar.parts[name] for bar in bars] for name in names])
    limits(panel, values, [bar.marked for bar in bars] + [bar.step for bar in bars])
    stack(panel, places, names, values, WIDTH, np.nansum(values, axis=0))
    panel.hlines([bar.marked for bar in bars], places - 0.4, places + 0.4, color=style.BLACK, linewidth=1.6)
    panel.plot(places + 0.4, [bar.step for bar in bars], **HEADLINE)
    for place, bar in zip(places, bars):
        top = np.nanmax([bar.marked, bar.step, sum(part for part in bar.parts.values() if part > 0)])
        said = text.seconds(bar.step)
        if len(bars) <= 6:
            said = f"step {said}\nmarked {text.seconds(bar.marked)}"
        panel.annotate(said, (place, top), (0, 5), textcoords="offset points", ha="center", size=8)
    panel.set_xticks(places, [bar.label + ("\noversubscribed" if bar.oversubscribed else "") for bar in bars],
                     size=8.5 if len(bars) <= 6 else 7)
    spare = max(0, 4 - len(bars)) / 2  # few bars do not become walls
    panel.set_xlim(-0.6 - spare, len(bars) - 0.3 + spare)
    finish(panel)


def limits(panel, values, others):
    """The y axis from the deepest negative to a little above the highest stack."""
    top = max(np.nansum(np.maximum(values, 0), axis=0).max(), np.nanmax([0, *others]))
    low = np.nansum(np.minimum(values, 0), axis=0).min()
    panel.set_ylim(low * 1.15 - (0.02 * top if low < 0 else 0), (top or 1) * 1.17)


def stack(panel, places, names, values, width, totals):
    """The bars (P, N); parts that are high enough carry their share of `totals`."""
    bottoms, heights = stacked(values)
    low, high = panel.get_ylim()
    for name, bottom, height in zip(names, bottoms, heights):
        panel.bar(places, height, width, bottom, color=colour(name), edgecolor="white", linewidth=0.4)
        for place, base, part, total in zip(places, bottom, height, totals):
            if total > 0 and abs(part) >= SHARE_OF_AXIS * (high - low) and len(places) <= 17:
                share = f"{100 * part / total:.0f}" + (" %" if len(places) <= 8 else "")  # bare where bars are narrow
                panel.text(place, base + part / 2, share, ha="center", va="center", size=7.5,
                           color="white" if colour(name) in DARK else "black")


def draw_ranks(panel, names, values, title):
    """The split over ranks, (R, P) in s: bars with their mean, bars, or areas where there are many."""
    values = values.T
    ranks = np.arange(values.shape[1])
    limits(panel, values, [])
    panel.set_xlim(-0.6, len(ranks) - 0.4)
    panel.xaxis.get_major_locator().set_params(integer=True, nbins=16)
    if len(ranks) <= 16:
        values = np.column_stack([values, mean_over_ranks(values)])
        places = np.append(ranks, len(ranks) + 0.4)
        stack(panel, places, names, values, 0.8, np.nansum(values, axis=0))
        panel.set_xticks(places, [*ranks, "mean"])
        panel.set_xlim(-0.6, places[-1] + 0.6)
    elif len(ranks) <= MOST_BARS:
        stack(panel, ranks, names, values, 0.8, np.nansum(values, axis=0))
    else:
        bottoms, heights = stacked(values)
        for name, bottom, height in zip(names, bottoms, heights):
            panel.fill_between(ranks, bottom, bottom + height, step="mid", color=colour(name), linewidth=0)
    panel.set_xlabel("rank" if len(ranks) < 8 else "rank (numbers in bars: per cent of the step)")
    panel.set_title(title, loc="left")
    finish(panel)


def mean_over_ranks(values):
    """(P,) mean of the known values of (P, R); NaN where none is known."""
    known = np.isfinite(values)
    return np.where(known.any(axis=1), np.nansum(values, axis=1) / np.maximum(known.sum(axis=1), 1), np.nan)


def finish(panel):
    """A time axis in the unit that suits it, and a line at zero."""
    top = panel.get_ylim()[1]
    factor, unit = next((pair for pair in ((1, "s"), (1e-3, "ms")) if top >= 2 * pair[0]), (1e-6, "µs"))
    panel.yaxis.set_major_formatter(lambda value, _: f"{value / factor:.6g}")
    panel.set_ylabel(f"time of a step ({unit})")
    panel.axhline(0, color="#555555", linewidth=0.8)
    panel.grid(axis="x", visible=False)


def handles(names, bars):
    """The legend in the order of the stack, top part first; parts that are nowhere are left out."""
    seen = [name for name in names if any(abs(bar.parts.get(name, 1.0)) > 0 for bar in bars)]  # NaN is not seen
    out = [Patch(color=colour(name), label=text.legend_label(name)) for name in seen[::-1]]
    out.append(Line2D([], [], color=style.BLACK, linewidth=1.6, label="marked iterations"))
    out.append(Line2D([], [], label="step time (headline)", **HEADLINE))
    return out
