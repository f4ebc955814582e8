"""The two panels of the Pareto plot."""

import numpy as np
from matplotlib.lines import Line2D

from . import axes, style, text

PALE = 0.35  # opacity of what another point surpasses
MOST_APART = 30  # beyond this ratio an axis is logarithmic
LIMIT = {"color": style.BLACK, "linewidth": 1, "linestyle": (0, (6, 2, 1, 2)), "zorder": 1}


def look(place, item):
    """(colour, marker, dash) of a sweep: predictions are dashed diamonds."""
    colour, marker = style.curve_style(place)
    return (colour, "D", (0, (4, 2))) if item.first.kind == "predicted" else (colour, marker, "-")


def draw_front(panel, drawn, best, limits):
    """Tokens/s per rank against tokens/s per user, the best ones on the area that they dominate."""
    across = [point.per_user for item in drawn for point in item.points]
    up = [point.per_rank for item in drawn for point in item.points]
    required = [1 / value for name, value in limits if name == "tpot" and value > 0]
    span(panel, "x", across + required)
    span(panel, "y", up)
    shade(panel, [point for item in drawn for point in item.points if id(point) in best])
    for place, item in enumerate(drawn):
        colour, marker, dash = look(place, item)
        panel.plot(*item.line([point.per_user for point in item.points], [point.per_rank for point in item.points]),
                   color=colour, linestyle=dash, alpha=0.6, linewidth=1.2, zorder=2)
        for point in item.points:
            draw_point(panel, point, colour, marker, id(point) in best)
    for value in required:
        panel.axvline(value, **LIMIT)
        panel.annotate(f"TPOT limit {text.seconds(1 / value)}", (value, 0.985), (3, 0), size=8, va="top",
                       xycoords=panel.get_xaxis_transform(), textcoords="offset points", bbox=style.HALO)
    label_points(panel, drawn, best)


def draw_point(panel, point, colour, marker, best):
    """Large with a dark edge, or pale; hollow where oversubscribed."""
    face = "white" if point.oversubscribed else colour
    edge = style.BLACK if best and not point.oversubscribed else colour
    panel.plot(point.per_user, point.per_rank, marker, color=colour, markerfacecolor=face, markeredgecolor=edge,
               markersize=8.5 if best else 6, markeredgewidth=1.2, alpha=1 if best else PALE, zorder=4 if best else 3)


def shade(panel, best):
    """The area that measured points of the frontier dominate; a step, for between them nothing was measured."""
    measured = sorted((point for point in best if point.kind == "measured"), key=lambda point: point.per_user)
    if measured:
        low, foot = panel.get_xlim()[0], panel.get_ylim()[0]
        across = [low, *(point.per_user for point in measured)]
        up = [measured[0].per_rank, *(point.per_rank for point in measured)]
        panel.fill_between(across, foot, up, step="pre", color="#f1f1f1", linewidth=0, zorder=0)


def label_points(panel, drawn, best):
    """The swept value beside each point where there is room for it, those on the frontier first."""
    items = [(item, point) for item in drawn for point in item.points if item.by]
    pixels = panel.figure.dpi / 72
    place = {id(point): panel.transData.transform((point.per_user, point.per_rank)) for _, point in items}
    taken = []
    for item, point in sorted(items, key=lambda pair: id(pair[1]) not in best):
        words = item.text(point)
        low = place[id(point)] + np.array([5, 4]) * pixels
        high = low + np.array([1 + 5.5 * len(words), 10]) * pixels
        covers = any(((low < spot) & (spot < high)).all() for spot in place.values())
        if not any(((low < above) & (below < high)).all() for below, above in taken) and (id(point) in best or not covers):
            taken.append((low, high))
            panel.annotate(words, (point.per_user, point.per_rank), (6, 5), textcoords="offset points", size=8,
                           color="#333333", zorder=3.5, bbox=style.HALO)


def draw_first_tokens(panel, drawn, limits):
    """TTFT against tokens/s per rank: p50 solid, p95 dotted."""
    heights = [value for name, value in limits if name == "ttft" and value > 0]
    for place, item in enumerate(drawn):
        colour, marker, _ = look(place, item)
        for name, dash in (("ttft_p50", "-"), ("ttft_p95", ":")):
            values = [point.figures[name] if point.figures[name] > 0 else np.nan for point in item.points]
            heights += [value for value in values if np.isfinite(value)]
            panel.plot(*item.line([point.per_rank for point in item.points], values), color=colour, linestyle=dash,
                       linewidth=1.2, alpha=0.8, zorder=2)
            for point, value in zip(item.points, values):
                panel.plot(point.per_rank, value, marker, color=colour, markersize=6 if dash == "-" else 4.5, zorder=3,
                           markerfacecolor=colour if dash == "-" and not point.oversubscribed else "white")
    span(panel, "x", [point.per_rank for item in drawn for point in item.points])
    panel.set_ylim(*((min(heights) / 1.5, max(heights) * 1.7) if heights else (1e-3, 1)))
    for name, value in limits:
        if name == "ttft" and value > 0:
            panel.axhline(value, **LIMIT)
            panel.annotate(f"TTFT limit {text.seconds(value)}", (0.995, value), (0, 3), ha="right", size=8,
                           xycoords=panel.get_yaxis_transform(), textcoords="offset points", bbox=style.HALO)
    panel.set_ylabel("TTFT")
    grey = {"color": style.GREY, "marker": "o"}
    panel.legend(handles=[Line2D([], [], linestyle="-", label="p50", **grey),
                          Line2D([], [], linestyle=":", markerfacecolor="white", label="p95", **grey)],
                 loc="upper left", bbox_to_anchor=(1.0, 1.0))


def span(panel, name, values):
    """Axis `name` from 0, or logarithmic where the values lie far apart."""
    low, high = min(values), max(values)
    if high <= MOST_APART * low:
        getattr(panel, f"set_{name}lim")(0, high * 1.12)
    else:
        getattr(panel, f"set_{name}lim")(low / 1.5, high * 1.6)
        axes.log_axis(getattr(panel, f"{name}axis"), text.rate)


def handles(drawn, labels):
    """The legend: the sweeps, what is swept along them, what hollow points mean."""
    out = []
    for place, (item, label) in list(enumerate(zip(drawn, labels)))[:style.MOST_CURVES]:
        colour, marker, dash = look(place, item)
        out.append(Line2D([], [], color=colour, marker=marker, linestyle=dash if len(item.points) > 1 else "none",
                          label=label))
    if len(drawn) > style.MOST_CURVES:
        out.append(Line2D([], [], linestyle="none", label=f"and {len(drawn) - style.MOST_CURVES} more"))
    points = [point for item in drawn for point in item.points]
    out.append(Line2D([], [], color=style.GREY, marker="o", markersize=8.5, markeredgecolor=style.BLACK,
                      linestyle="none", label="on the frontier"))
    if any(point.oversubscribed for point in points):
        out.append(Line2D([], [], color=style.GREY, marker="o", markerfacecolor="white", linestyle="none",
                          markeredgewidth=1.2, label="oversubscribed"))
    return out
