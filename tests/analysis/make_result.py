"""Result files for the tests, written with h5py in the schema of analysis/SCHEMA.md."""

import h5py
import numpy as np

PARTS = ("compute", "interference", "exposed", "imbalance", "bubble", "optimizer", "input", "host", "residue")
ROOT = {"schema": "scalebench", "schema_version": "1.0", "kind": "measured", "complete": 1, "status": "complete",
        "run_id": "6f1c1c0e-5a39-4d5c-9c6e-0d6f6f0f3c55", "created": "2025-01-31T12:00:00Z", "workload": "fsdp70b",
        "shrunk": "4 of 80 layers, hidden 512, 8 heads, vocabulary 4096", "command": "scalebench --workload fsdp70b",
        "scaling": "strong", "placement": "packed", "baseline_ranks": 1}
MODEL = {"name": "llama3-70b", "layers": 4, "hidden_size": 512}
PLAN = {"dp": 4, "tp": 1, "pp": 1, "shard": "parameters", "micro_batch": 1, "global_batch": 8, "seq": 256,
        "dtype": "bf16", "recompute": "full", "prefetch": 1, "overlap": 1, "scaling": "strong"}
SHARES = {"compute": 0.62, "interference": 0.04, "exposed": 0.16, "imbalance": 0.08, "bubble": 0.0, "optimizer": 0.05,
          "input": 0.005, "host": 0.03, "residue": 0.015}


def attach(group, name, data, scales, units="1"):
    """A dataset with the dimension scales named `scales` on its axes."""
    if isinstance(data, (list, tuple)) and data and isinstance(data[0], str):
        item = group.create_dataset(name, data=np.array(data, dtype=object), dtype=h5py.string_dtype())
    else:
        item = group.create_dataset(name, data=data)
    item.attrs["units"] = units
    for axis, scale in enumerate(scales):
        if scale != name:
            item.dims[axis].attach_scale(group[scale])
    if list(scales) == [name]:
        item.make_scale(name)
    return item


def write(path, columns, root=(), model=(), plan=(), environment=(), points=(), skip=()):
    """A result of the given summary columns; `root`, `model`, ... override attributes; None removes one."""
    with h5py.File(path, "w") as file:
        set_attributes(file, ROOT, root)
        for name, base, over in (("environment", {"hosts": "n1"}, environment), ("model", MODEL, model), ("plan", PLAN, plan),
                                 ("machine", {"name": "test"}, ())):
            if name not in skip:
                set_attributes(file.create_group(name), base, over)
        if "summary" in skip:
            return path
        summary = file.create_group("summary")
        count = len(columns["ranks"]) if "ranks" in columns else len(next(iter(columns.values())))
        attach(summary, "point", np.arange(count), ["point"])
        for name, data in columns.items():
            attach(summary, name, data, ["point"])
        for row, point in enumerate(points):
            write_point(file.require_group("points").create_group(f"{row:03d}"), point)
    return path


def set_attributes(owner, base, over):
    for name, value in {**base, **dict(over)}.items():
        if value is not None:
            owner.attrs[name] = value


def write_point(group, point):
    """points/NNN from {ranks, parts (P,) s, spread}: 2 warm-ups, 6 counted, 2 marked, 1 muted iteration."""
    iteration = np.arange(-2, 9)
    kind = np.array([0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 3])
    ranks = point["ranks"]
    parts = np.array(point["parts"], dtype=float)
    phases = np.full((len(iteration), ranks, len(PARTS)), np.nan)
    for rank in range(ranks):
        own = parts * 1.0
        moved = point.get("spread", 0.0) * own[0] * rank / max(1, ranks - 1)
        own[0] -= moved  # the later the rank, the less it computes and the more it waits
        own[3] += moved
        phases[8, rank], phases[9, rank] = own * 0.9, own * 1.1
    attach(group, "iteration", iteration, ["iteration"])
    attach(group, "rank", np.arange(ranks), ["rank"])
    attach(group, "phase", list(PARTS), ["phase"])
    attach(group, "iteration_kind", kind, ["iteration"])
    attach(group, "samples", np.full((len(iteration), ranks), parts.sum()), ["iteration", "rank"], "s")
    attach(group, "phases", phases, ["iteration", "rank", "phase"], "s")
    attach(group, "phases_total", phases.sum(axis=2), ["iteration", "rank"], "s")


