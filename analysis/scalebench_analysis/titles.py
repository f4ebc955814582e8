"""The words of a plot that come from the result: what ran, how it was cut down, under which plan."""

import os

import numpy as np

from . import schema
from .text import clean, listing, plural, yes

PLAN = (("dtype", "{}"), ("shard", "shard {}"), ("seq", "sequence {}"), ("micro_batch", "micro-batch {}"))
PLAN_OVER_ONE = (("tp", "tp {}"), ("pp", "pp {}"))
SERVING = (("kv_dtype", "{} cache"), ("weight_dtype", "{} weights"))
ARRIVALS = {"closed": "closed loop", "open": "open loop", "listed": "arrivals of a trace"}


def subject(result):
    """`fsdp70b`, with the model where there is one."""
    name = clean(result.model.get("name", ""), 40)
    return clean(result.text("workload"), 40) + (f" ({name})" if name else "")


def shrunk(result):
    """What was done to the model, in the recorder's own words: "fsdp70b shrunk to 4 layers, ..."."""
    return clean(result.text("shrunk"), 240)


def plan(result):
    """The plan in a few words."""
    words = serving(result) if result.decode else training(result)
    threads = np.unique(result.column("threads"))
    if len(threads) == 1 and np.isfinite(threads[0]):
        words.append(f"{plural(int(threads[0]), 'thread')} per rank")
    placement = clean(result.text("placement"), 20)
    return ", ".join(words + ([f"{placement} ranks"] if placement else []))


def training(result):
    """The plan of a training run."""
    words = [form.format(clean(result.plan[key], 20)) for key, form in PLAN if key in result.plan]
    words += [form.format(clean(result.plan[key], 20)) for key, form in PLAN_OVER_ONE if result.plan.get(key, 1) != 1]
    batch, dp = result.plan_number("global_batch"), result.plan_number("dp")
    if result.scaling == "weak" and np.isfinite(batch / dp):
        words.append(f"batch per dp rank {batch / dp:g}")
    elif np.isfinite(batch):
        words.append(f"global batch {batch:g}")
    return words


def serving(result):
    """The plan of a decode run, but for what its points vary."""
    said = lambda name: clean(result.plan.get(name, ""), 30)
    words = [said("dtype")] + [form.format(said(name)) for name, form in SERVING
                               if said(name) and said(name) != said("dtype")]
    words += [f"{said('input_tokens')} input and {said('output_tokens')} output tokens"] if said("input_tokens") else []
    words += [f"pp {said('pp')}"] if result.plan.get("pp", 1) != 1 else []
    words += [f"prefill in chunks of {said('prefill_chunk')}"] if said("prefill_chunk") else []
    words += ["EOS ignored"] if yes(result.plan.get("ignore_eos")) else []
    return [word for word in words if word]


def loop(arrivals):
    """How requests come."""
    return ARRIVALS.get(arrivals, "")


def window(points):
    """Which tokens count."""
    if not any(point.windowed for point in points):
        return "Output tokens of the whole run."
    return "Output tokens of the steady window, from the first completion to the last arrival."


def limits(result):
    """[(latency, s)] of goodput, as the plan has them; those that cannot be read are left out."""
    out = []
    for part in str(result.plan.get("goodput", ""))[:200].split(","):
        name, _, value = part.partition(":")
        try:
            out += [(name, float(value))] if name in schema.LATENCIES and 0 < float(value) < np.inf else []
        except ValueError:
            continue
    return out


def device(result):
    """What a rank is, in the words of an axis."""
    return "GPU" if result.device.startswith("cuda") else "rank"


def subtitle(result):
    """What was shrunk, then the plan."""
    return "; ".join(part for part in (shrunk(result), plan(result)) if part)


def letters(results):
    """A, B, ... for the files of a plot; "" for a single one."""
    return ["" if len(results) == 1 else chr(65 + row) if row < 26 else f"F{row + 1}" for row in range(len(results))]


def keys(results, described=False):
    """What the letters stand for, with subject and plan where those are `described`."""
    if len(results) == 1:
        return []
    out = []
    for letter, result in zip(letters(results), results):
        words = [clean(os.path.basename(result.path), 80)]
        words += [subject(result), subtitle(result)] if described else []
        out.append(f"{letter}: {'; '.join(word for word in words if word)}.")
    return out if described else [" ".join(out)]


def common_subtitle(results):
    """The subtitle that all results share, else ""."""
    each = {subject(result) + subtitle(result) for result in results}
    return subtitle(results[0]) if len(each) == 1 else ""


def unfinished(results):
    """One sentence per run that is not complete."""
    return [result.unfinished + "." for result in results if result.unfinished]


def oversubscribed(ranks):
    """The sentence on oversubscribed points at `ranks`, or none."""
    if not len(ranks):
        return []
    counts = sorted({int(count) for count in ranks})
    return [f"Oversubscribed (more ranks or threads than cores) at {listing(counts)} "
            f"{'rank' if counts == [1] else 'ranks'}: no reference values."]
