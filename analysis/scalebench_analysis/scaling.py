"""`scaling`: speed-up or throughput and efficiency against ranks."""

import numpy as np

from . import axes, decode_scaling, joining, metrics, serving, style, text, titles
from .curves import build_curves
from .errors import PlotError, ResultError
from .hdf5 import shown
from .reader import read_result
from .losses import LOST, draw_losses
from .scaling_panels import draw_efficiency, draw_top, handles, title

NAMES = {"strong": "Strong scaling", "weak": "Weak scaling", "none": "Step time"}


def load(path):
    """A training result that has step times, or a decode result."""
    result = read_result(path)
    if result.collective:
        raise ResultError(f"{shown(path)} holds a collective, {text.clean(result.text('workload'), 40)} (it has no "
                          "training step to scale) draw it with: scalebench-plot busbw")
    result.require(serving.NEEDED if result.decode else ["step_time"], "scaling")
    return result


def draw(results, options):
    """(figure, warnings) of the results, which must belong to one curve."""
    if results[0].decode:
        return decode_scaling.draw(results)
    joining.check_joinable(results)
    mode = joining.scaling_mode(results)
    curves = build_curves(results, mode)
    if not curves:
        raise PlotError(f"{text.listing([shown(result.path) for result in results])}: no point is complete (nothing to "
                        "draw) wait for the first, or run again")
    warnings = [warning for curve in curves for warning in remarks(curve)] + titles.unfinished(results)
    counts, split = curves[0].losses() if len(curves) == 1 and mode != "none" else ((), ())
    lost = len(counts) > 0
    notes = captions(curves, options) + ([LOST] if lost else []) + warnings
    fig = style.figure(f"{NAMES[mode]} of {titles.subject(results[0])}", titles.subtitle(results[0]), notes,
                       height=7.4 if lost else 5.2)
    upper, lower = fig.subfigures(2, 1, height_ratios=(5.2, 2.2)) if lost else (fig, None)
    top, bottom = upper.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    draw_top(top, curves, options)
    draw_efficiency(bottom, curves)
    axes.rank_axis(bottom.xaxis, np.concatenate([curve.ranks for curve in curves]))
    if lost:
        draw_losses(lower.subplots(), counts, split)
    top.legend(handles=handles(curves), loc="upper left")
    return fig, warnings


def remarks(curve):
    """What the reader must know about a curve before believing it."""
    name = "" if curve.kind == "measured" and not curve.sweep else f"{title(curve)}: "
    out = []
    if len(np.unique(curve.ranks)) == 1:
        out.append(f"{name}One point only ({text.plural(int(curve.ranks[0]), 'rank')}): nothing to compare it with, "
                   "so its efficiency is 1 by definition. Run it with --scale 1,2,4.")
    if np.isfinite(curve.wanted_base) and curve.wanted_base != curve.base:
        out.append(f"{name}The base at {text.plural(int(curve.wanted_base), 'rank')} is missing or failed; the base "
                   f"here is {text.plural(int(curve.base), 'rank')}.")
    failed = sorted({int(p) for p in curve.ranks[~curve.valid] if np.isfinite(p)})
    if failed:
        out.append(f"{name}Incomplete or failed at {text.listing(failed)} ranks: marked, not joined.")
    return out + [name + line for line in titles.oversubscribed(curve.ranks[curve.oversubscribed & curve.valid])]


def captions(curves, options):
    """How to read the plot: bases, intervals, serial fractions."""
    out = []
    for curve in curves:
        name = f" ({title(curve)})" if len(curves) > 1 else ""
        at_base = curve.valid & (curve.ranks == curve.base)
        out.append(f"Base{name}: {text.plural(int(curve.base), 'rank')}, median step {text.seconds(curve.base_time)}"
                   f"{interval(curve, at_base)}" + (f", median of {at_base.sum()} runs." if at_base.sum() > 1 else "."))
        counts, gain = curve.line(curve.gain)
        serial = metrics.karp_flatt(counts, gain, curve.base)
        if curve.mode == "strong" and np.isfinite(serial).any():
            pairs = [f"{value:.3f} at {int(p)}" for p, value in zip(counts, serial) if np.isfinite(value)]
            shown_pairs = pairs[::-max(1, -(-len(pairs) // 6))][::-1]  # at most 6, with the largest
            out.append(f"Serial fraction (Karp-Flatt){name}: {', '.join(shown_pairs)} ranks.")
    if options.metric == "throughput":
        return out + ["Throughput is summed tokens over summed time. Bars below: 95 % interval of each median step."]
    return out + ["Bars: 95 % interval of each point's median step time; without one, the samples were too few."]


def interval(curve, chosen):
    """` (95 %: 1.01 s to 1.03 s)` of a single point, else nothing."""
    low, high = curve.low[chosen], curve.high[chosen]
    if len(low) != 1 or not np.isfinite(low + high).all():
        return ""
    return f" (95 %: {text.seconds(low[0])} to {text.seconds(high[0])})"
