"""The two panels of the scaling plot."""

import numpy as np
from matplotlib.lines import Line2D

from . import axes, style, text
from .errors import PlotError


def title(curve):
    """The curve in the legend."""
    return text.legend_label(f"{curve.kind}, {curve.sweep}" if curve.sweep else curve.kind)


def look(curves, curve):
    """(colour, marker, line style): predictions are dashed diamonds."""
    place = [other for other in curves if other.kind == curve.kind].index(curve)
    colour, marker = style.curve_style(place)
    if curve.kind == "predicted":
        return (style.RED if len(curves) <= 2 else colour), "D", (0, (4, 2))
    return colour, marker, "-"


def draw_top(panel, curves, options):
    """Speed-up with the ideal line, or tokens/s."""
    counts = np.concatenate([curve.ranks for curve in curves])
    span = np.array([counts.min() / 2, counts.max() * 2])
    throughput = options.metric == "throughput"
    seen = [np.array([1.0, counts.max() / min(curve.base for curve in curves)])]
    for curve in curves:
        values = curve.tokens if throughput else curve.gain
        at_base = curve.line(values)[1][np.unique(curve.ranks) == curve.base][0]
        panel.plot(span, at_base * span / curve.base, color=style.GREY, linewidth=1, zorder=1)
        draw_curve(panel, curve, values, look(curves, curve), not throughput)
        seen.append(values[curve.valid])
        if len(curves) == 1:
            label_points(panel, curve, values)
    if throughput:
        finite = np.concatenate([values[np.isfinite(values)] for values in seen[1:]])
        if not len(finite):
            raise PlotError("no point has tokens_per_second (there is no throughput to draw) use --metric speedup")
        panel.set_ylim(finite.min() / 1.6, finite.max() * 2)
        axes.log_axis(panel.yaxis, text.rate)
    else:
        axes.gain_axis(panel.yaxis, np.concatenate(seen))
    panel.set_ylabel("tokens/s" if throughput else gain_name(curves[0]))


def gain_name(curve):
    """The axis of the speed-up; scaled: of the work, which grows with the ranks."""
    return ("scaled speed-up" if curve.mode == "weak" else "speed-up") + " over the base"


def draw_curve(panel, curve, values, look_of, bars):
    """Line, points, intervals; failed points as crosses at the foot."""
    colour, marker, dash = look_of
    panel.plot(*curve.line(values), color=colour, linestyle=dash, zorder=2)
    good = curve.valid & np.isfinite(values)
    if bars:
        low, high = values * (1 - curve.time / curve.high), values * (curve.time / curve.low - 1)
        panel.errorbar(curve.ranks[good], values[good], yerr=np.nan_to_num([low[good], high[good]], nan=0).clip(0),
                       fmt="none", ecolor=colour, elinewidth=1.2, capsize=3, zorder=2)
    for hollow in (False, True):
        rows = good & (curve.oversubscribed == hollow)
        panel.plot(curve.ranks[rows], values[rows], marker, color=colour, zorder=3, markeredgewidth=1.5,
                   markerfacecolor="white" if hollow else colour)
    failed = curve.ranks[~curve.valid]
    if len(failed):
        panel.plot(failed, np.full(len(failed), 0.05), "x", color=style.ALERT, markersize=8, markeredgewidth=2,
                   transform=panel.get_xaxis_transform(), clip_on=False, zorder=4)


def label_points(panel, curve, values):
    """The absolute step time beside each rank count."""
    counts, heights = curve.line(values)
    times = curve.line(curve.time)[1]
    for p, height, time in zip(counts, heights, times):
        if np.isfinite(height) and len(counts) <= 10:
            panel.annotate(text.seconds(time), (p, height), (7, -11), textcoords="offset points", size=8,
                           color="#333333", bbox=style.HALO)


def draw_efficiency(panel, curves):
    """Efficiency with its lines at 1.0 and 0.8."""
    for level, dash in ((1.0, "-"), (0.8, (0, (2, 2)))):
        panel.axhline(level, color=style.GREY, linewidth=1, linestyle=dash, zorder=1)
    highest = 1.0
    for curve in curves:
        values = curve.efficiency
        draw_curve(panel, curve, values, look(curves, curve), True)
        highest = max(highest, values[curve.valid].max())
        counts, heights = curve.line(values)
        for p, height in zip(counts, heights):
            if len(curves) == 1 and np.isfinite(height) and len(counts) <= 12:
                panel.annotate(f"{height:.2f}", (p, height), (-6, -13 if height > 0.2 else 6),
                               textcoords="offset points", ha="right", size=8,
                               color="#333333", bbox=style.HALO)
    panel.set_ylim(0, highest * 1.2)
    panel.set_ylabel("efficiency")


def handles(curves):
    """The legend: curves, the ideal line, what hollow and crossed points mean."""
    out = []
    for curve in curves[:style.MOST_CURVES]:
        colour, marker, dash = look(curves, curve)
        out.append(Line2D([], [], color=colour, marker=marker, linestyle=dash, label=title(curve)))
    out.append(Line2D([], [], color=style.GREY, linewidth=1, label="ideal, from the base"))
    if any((curve.oversubscribed & curve.valid).any() for curve in curves):
        out.append(Line2D([], [], color=style.GREY, marker="o", markerfacecolor="white", linestyle="none",
                          markeredgewidth=1.5, label="oversubscribed"))
    if any((~curve.valid).any() for curve in curves):
        out.append(Line2D([], [], color=style.ALERT, marker="x", linestyle="none", markeredgewidth=2,
                          label="incomplete or failed"))
    return out
