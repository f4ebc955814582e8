"""The look of all plots, and the writing of a figure to its file."""

import contextlib
import io
import os
import warnings

import matplotlib
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from .errors import OutputError, PlotError
from .text import clean

# Okabe-Ito: told apart with every common colour blindness.
BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, RED, PINK = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")
GREY = "#767676"
ALERT = "#C00000"  # what is wrong or failed; always with a cross of its own
CURVES = (BLUE, ORANGE, GREEN, PINK, SKY, BLACK)
MARKERS = ("o", "s", "^", "v", "P", "X")
MOST_CURVES = 12  # in a legend
WIDTH = 7.0  # inches: two columns of a paper
NOTE_SIZE, LINE_HEIGHT = 8.0, 1.4
HALO = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.75}

SETTINGS = {
    "font.family": "DejaVu Sans", "font.size": 9, "axes.titlesize": 10, "axes.labelsize": 9, "legend.fontsize": 8,
    "xtick.labelsize": 8.5, "ytick.labelsize": 8.5, "text.parse_math": False, "text.usetex": False,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#dddddd",
    "grid.linewidth": 0.6, "axes.axisbelow": True, "axes.edgecolor": "#555555", "legend.frameon": False,
    "lines.linewidth": 1.6, "lines.markersize": 6, "figure.facecolor": "white", "svg.hashsalt": "scalebench",
}


@contextlib.contextmanager
def settings():
    """Our settings alone: those of the user (usetex!) do not meet texts from a file."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        yield


def curve_style(place):
    """(colour, marker) of the curve number `place`; no two alike among the first 36."""
    return CURVES[place % len(CURVES)], MARKERS[(place + place // len(CURVES)) % len(MARKERS)]


def wrap(text, size, width, weight="normal"):
    """`text` in lines that are at most `width` points wide at `size` points."""
    prop, lines = FontProperties(family="DejaVu Sans", size=size, weight=weight), [""]
    measure = lambda line: TextToPath().get_text_width_height_descent(line, prop, ismath=False)[0]
    for word in text.split():
        while measure(word) > width:  # a word wider than the line is cut
            cut = next(n for n in range(len(word) - 1, 0, -1) if n == 1 or measure(word[:n]) <= width)
            lines.append(word[:cut])
            word = word[cut:]
        joined = f"{lines[-1]} {word}".strip()
        lines[-1:] = [joined] if measure(joined) <= width else [lines[-1], word]
    return [line for line in lines if line]


def figure(title, subtitle, notes, height, width=WIDTH):
    """A figure with room for its title above and its notes below; `height` is that of the axes alone, in inches."""
    inner = width * 72 - 24
    head = [(11, "bold", BLACK, line) for line in wrap(title, 11, inner, "bold")]
    head += [(9, "normal", "#444444", line) for line in wrap(subtitle, 9, inner)]
    foot = [(NOTE_SIZE, "normal", "#444444", line) for note in notes for line in wrap(note, NOTE_SIZE, inner)]
    above, below = (sum(row[0] * LINE_HEIGHT for row in rows) / 72 + 0.12 for rows in (head, foot))
    total = height + above + below
    fig = Figure(figsize=(width, total))
    fig.set_layout_engine("constrained", rect=(0, below / total, 1, height / total), h_pad=0.06, w_pad=0.06)
    write_lines(fig, head, 1 - 0.08 / total, total)
    write_lines(fig, foot, (below - 0.04) / total, total)
    return fig


def legend_above(fig, handles, columns=4):
    """A legend between the title and the axes, which make room for it."""
    engine = fig.get_layout_engine()
    left, foot, width, height = engine.get()["rect"]
    room = (0.1 + 0.17 * -(-len(handles) // columns)) / fig.get_figheight()
    engine.set(rect=(left, foot, width, height - room))
    fig.legend(handles=handles, loc="upper left", bbox_to_anchor=(0.005, foot + height + 0.05 / fig.get_figheight()),
               ncols=columns, labelspacing=0.35)


def write_lines(fig, rows, top, total):
    """Rows of (size, weight, colour, text) downwards from `top` (figure fraction)."""
    for size, weight, colour, line in rows:
        fig.text(12 / 72 / fig.get_figwidth(), top, line, size=size, weight=weight, color=colour, va="top", ha="left")
        top -= size * LINE_HEIGHT / 72 / total


def check_output(path, inputs):
    """Raises unless `path` is a name that a plot may have."""
    if os.path.splitext(path)[1].lower() not in (".png", ".svg"):
        raise PlotError(f"--output {clean(path, 200)} ends neither in .png nor in .svg (the ending chooses the format) "
                        "give one of them")
    if any(os.path.exists(path) and os.path.exists(name) and os.path.samefile(path, name) for name in inputs):
        raise PlotError(f"--output {clean(path, 200)} is one of the inputs (it would be overwritten) choose another")


def save(fig, path):
    """Draws the figure in memory, then writes it beside `path` and renames it."""
    kind, buffer = os.path.splitext(path)[1].lower()[1:], io.BytesIO()
    fig.savefig(buffer, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None)
    temporary = os.path.join(os.path.dirname(path), f".{os.path.basename(path)[:100]}.{os.getpid()}.tmp")
    try:
        write_whole(temporary, path, buffer.getbuffer())
    except OSError as fault:
        raise OutputError(f"{clean(path, 200)} cannot be written ({clean(fault.strerror, 80)}) choose a folder that "
                          "exists and may be written") from fault


def write_whole(temporary, path, data):
    """All of `data` under the name `path`, or nothing."""
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with open(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise
