"""`scaling` of decode files: throughput, latencies and efficiency over tensor parallelism or ranks."""

import numpy as np

from . import axes, decode_curves, joining, serving, style, text, titles
from .decode_panels import draw_efficiency, draw_latency, draw_shares, draw_throughput, handles
from .errors import PlotError
from .hdf5 import shown

HEIGHT = 7.8  # inches
NAMES = {"tp": "tensor parallelism", "ranks": "ranks"}


def draw(results):
    """(figure, warnings) of decode results, which must belong to one curve."""
    joining.check_joinable(results, joining.DECODE_VARIES)
    points = [point for place, result in enumerate(results) for point in serving.served(result, place)
              if min(point.ranks, point.tp, point.dp, point.batch) > 0]
    over = decode_curves.axis(points)
    curves = decode_curves.curves(points, over)
    if not curves:
        raise PlotError(f"{text.listing([shown(result.path) for result in results])}: no point is complete (nothing to "
                        "draw) wait for the first, or run again")
    device = titles.device(results[0])
    warnings = remarks(points, curves, over) + titles.unfinished(results)
    fig = style.figure(f"Decode over {NAMES[over]} of {titles.subject(results[0])}{constant(points, over)}",
                       titles.subtitle(results[0]), captions(curves, device) + warnings, height=HEIGHT)
    style.legend_above(fig, handles(curves))
    panels = fig.subplots(3, 2, sharex=True)
    draw_throughput(panels[0, 0], curves, lambda point: point.throughput, True)
    panels[0, 0].set_ylabel("output tokens/s")
    draw_throughput(panels[0, 1], curves, lambda point: point.per_rank, False)
    panels[0, 1].set_ylabel(f"output tokens/s per {device}")
    draw_latency(panels[1, 0], curves, "tpot")
    draw_latency(panels[1, 1], curves, "ttft")
    draw_efficiency(panels[2, 0], curves)
    draw_shares(panels[2, 1], curves)
    for panel in panels[2]:
        axes.rank_axis(panel.xaxis, np.concatenate([curve.across for curve in curves]), over)
    return fig, warnings


def constant(points, over):
    """The end of the title: how requests come, and what all points share."""
    held = decode_curves.held(points, over)
    return f", {titles.loop(points[0].arrivals)}" + (f"; held: {', '.join(held)}" if held else "")


def captions(curves, device):
    """How to read the plot."""
    bases = dict.fromkeys(f"{curve.base_ranks:g} ({text.rate(curve.base)} tokens/s per {device})" for curve in curves)
    waits = [point.figures["all_reduce_latency"] for curve in curves for point in curve.points]
    written = " Times there: of one small all_reduce." if len(curves) == 1 and np.isfinite(waits).any() else ""
    return [f"{titles.window(point for curve in curves for point in curve.points)} Efficiency: tokens/s per {device} "
            f"over that of the base at ranks {text.listing(bases, 4)}.",
            f"TPOT and TTFT: p50 solid, p95 dotted. Shares of the marked steps: communication solid, host dotted.{written}"]


def remarks(points, curves, over):
    """What the reader must know before believing the curves."""
    out = []
    if len({place for curve in curves for place in curve.across}) == 1:
        out.append(f"One point only ({over} {curves[0].across[0]:g}): nothing to compare it with, so its efficiency is 1 "
                   "by definition. Run it with --scale 1,2,4.")
    failed = sorted({int(getattr(point, over)) for point in points if not point.valid})
    if failed:
        out.append(f"Incomplete or failed at {text.listing(failed)} {over}: marked, not joined.")
    good = [point for point in points if point.valid]
    whole = sorted({int(getattr(point, over)) for point in good if not point.windowed})
    if whole:
        mixed = any(point.windowed for point in good)
        out.append(f"* No steady window at {text.listing(whole)} {over}: throughput of the whole run"
                   f"{', and an efficiency that mixes both' if mixed else ''}.")
    return out + titles.oversubscribed([point.ranks for point in good if point.oversubscribed])
