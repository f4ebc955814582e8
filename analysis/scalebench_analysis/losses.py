"""The panel of the scaling plot that says what was lost to what."""

import numpy as np
from matplotlib.patches import Patch

from .schema import PARTS
from .stacks import colour, stacked

LOST = ("Lost: what each part of the marked step has beyond the base's (strong scaling: beyond its share of it), over the "
        "step; together 1 - efficiency. Compute is slower where matrices become smaller or cores share caches and memory.")
NAMES = {"compute": "compute (smaller matrices)", "exposed": "exposed communication"}
LEAST = 0.002  # of the step: smaller ones are left out everywhere


def draw_losses(panel, counts, split):
    """Stacked bars of 1 - E at each rank count; `split` (P, N) in the order of PARTS."""
    places = np.arange(len(counts))
    seen = [row for row in range(len(PARTS)) if np.nanmax(np.abs(split[row]), initial=0) >= LEAST]
    bottoms, heights = stacked(split[seen])
    for row, bottom, height in zip(seen, bottoms, heights):
        panel.bar(places, height, 0.55, bottom, color=colour(PARTS[row]), edgecolor="white", linewidth=0.4)
    for place, total, top in zip(places, np.nansum(split, axis=0), np.maximum(heights, 0).sum(axis=0)):
        panel.annotate(f"{100 * total:.1f} %", (place, top), (0, 3), textcoords="offset points", ha="center", size=8)
    high = max(np.maximum(heights, 0).sum(axis=0).max(initial=0), 0.01)
    low = np.minimum(heights, 0).sum(axis=0).min(initial=0)
    panel.set_ylim(low * 1.15, high * 1.25)
    panel.set_xlim(-0.6 - max(0, 3 - len(counts)) / 2, len(counts) - 0.4 + max(0, 3 - len(counts)) / 2)
    panel.set_xticks(places, [f"{int(p)}" for p in counts])
    panel.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.6g} %")
    panel.axhline(0, color="#555555", linewidth=0.8)
    panel.grid(axis="x", visible=False)
    panel.set_ylabel("lost")
    panel.set_xlabel("ranks")
    panel.legend(handles=[Patch(color=colour(PARTS[row]), label=NAMES.get(PARTS[row], PARTS[row])) for row in seen[::-1]],
                 loc="upper left", bbox_to_anchor=(1.0, 1.0), labelspacing=0.35)
