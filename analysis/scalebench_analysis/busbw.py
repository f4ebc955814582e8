"""`busbw`: bus bandwidth and time of collectives against size."""

from dataclasses import dataclass

import numpy as np

from . import axes, style, text, titles
from .busbw_panels import draw_series, handles
from .errors import PlotError, ResultError
from .hdf5 import shown
from .reader import read_result

MOST_INSIDE = 6  # curves whose legend has room inside the axes


@dataclass(frozen=True)
class Series:
    """One collective at one number of ranks, out of place or in place; N sizes in ascending order."""

    label: str
    colour: int  # shared by out of place and in place
    kind: str
    ranks: int
    in_place: bool
    bytes: np.ndarray  # (N,) B
    time: np.ndarray  # (N,) s
    busbw: np.ndarray  # (N,) B/s
    wrong: np.ndarray  # (N,) elements, NaN = not checked
    oversubscribed: np.ndarray  # (N,) bool


def load(path):
    """A result of collectives."""
    result = read_result(path)
    if not result.collective:
        raise ResultError(f"{shown(path)} holds no collective (the workload is "
                          f"{text.clean(result.text('workload'), 40)}) draw it with: scalebench-plot "
                          f"{'pareto' if result.decode else 'scaling or breakdown'}")
    result.require(["bytes", "time", "busbw"], "busbw")
    return result


def draw(results, options):
    """(figure, warnings): one curve a file, number of ranks and placing of the buffers."""
    series = all_series(results)
    if not series:
        raise PlotError(f"{text.listing([shown(result.path) for result in results])}: no point above 0 bytes has a "
                        "time (nothing to draw) run again")
    warnings = remarks(results, series)
    crowded = len({item.label for item in series}) > MOST_INSIDE
    names = text.listing(dict.fromkeys(text.clean(result.text("workload"), 30) for result in results), 4)
    fig = style.figure(f"Bus bandwidth of {names}", " / ".join(plans(results)),
                       captions() + warnings + titles.keys(results), height=5.6,
                       width=style.WIDTH + (3.2 if crowded else 0))
    top, bottom = fig.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    for item in series:
        draw_series(top, item, item.busbw / 1e9)
        draw_series(bottom, item, item.time)
    highest = max(np.nanmax([0, *item.busbw]) for item in series) / 1e9
    top.set_ylim(0, highest * 1.08 or 1)
    top.set_ylabel("bus bandwidth (GB/s)")
    axes.log_axis(bottom.yaxis, text.seconds)
    bottom.set_ylabel("time of a call")
    axes.size_axis(bottom.xaxis, np.concatenate([item.bytes for item in series]))
    bottom.set_xlabel("size of the buffer")
    beside = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
    top.legend(handles=handles(series), **(beside if crowded else {"loc": "best"}))
    return fig, warnings


def all_series(results):
    """The series of all results, labelled so that no two are alike."""
    labels, out = [], []
    for letter, result in zip(titles.letters(results), results):
        ranks, in_place = result.column("ranks"), result.column("in_place") > 0
        for count in np.unique(ranks[np.isfinite(ranks)]):
            label = curve_label(result, int(count), letter)
            labels += [] if label in labels else [label]
            for placed in (False, True):
                rows = (ranks == count) & (in_place == placed) & (result.column("bytes") > 0)
                rows &= np.isfinite(result.column("time")) & (result.column("time") > 0)
                if rows.any():
                    out.append(series(result, np.flatnonzero(rows), label, labels.index(label), placed))
    return out


def curve_label(result, ranks, letter):
    """`A: all_reduce, 4 ranks`, with the letter of the file where there are several."""
    label = f"{text.clean(result.text('workload'), 24)}, {text.plural(ranks, 'rank')}"
    label += ", predicted" if result.text("kind") == "predicted" else ""
    return f"{letter}: {label}" if letter else label


def series(result, rows, label, colour, placed):
    """The rows of a result as a Series."""
    rows = rows[np.argsort(result.column("bytes")[rows], kind="stable")]
    pick = lambda name: result.column(name)[rows]
    return Series(label, colour, result.text("kind"), int(pick("ranks")[0]), placed, pick("bytes"), pick("time"),
                  pick("busbw"), pick("wrong"), pick("oversubscribed") > 0)


def plans(results):
    """What else is known of the runs, each once."""
    return list(dict.fromkeys(filter(None, (titles.subtitle(result) for result in results))))[:3]


def remarks(results, series):
    """What the reader must know before believing the curves."""
    out = []
    bad = [(item, row) for item in series for row in np.flatnonzero(item.wrong > 0)]
    if bad:
        said = [f"{item.label}{', in place' if item.in_place else ''}, {text.size(item.bytes[row])}: "
                f"{text.plural(int(item.wrong[row]), 'wrong element')}" for item, row in bad]
        out.append(f"WRONG RESULTS, marked red: {text.listing(said, 4)}.")
    unchecked = sum(int(np.isnan(item.wrong).sum()) for item in series)
    if unchecked:
        out.append(f"Data not checked at {text.plural(unchecked, 'point')}.")
    if any(item.ranks == 1 and not np.nanmax([0, *item.busbw]) for item in series):
        out.append("With 1 rank nothing crosses a bus: its bus bandwidth is 0 by definition.")
    out += titles.oversubscribed([item.ranks for item in series if item.oversubscribed.any()])
    zero = sum(int((result.column("bytes") == 0).sum()) for result in results)
    if zero:
        out.append(f"{text.plural(zero, 'point')} of 0 bytes left out of the logarithmic axis.")
    return out + titles.unfinished(results)


def captions():
    """How to read the plot."""
    return ["Sizes are binary, bandwidths decimal; size, algorithm bandwidth and bus bandwidth as nccl-tests defines "
            "them. Time: mean over ranks of back-to-back calls."]