def training_columns(ranks, step, tokens_step=None, interval=0.01):
    """The summary of a training run: medians `step` in s at `ranks`."""
    ranks, step = np.asarray(ranks), np.asarray(step, dtype=float)
    tokens = np.full(len(ranks), 2048.0) if tokens_step is None else np.asarray(tokens_step, dtype=float)
    columns = {"ranks": ranks, "nodes": np.ones(len(ranks), int), "threads": np.ones(len(ranks), int),
               "samples": np.full(len(ranks), 20), "step_time": step, "step_time_mean": step,
               "step_time_ci_low": step * (1 - interval), "step_time_ci_high": step * (1 + interval),
               "marked_time": step * 1.03, "muted_time": step * 0.8, "tokens_per_second": tokens / step,
               "oversubscribed": np.zeros(len(ranks), int), "stop_reason": ["target_ci"] * len(ranks),
               "wrong": np.full(len(ranks), np.nan), "busbw": np.full(len(ranks), np.nan)}
    columns.update({name: SHARES[name] * step * 1.03 for name in PARTS})
    return columns


def training(path, ranks=(1, 2, 4, 8), step=(8.0, 4.4, 2.5, 1.6), columns=(), tokens_step=None, spread=0.3, **rest):
    """A training result; `columns` override those of the summary, None removes one."""
    data = {**training_columns(ranks, step, tokens_step), **dict(columns)}
    data = {name: value for name, value in data.items() if value is not None}
    points = [{"ranks": int(p), "parts": [SHARES[name] * t * 1.03 for name in PARTS], "spread": spread}
              for p, t in zip(ranks, step)]
    return write(path, data, points=rest.pop("points", points), **rest)


def collective(path, ranks=4, sizes=None, workload="all_reduce", peak=8e9, latency=12e-6, columns=(), **rest):
    """A collective: time = latency + bytes of the bus / peak, out of place and in place."""
    sizes = 2.0 ** np.arange(3, 28) if sizes is None else np.asarray(sizes, dtype=float)
    factor = 2 * (ranks - 1) / ranks
    both, placed = np.repeat(sizes, 2), np.tile([0, 1], len(sizes))
    time = (latency + both * factor / peak) * np.where(placed, 1.12, 1.0)
    nothing = np.full(len(both), np.nan)
    data = {"ranks": np.full(len(both), ranks), "bytes": both.astype("i8"), "in_place": placed, "time": time,
            "algbw": both / time, "busbw": both / time * factor, "wrong": np.zeros(len(both), "i8"),
            "step_time": nothing, "oversubscribed": np.zeros(len(both), int), **dict(columns)}
    root = {"workload": workload, "shrunk": "", "scaling": "none", **dict(rest.pop("root", {}))}
    return write(path, data, root=root, model=dict.fromkeys(MODEL), plan=dict.fromkeys(PLAN), **rest)


DECODE_MODEL = {"name": "qwen3-8b", "layers": 4, "hidden_size": 512}
DECODE_PLAN = {**dict.fromkeys(PLAN), "dp": 1, "tp": 1, "pp": 1, "dtype": "bf16", "kv_dtype": "bf16", "weight_dtype": "",
               "arrivals": "closed", "input_tokens": "128", "output_tokens": "uniform:64:256", "batch": 8,
               "concurrency": 8, "requests": 200, "request_rate": 0.0, "prefill_chunk": 512, "temperature": 0.0,
               "top_k": 0, "top_p": 1.0, "ignore_eos": "yes", "goodput": "", "block_positions": 16, "seed": 0}
LATENCIES = ("ttft", "tpot", "itl_gap", "itl_tok", "e2el")


