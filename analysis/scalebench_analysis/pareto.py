"""`pareto`: throughput of decode against the speed that a user sees, and the time to the first token."""

import numpy as np

from . import axes, joining, serving, style, text, titles
from .errors import PlotError, ResultError
from .hdf5 import shown
from .pareto_panels import draw_first_tokens, draw_front, handles
from .reader import read_result
from .sweeps import frontier, sweeps


def load(path):
    """A decode result."""
    result = read_result(path)
    if not result.decode:
        raise ResultError(f"{shown(path)} holds no decode run (the workload is "
                          f"{text.clean(result.text('workload'), 40)}) draw it with: scalebench-plot "
                          f"{'busbw' if result.collective else 'scaling or breakdown'}")
    result.require(serving.NEEDED, "pareto")
    return result


def draw(results, options):
    """(figure, warnings): one curve a sweep; what no other point surpasses stands out."""
    joining.check_joinable(results, joining.PARETO_VARIES)
    points = [point for place, result in enumerate(results) for point in serving.served(result, place)]
    good = [point for point in points if point.valid and np.isfinite(point.per_user)]
    if not good:
        raise PlotError(f"{text.listing([shown(result.path) for result in results])}: no complete point has a TPOT "
                        "(a request of one token has none) run with more requests or --output-tokens")
    best = best_points(good)
    drawn, limits = sweeps(good), titles.limits(results[0])
    warnings = remarks(points, good) + titles.unfinished(results)
    device = titles.device(results[0])
    crowded = len(drawn) > 5
    notes = captions(drawn, limits, device) + warnings + titles.keys(results)
    fig = style.figure(f"Throughput against latency of {titles.subject(results[0])}", titles.subtitle(results[0]),
                       notes, height=6.8, width=style.WIDTH + (2.4 if crowded else 0))
    top, bottom = fig.subplots(2, 1, height_ratios=(3, 2))
    labels = curve_labels(drawn, titles.letters(results))
    draw_front(top, drawn, best, limits)
    top.set_xlabel("tokens/s per user (1 / median TPOT)")
    top.set_ylabel(f"output tokens/s per {device}")
    draw_first_tokens(bottom, drawn, limits)
    bottom.set_xlabel(f"output tokens/s per {device}")
    axes.log_axis(bottom.yaxis, text.seconds)
    top.legend(handles=handles(drawn, labels), loc="upper left", bbox_to_anchor=(1, 1), labelspacing=0.35)
    return fig, warnings


def best_points(points):
    """The points on the frontier, of measured and predicted ones apart."""
    out = set()
    for kind in {point.kind for point in points}:
        mine = [point for point in points if point.kind == kind]
        chosen = frontier([point.per_user for point in mine], [point.per_rank for point in mine])
        out |= {id(point) for point, on in zip(mine, chosen) if on}
    return out


def curve_labels(drawn, letters):
    """The sweeps in the legend: file, configuration, rule."""
    out = []
    for item in drawn:
        first = item.first
        words = [f"tp {first.tp:g}", *([f"dp {first.dp:g}"] if first.dp != 1 else []), *rule(item)]
        words += [titles.loop(first.arrivals)] if len({other.first.arrivals for other in drawn}) > 1 else []
        words += ["predicted"] if first.kind == "predicted" else []
        letter = ", ".join(letters[place] for place in item.files)
        out.append(text.legend_label(f"{letter}: {', '.join(words)}" if letter else ", ".join(words), 60))
    return out


def rule(item):
    """What a sweep holds while it sweeps something else."""
    first, out = item.first, []
    out += [f"batch {first.batch:g}"] if item.by != "batch" else []
    loads = {point.load for point in item.points}
    if item.by != "request rate" and first.arrivals == "open":
        out.append(f"{first.load:g} requests/s")
    elif item.by != "concurrency" and len(loads) == 1 and first.load != first.batch * first.dp and first.load > 0:
        out.append(f"concurrency {first.load:g}")
    return out


def captions(drawn, limits, device):
    """How to read the plot."""
    swept = list(dict.fromkeys(item.by for item in drawn if item.by))
    said = f"Numbers at the points: {' or '.join(swept)}. " if swept else ""
    loops = {item.first.arrivals for item in drawn}
    said = (f"Arrivals: {titles.loop(loops.pop())}. " if len(loops) == 1 else "") + said
    out = [f"{said}Large, with a dark edge: no other point is better for both, per user and per {device}; the others "
           "are pale. A line joins the points of one sweep."]
    out += [titles.window(point for item in drawn for point in item.points)]
    told = [f"{name.upper()} {text.seconds(value)}" for name, value in limits]
    if told:
        out.append(f"Limits of goodput: {', '.join(told)}; they hold for each request, the points are medians, or 95th "
                   "percentiles.")
    return out


def remarks(points, good):
    """What the reader must know before believing the points."""
    out = titles.oversubscribed([point.ranks for point in good if point.oversubscribed])
    whole = sum(not point.windowed for point in good)
    if whole:
        out.append(f"* {text.plural(whole, 'point')} without a steady window: throughput of the whole run.")
    if len(good) < len(points):
        lost = [f"tp {point.tp:g}, dp {point.dp:g}, batch {point.batch:g}" for point in points if point not in good]
        out.append(f"Incomplete or failed, or without a TPOT, and left out: {text.listing(lost, 4)}.")
    return out
