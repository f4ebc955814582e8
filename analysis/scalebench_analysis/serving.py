"""Decode points: configuration, load and figures of each, from the summary; and the requests and tokens behind them."""

from dataclasses import dataclass

import h5py
import numpy as np

from . import hdf5, schema
from .errors import ResultError
from .points import array, point_group, scale
from .text import clean

NEEDED = ("ranks", "tp", "dp", "batch", "throughput_whole", "tpot_p50", "ttft_p50")
REQUESTS = ("arrival", "first_token", "end", "input_tokens", "output_tokens", "preemptions", "replica")


@dataclass(frozen=True)
class Served:
    """One row of the summary; s and 1/s, unknown is NaN."""

    place: int  # of its file in the call
    kind: str
    arrivals: str
    ranks: float
    tp: float
    dp: float
    batch: float  # most sequences of a step, per replica
    concurrency: float  # of the job; 0 where arrivals are open or listed
    rate: float  # 1/s of the job; NaN where closed
    steady: float  # output tokens/s of all ranks, in the steady window
    whole: float  # and over the whole run
    figures: dict  # column -> value
    oversubscribed: bool
    valid: bool

    @property
    def windowed(self):
        return bool(np.isfinite(self.steady))

    @property
    def throughput(self):
        """Of the steady window; of the whole run where there was none."""
        return self.steady if self.windowed else self.whole

    @property
    def per_rank(self):
        return self.throughput / self.ranks

    @property
    def per_user(self):
        """Tokens/s that a user sees."""
        tpot = self.figures["tpot_p50"]
        return 1 / tpot if tpot > 0 else np.nan

    @property
    def load(self):
        """The swept load: concurrency or requests/s; 0 for a trace."""
        return self.concurrency if self.arrivals == "closed" else self.rate if self.arrivals == "open" else 0.0


def label(point):
    """Configuration and load in words, each a short one; a concurrency that fills the batches is not said."""
    words = [f"tp {point.tp:g}", *([f"dp {point.dp:g}"] if point.dp != 1 else []), f"batch {point.batch:g}"]
    if point.arrivals == "open":
        words.append(f"{point.load:g} requests/s")
    elif 0 < point.concurrency != point.batch * point.dp:
        words.append(f"concurrency {point.concurrency:g}")
    return words


FIGURES = (*(f"{name}_p{q}" for name in schema.LATENCIES for q in schema.PERCENTILES),
           "communication_share", "host_share", "all_reduce_latency")


def served(result, place=0):
    """The points of a result, in its order."""
    columns = {name: result.column(name) for name in
               (*NEEDED, *FIGURES, "concurrency", "request_rate", "throughput_steady", "oversubscribed")}
    reasons = result.texts("stop_reason")
    return [one(result, place, {name: float(data[row]) for name, data in columns.items()}, reasons[row])
            for row in range(result.points)]


def one(result, place, row, reason):
    """The point of a row {column: value}."""
    positive = lambda name: row[name] if 0 < row[name] < np.inf else np.nan
    steady, whole = positive("throughput_steady"), positive("throughput_whole")
    placed = all(np.isfinite(positive(name)) for name in ("ranks", "tp", "dp", "batch"))
    valid = reason not in schema.BROKEN and placed and bool(np.isfinite([steady, whole]).any())
    return Served(place, result.text("kind"), arrivals(result, row), row["ranks"], row["tp"], row["dp"], row["batch"],
                  row["concurrency"], row["request_rate"], steady, whole, {name: row[name] for name in FIGURES},
                  row["oversubscribed"] > 0, valid)


def arrivals(result, row):
    """As the columns say, since points of a search for a rate differ; where they don't, as the plan does."""
    if row["concurrency"] > 0 or np.isfinite(row["request_rate"]):
        return "closed" if row["concurrency"] > 0 else "open"
    said = result.plan.get("arrivals")
    return said if said in schema.ARRIVALS else "listed"


@dataclass(frozen=True)
class Requests:
    """requests/ and tokens/ of a point; s from the start of serving. Q requests, K tokens."""

    request: np.ndarray  # (Q,) number
    arrival: np.ndarray  # (Q,); first_token and end: NaN where not answered
    first_token: np.ndarray
    end: np.ndarray
    input_tokens: np.ndarray
    output_tokens: np.ndarray
    preemptions: np.ndarray
    replica: np.ndarray
    token_request: np.ndarray  # (K,) number of the request
    token_id: np.ndarray
    token_time: np.ndarray

    @property
    def answered(self):
        """(Q,) bool"""
        return np.isfinite(self.arrival) & np.isfinite(self.first_token) & np.isfinite(self.end)


def read_requests(path, row):
    """The requests of row `row` of the summary, or None where the file has none."""
    with hdf5.open_file(path) as file:
        try:
            point = point_group(file, row)
            asked = None if point is None else hdf5.child(point, "requests", h5py.Group)
            return None if asked is None else from_groups(path, asked, hdf5.child(point, "tokens", h5py.Group))
        except hdf5.FAULTS as fault:
            raise ResultError(f"{hdf5.shown(path)} {hdf5.reason(fault)}") from fault


def from_groups(path, asked, tokens):
    """Requests from its two groups."""
    number = numbers(path, asked, "request", scale(path, asked, "request"))
    columns = [numbers(path, asked, name, array(path, asked, name, number.shape)) for name in REQUESTS]
    if tokens is None:
        return Requests(number, *columns, *(np.empty(0),) * 3)
    count = scale(path, tokens, "token").shape
    return Requests(number, *columns, *(numbers(path, tokens, name, array(path, tokens, name, count))
                                        for name in ("request", "id", "time")))


def numbers(path, group, name, found):
    """The column, unless it holds texts."""
    if found.dtype == object:
        raise ResultError(f"{hdf5.shown(path)} has texts in {clean(group.name)}/{name} (numbers are due) run again")
    return found