def decode_row(ranks=1, tp=1, dp=1, batch=8, concurrency=None, rate=float("nan"), tpot=None, ttft=None, **over):
    """A row of the summary: a step reads the weights of 20 ms / tp, and each sequence and its all_reduce take longer."""
    concurrency = batch * dp if concurrency is None else concurrency
    share = 0.0 if tp == 1 else 0.1 * np.log2(tp)
    running = min(batch, concurrency / dp) if concurrency else min(batch, 1 + rate / dp)
    tpot = (0.020 / tp + 0.0004 * running) / (1 - share) if tpot is None else tpot
    ttft = 0.08 / tp * (1 + 0.3 * (concurrency / dp if concurrency else rate)) if ttft is None else ttft
    step = tpot * 1.02
    row = {"ranks": ranks, "nodes": 1, "threads": 1, "samples": 400, "step_time": step, "step_time_mean": step,
           "step_time_ci_low": step * 0.99, "step_time_ci_high": step * 1.01, "marked_time": step * 1.1,
           "muted_time": step * (1 - share) if tp > 1 else float("nan"), "oversubscribed": 0, "tp": tp, "dp": dp,
           "batch": batch, "concurrency": concurrency, "requests": 200, "preemptions": 0, "request_rate": rate,
           "input_tokens": 128.0, "output_tokens": 160.0, "goodput": 1.0, "throughput_steady": running * dp / tpot,
           "throughput_whole": 0.8 * running * dp / tpot, "mbu": 0.7, "bandwidth_measured": 1e10, "kv_occupancy": 0.6,
           "communication_share": share, "host_share": 0.02, "speedup": 1.0, "efficiency": 1.0,
           "all_reduce_latency": 30e-6 * tp if tp > 1 else float("nan"), "stop_reason": "max_iterations"}
    for name, value in zip(LATENCIES, (ttft, tpot, tpot, tpot, ttft + 159 * tpot)):
        row.update({f"{name}_p50": value, f"{name}_p95": value * 1.5, f"{name}_p99": value * 2})
    shares = {**dict.fromkeys(PARTS, 0.0), "compute": 0.9 - share, "exposed": share, "host": 0.02, "residue": 0.08}
    return {**row, **{name: value * step * 1.1 for name, value in shares.items()}, **over}


def decode(path, rows, plan=(), requests=None, columns=(), **rest):
    """A decode result of rows as `decode_row` makes them; `requests` {row: those of `served`}."""
    data = {name: [row[name] for row in rows] for name in rows[0]}
    data.update(dict(columns))
    data = {name: value for name, value in data.items() if value is not None}
    points = rest.pop("points", [{"ranks": int(row["ranks"]), "parts": [row.get(name) for name in PARTS]} for row in rows])
    root = {"workload": "decode_qwen3_8b", "scaling": "none", **dict(rest.pop("root", {}))}
    write(path, data, root=root, model={**DECODE_MODEL, **dict(rest.pop("model", {}))},
          plan={**DECODE_PLAN, **dict(plan)}, points=points, **rest)
    with h5py.File(path, "a") as file:
        for row, asked in (requests or {}).items():
            write_requests(file[f"points/{row:03d}"], **asked)
    return path


def write_requests(group, requests, tokens):
    """requests/ from columns, tokens/ from (request, id, time)."""
    asked = group.create_group("requests")
    count = len(requests["arrival"])
    attach(asked, "request", np.arange(count), ["request"])
    for name, data in requests.items():
        attach(asked, name, data, ["request"], "s" if name in ("arrival", "first_token", "end") else "1")
    given = group.create_group("tokens")
    attach(given, "token", np.arange(len(tokens)), ["token"])
    for name, data in zip(("request", "id", "time"), zip(*tokens)):
        attach(given, name, np.array(data, dtype="f8" if name == "time" else "i8"), ["token"],
               "s" if name == "time" else "1")


def served(asked):
    """requests/ and tokens/ of [(arrival, times of the tokens)]; no times: not answered."""
    nan = float("nan")
    columns = {"arrival": [float(arrival) for arrival, _ in asked],
               "first_token": [times[0] if times else nan for _, times in asked],
               "end": [times[-1] if times else nan for _, times in asked],
               "input_tokens": [100] * len(asked), "output_tokens": [len(times) for _, times in asked],
               "preemptions": [0] * len(asked), "replica": [0] * len(asked)}
    tokens = sorted(((row, 7, time) for row, (_, times) in enumerate(asked) for time in times), key=lambda each: each[2])
    return {"requests": columns, "tokens": tokens}
