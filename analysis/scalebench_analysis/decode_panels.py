"""The panels of the scaling plot of decode."""

import numpy as np
from matplotlib.lines import Line2D

from . import axes, style, text

SHARES = (("communication_share", "communication", "-"), ("host_share", "host", ":"))


def look(curves, curve):
    """(colour, marker, dash): predictions are dashed diamonds."""
    colour, marker = style.curve_style(curves.index(curve))
    return (colour, "D", (0, (4, 2))) if curve.kind == "predicted" else (colour, marker, "-")


def draw_curve(panel, curves, curve, values, dash=None):
    """Line through the medians, points, crosses at the foot where a point failed."""
    colour, marker, own = look(curves, curve)
    panel.plot(*curve.line(values), color=colour, linestyle=dash or own, zorder=2)
    for place, value, point in zip(curve.across, values, curve.points):
        if point.valid:
            hollow = point.oversubscribed or dash is not None
            panel.plot(place, value, marker, color=colour, zorder=3, markersize=4.5 if dash else 6,
                       markerfacecolor="white" if hollow else colour)
    failed = [place for place, point in zip(curve.across, curve.points) if not point.valid]
    if failed:
        panel.plot(failed, np.full(len(failed), 0.05), "x", color=style.ALERT, markersize=8, markeredgewidth=2,
                   transform=panel.get_xaxis_transform(), clip_on=False, zorder=4)


def draw_throughput(panel, curves, get, ideal):
    """Tokens/s, logarithmic with the ideal of the base; or per rank from 0."""
    seen = []
    for curve in curves:
        values = curve.values(get)
        seen.append(values[np.isfinite(values)])
        if ideal:
            last = max(curve.points, key=lambda point: point.ranks).ranks
            across = np.array([curve.base_ranks, last]) / (curve.points[0].ranks / curve.across[0])
            panel.plot(across, [curve.base * curve.base_ranks, curve.base * last], color=style.GREY, linewidth=1, zorder=1)
        draw_curve(panel, curves, curve, values)
        if len(curves) == 1 and len(np.unique(curve.across)) <= 8:
            label(panel, curve, values, text.rate, below=ideal)
    seen = np.concatenate(seen)
    if ideal:
        panel.set_ylim(seen.min() / 1.6, seen.max() * 2)
        axes.log_axis(panel.yaxis, text.rate)
    else:
        panel.set_ylim(0, seen.max() * 1.25)
        panel.yaxis.set_major_formatter(lambda value, _: axes.without_zeros(text.rate(value)))


def label(panel, curve, values, write, below=False):
    """The median beside each place, below where a line runs above; `*`: over the whole run."""
    for place, value in zip(*curve.line(values)):
        whole = any(point.valid and not point.windowed for at, point in zip(curve.across, curve.points) if at == place)
        if np.isfinite(value):
            panel.annotate(write(value) + ("*" if whole else ""), (place, value), (6, -12 if below else 6),
                           textcoords="offset points", size=8, color="#333333", bbox=style.HALO)


def draw_latency(panel, curves, name):
    """p50 and p95 of a latency."""
    seen = []
    for curve in curves:
        for percentile, dash in (("p50", None), ("p95", ":")):
            values = curve.values(lambda point: point.figures[f"{name}_{percentile}"])
            values = np.where(values > 0, values, np.nan)
            seen.append(values[np.isfinite(values)])
            draw_curve(panel, curves, curve, values, dash)
    finish(panel, np.concatenate(seen), text.seconds)
    panel.set_ylabel(name.upper())


def finish(panel, seen, write):
    """A logarithmic axis around what was seen, or the words that nothing was."""
    if len(seen):
        panel.set_ylim(seen.min() / 1.4, seen.max() * 1.4)
        axes.log_axis(panel.yaxis, write)
    else:
        absent(panel)


def absent(panel):
    """An empty panel says so."""
    panel.text(0.5, 0.5, "not measured", transform=panel.transAxes, ha="center", va="center", color=style.GREY)
    panel.set_yticks([])


def draw_efficiency(panel, curves):
    """Throughput per rank over the base, with lines at 1.0 and 0.8."""
    for level, dash in ((1.0, "-"), (0.8, (0, (2, 2)))):
        panel.axhline(level, color=style.GREY, linewidth=1, linestyle=dash, zorder=1)
    highest = 1.0
    for curve in curves:
        values = curve.efficiency
        highest = max([highest, *values[np.isfinite(values)]])
        draw_curve(panel, curves, curve, values)
        if len(curves) == 1 and len(np.unique(curve.across)) <= 8:
            label(panel, curve, values, lambda value: f"{value:.2f}")
    panel.set_ylim(0, highest * 1.25)
    panel.set_ylabel("efficiency")


def draw_shares(panel, curves):
    """Communication and host in the marked steps; beside them the latency of a small all_reduce."""
    highest = 0.0
    for curve in curves:
        for name, _, dash in SHARES:
            values = curve.values(lambda point: point.figures[name])
            highest = max(highest, np.nanmax(np.nan_to_num(values)))
            draw_curve(panel, curves, curve, values, None if dash == "-" else dash)
        if len(curves) == 1:
            shares, waits = (curve.values(lambda point, name=name: point.figures[name])
                             for name in ("communication_share", "all_reduce_latency"))
            for place, share, wait in zip(*curve.line(shares), curve.line(waits)[1]):
                if np.isfinite(share) and np.isfinite(wait):
                    panel.annotate(text.seconds(wait), (place, share), (-4, 6), textcoords="offset points", size=8,
                                   ha="right", color="#333333", bbox=style.HALO)
    if highest > 0:
        panel.set_ylim(0, highest * 1.3)
        panel.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g} %")
    else:
        absent(panel)
    panel.set_ylabel("share of a step")


def handles(curves):
    """The legend: curves, percentiles, the ideal line, what hollow and crossed points mean."""
    out = []
    for curve in curves[:style.MOST_CURVES]:
        colour, marker, dash = look(curves, curve)
        out.append(Line2D([], [], color=colour, marker=marker, linestyle=dash, label=text.legend_label(curve.label)))
    if len(curves) > style.MOST_CURVES:
        out.append(Line2D([], [], linestyle="none", label=f"and {len(curves) - style.MOST_CURVES} more"))
    out.append(Line2D([], [], color=style.GREY, marker="o", markersize=4.5, markerfacecolor="white", linestyle=":",
                      label="p95 (of shares: host)"))
    out.append(Line2D([], [], color=style.GREY, linewidth=1, label="ideal, from the base"))
    points = [point for curve in curves for point in curve.points]
    if any(point.oversubscribed and point.valid for point in points):
        out.append(Line2D([], [], color=style.GREY, marker="o", markerfacecolor="white", linestyle="none",
                          label="oversubscribed"))
    if any(not point.valid for point in points):
        out.append(Line2D([], [], color=style.ALERT, marker="x", linestyle="none", markeredgewidth=2,
                          label="incomplete or failed"))
    return out
