"""The curves of the bus bandwidth plot, and its legend."""

import numpy as np
from matplotlib.lines import Line2D

from . import style, text


def draw_series(panel, item, values):
    """One curve; in place dashed and hollow, predictions dotted, wrong results red."""
    panel.plot(item.bytes, values, **look(item))
    wrong = item.wrong > 0
    panel.plot(item.bytes[wrong], values[wrong], "X", color=style.ALERT, markeredgecolor="white", markersize=11,
               zorder=5)


def look(item):
    """The style of a series."""
    colour, marker = style.curve_style(item.colour)
    dash = ":" if item.kind == "predicted" else "--" if item.in_place else "-"
    return {"color": colour, "linestyle": dash, "marker": marker,
            "markersize": 4.5, "markerfacecolor": "white" if item.in_place else colour}


def handles(series):
    """The legend: a row per file and number of ranks with its peaks, then what the styles mean."""
    out = []
    labels = list(dict.fromkeys(item.label for item in series))
    for label in labels[:style.MOST_CURVES]:
        mine = [item for item in series if item.label == label]
        peaks = [("in place " if item.in_place else "") + text.significant(np.nanmax(item.busbw) / 1e9)
                 for item in mine if np.isfinite(item.busbw).any()]
        said = f" (peak {', '.join(peaks)} GB/s)" if peaks else ""
        out.append(Line2D([], [], label=text.legend_label(label, 60) + said, **look(mine[0])))
    if len(labels) > style.MOST_CURVES:
        out.append(Line2D([], [], linestyle="none", label=f"and {len(labels) - style.MOST_CURVES} more"))
    if any(item.in_place for item in series):
        out.append(Line2D([], [], color=style.GREY, linestyle="--", marker="o", markersize=4.5, markerfacecolor="white",
                          label="in place"))
    if any((item.wrong > 0).any() for item in series):
        out.append(Line2D([], [], color=style.ALERT, marker="X", linestyle="none", markersize=9, label="wrong result"))
    return out
