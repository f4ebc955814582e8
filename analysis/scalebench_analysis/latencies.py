"""The latencies of a decode point, worked out again from its requests and tokens, and held against the summary."""

import numpy as np

from . import schema, serving
from .errors import ResultError
from .hdf5 import shown
from .reader import read_result

TOLERANCE = 1e-6  # relative


def samples(requests):
    """Latency -> samples in s, of the answered requests alone."""
    done = requests.answered
    arrival, first, end = requests.arrival[done], requests.first_token[done], requests.end[done]
    rest = requests.output_tokens[done] - 1
    several = rest > 0
    between = gaps(requests)
    return {"ttft": first - arrival, "tpot": (end - first)[several] / rest[several], "itl_gap": between,
            "itl_tok": between,  # a step yields one token per sequence: no chunk has more
            "e2el": end - arrival}


def gaps(requests):
    """Times between consecutive tokens of a request, pooled over the answered requests."""
    chosen = np.isin(requests.token_request, requests.request[requests.answered])
    owner, time = requests.token_request[chosen], requests.token_time[chosen]
    order = np.lexsort((time, owner))
    owner, time = owner[order], time[order]
    return np.diff(time)[owner[1:] == owner[:-1]]


def percentiles(values):
    """Percentile -> s; NaN with too few samples."""
    return {q: float(np.percentile(values, q)) if len(values) >= least else np.nan
            for q, least in schema.PERCENTILES.items()}


def columns(requests):
    """The latency columns of the summary: name -> s."""
    return {f"{name}_p{q}": value for name, values in samples(requests).items()
            for q, value in percentiles(values).items()}


def disagreements(result):
    """(point, column, in the file, worked out) for each latency of each point, and each token, that does not fit."""
    out = []
    for row in range(result.points):
        requests = serving.read_requests(result.path, row)
        if requests is None:
            continue
        for name, due in {**columns(requests), **counts(requests)}.items():
            stored = float(result.column(name)[row])
            if not agree(stored, due):
                out.append((row, name, stored, due))
        out += [(row, *line) for line in broken_tokens(requests)]
    return out


def counts(requests):
    """The other columns that follow from the requests alone."""
    done = requests.answered
    mean = lambda values: float(values[done].mean()) if done.any() else np.nan
    return {"requests": float(done.sum()), "input_tokens": mean(requests.input_tokens),
            "output_tokens": mean(requests.output_tokens), "preemptions": float(requests.preemptions.sum())}


def broken_tokens(requests):
    """Answered requests whose tokens are not those that the request says: (what, in tokens/, in requests/)."""
    order = np.argsort(requests.token_request, kind="stable")
    owner, time = requests.token_request[order], requests.token_time[order]
    out = []
    for place in np.flatnonzero(requests.answered):
        number = requests.request[place]
        mine = time[np.searchsorted(owner, number):np.searchsorted(owner, number, "right")]
        said = (requests.output_tokens[place], requests.first_token[place], requests.end[place])
        found = (len(mine), *((mine.min(), mine.max()) if len(mine) else (np.nan, np.nan)))
        out += [(f"request {number:g} {what}", float(here), float(there))
                for what, here, there in zip(("tokens", "first token", "end"), found, said) if not agree(here, there)]
        if (np.diff(mine) < 0).any():
            out.append((f"request {number:g} tokens out of order", np.nan, np.nan))
    return out


def agree(here, there):
    """Equal but for rounding; NaN equals NaN."""
    return bool(np.isclose(here, there, rtol=TOLERANCE, atol=1e-9, equal_nan=True))


def check(path):
    """Lines for the screen and whether the summary is right; a file without requests is refused."""
    result = read_result(path)
    rows = [row for row in range(result.points) if serving.read_requests(path, row) is not None]
    if not rows:
        raise ResultError(f"{shown(path)} holds no requests (nothing to work out again) name the file of a decode run")
    wrong = disagreements(result)
    lines = [f"point {row:03d}: {name}: {stored:g} in the file, {due:g} worked out" for row, name, stored, due in wrong]
    good = len(rows) - len({row for row, *_ in wrong})
    return lines + [f"{good} of {len(rows)} points agree"], not wrong
