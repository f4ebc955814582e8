"""`breakdown`: the parts of a step per point, and over the ranks of one point."""

import os
from dataclasses import dataclass

import numpy as np

from . import style, text, titles
from .curves import valid_points
from .errors import PlotError, ResultError
from .hdf5 import shown
from .points import read_point
from .reader import read_result
from .schema import PARTS
from .serving import label, served
from .stacks import draw_bars, draw_ranks, handles

MOST_BARS = 40


@dataclass(frozen=True)
class Loaded:
    """A result, and the split over the ranks of its largest point."""

    result: object
    rows: np.ndarray  # valid points that have marked iterations
    ranks_row: int  # the point of `over_ranks`: most ranks, of decode also the largest batch
    names: tuple  # (P,) phases
    over_ranks: np.ndarray  # (R, P) s, mean over the marked iterations; (0, 0) without


@dataclass(frozen=True)
class Bar:
    """One bar: the parts of one point, in s."""

    label: str
    parts: dict  # name -> s, NaN where not measured
    marked: float
    step: float
    ranks: int
    oversubscribed: bool


def load(path):
    """A training or decode result with the split of its steps."""
    result = read_result(path)
    if result.collective:
        raise ResultError(f"{shown(path)} holds a collective, {text.clean(result.text('workload'), 40)} (its time has "
                          "no parts) draw it with: scalebench-plot busbw")
    result.require([*PARTS, "marked_time", "step_time"], "breakdown")
    measured = np.isfinite([result.column(part) for part in PARTS]).any(axis=0)
    rows = np.flatnonzero(valid_points(result) & measured & np.isfinite(result.column("ranks")))
    ranks, batch = result.column("ranks"), np.nan_to_num(result.column("batch"))
    row = int(max(rows, key=lambda row: (ranks[row], batch[row]))) if len(rows) else -1
    names, split = rank_split(path, row) if row >= 0 and ranks[row] > 1 else ((), np.empty((0, 0)))
    return Loaded(result, rows, row, names, split)


def rank_split(path, row):
    """(names, (R, P) s) of the point of a row; empty where nothing is known."""
    point = read_point(path, row)
    means = np.empty((0, 0)) if point is None else point.phase_means()
    return (point.names, means) if np.isfinite(means).any() else ((), np.empty((0, 0)))


def draw(loaded, options):
    """(figure, warnings) of the files, bar beside bar."""
    results = [item.result for item in loaded]
    letters = titles.letters(results)
    bars = [bar for item, letter in zip(loaded, letters) for bar in item_bars(item, letter)]
    if not bars:
        raise PlotError(f"{text.listing([shown(result.path) for result in results])}: no complete point has marked "
                        "iterations (they carry the split of the step) run without a time limit that cuts them off")
    warnings = [f"{len(bars) - MOST_BARS} more points are not drawn."] if len(bars) > MOST_BARS else []
    bars = bars[:MOST_BARS]
    warnings += remarks(bars, loaded) + titles.unfinished(results)
    split = max((item for item in loaded if len(item.over_ranks)), key=lambda item: len(item.over_ranks), default=None)
    subtitle = titles.common_subtitle(results)
    notes = captions(bars, split, any(result.decode for result in results)) + warnings + titles.keys(results, not subtitle)
    fig = style.figure(heading(results), subtitle, notes,
                       height=6.4 if split else 3.8, width=max(style.WIDTH, 0.62 * len(bars) + 2.2))
    panels = np.atleast_1d(fig.subplots(2 if split else 1, 1))
    draw_bars(panels[0], bars)
    names = [*PARTS, *(name for name in (split.names if split else ()) if name not in PARTS)]
    if split:
        draw_ranks(panels[1], split.names, split.over_ranks, rank_title(split, letters[loaded.index(split)]))
    panels[0].legend(handles=handles(names, bars), loc="upper left", bbox_to_anchor=(1.0, 1.0), labelspacing=0.35)
    return fig, warnings


def heading(results):
    """The title: what the files have in common."""
    subjects = list(dict.fromkeys(titles.subject(result) for result in results))
    predicted = " (predicted)" if any(result.text("kind") == "predicted" for result in results) else ""
    step = "decode step at a full batch" if all(result.decode for result in results) else "step"
    return f"Parts of a {step} of {text.listing(subjects, 3)}{predicted}"


def item_bars(item, letter):
    """The bars of one file in order of ranks."""
    result, ranks = item.result, item.result.column("ranks")
    sweeps = ["\n".join(label(point)) for point in served(result)] if result.decode else \
             [text.clean(sweep, 20) for sweep in result.texts("sweep")]
    out = []
    for row in sorted(item.rows, key=lambda row: ranks[row]):
        words = [text.plural(int(ranks[row]), "rank"), sweeps[row]]
        words.append(letter)
        words += ["(predicted)"] if result.text("kind") == "predicted" else []
        out.append(Bar("\n".join(word for word in words if word),
                       {part: result.column(part)[row] for part in PARTS}, result.column("marked_time")[row],
                       result.column("step_time")[row], int(ranks[row]), result.column("oversubscribed")[row] > 0))
    return out


def remarks(bars, loaded):
    """What the reader must know before believing the bars."""
    out = titles.oversubscribed([bar.ranks for bar in bars if bar.oversubscribed])
    unknown = [part for part in PARTS if any(not np.isfinite(bar.parts[part]) for bar in bars)]
    if unknown:
        out.append(f"Not measured at every point: {', '.join(unknown)}.")
    totals = [(bar, np.nansum(list(bar.parts.values()))) for bar in bars]
    uneven = [f"{text.seconds(total)} of {text.seconds(bar.marked)} at {bar.label.replace(chr(10), ' ')}"
              for bar, total in totals if abs(total - bar.marked) > 0.01 * bar.marked]
    if uneven:
        out.append(f"The parts do not add up to the time of the marked iterations: {text.listing(uneven, 4)}.")
    dropped = [text.clean(os.path.basename(item.result.path), 60) for item in loaded
               if len(item.rows) < item.result.points]
    if dropped:
        out.append(f"Points without a complete split are left out: {text.listing(dropped)}.")
    return out


def captions(bars, split, decode):
    """How to read the plot."""
    out = ["The parts are those of the marked iterations (recording on), the headline step time is of the unmarked."]
    if decode:
        out.append("Decode: parts of the marked steps in which a full batch decodes; the headline is the median of all "
                   "steps, also of those with prompts in them or with fewer sequences.")
    if any(bar.parts["interference"] < 0 for bar in bars):
        out.append("Interference below zero: compute was faster beside communication than in the muted step. It counts "
                   "as negative in the sum.")
    return out + (["Over the ranks: mean of the marked iterations."] if split else [])


def rank_title(split, letter):
    """Which point the lower panel shows."""
    result, row = split.result, split.ranks_row
    ranks = text.plural(int(result.column("ranks")[row]), "rank")
    ranks += f" at {', '.join(label(served(result)[row]))}" if result.decode else ""
    return f"Over the {ranks}" + (f" of {letter}" if letter else "")
