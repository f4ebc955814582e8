"""Which result files belong in one curve; if not, the attribute that differs and the flag that mends it."""

import numpy as np

from .errors import JoinError
from .metrics import tokens_per_step
from .schema import KINDS
from .text import clean, yes

# What scaling itself varies; scaling and global_batch have rules of their own.
VARIES = {"ranks", "ranks_per_node", "nodes", "dp", "accumulation", "digest", "scaling", "global_batch"}
# What decode scales over; a Pareto plot also compares loads of other kinds.
DECODE_VARIES = (VARIES - {"global_batch", "scaling"}) | {"tp", "batch", "concurrency", "requests", "request_rate"}
PARETO_VARIES = DECODE_VARIES | {"arrivals"}
# Where a thing was read from does not change what it is.
PROVENANCE = {"source", "path", "file", "comment", "long_name"}
SWITCHES = {"overlap": ("without --no-overlap", "--no-overlap"), "ignore_eos": ("--ignore-eos", "without --ignore-eos")}
LOADS = {"closed": "--concurrency", "open": "--request-rate", "listed": "--trace"}


def check_joinable(results, varies=VARIES):
    """Raises JoinError unless all results belong to one curve, whose plans differ in `varies` alone."""
    check_modes(results)
    for other in results[1:]:
        one_version = results[0].root["schema_version"] == other.root["schema_version"]
        for name, here, there, remedy in differences(results[0], other, varies):
            if one_version or (here is not None and there is not None):  # another release may not know an attribute
                refuse(results[0], other, name, here, there, remedy)
    check_threads(results)


def differences(first, other, varies=VARIES):
    """(attribute, value in first, value in other, remedy) for each that differs, the telling ones first."""
    yield from differing(first.root, other.root, ["workload"], "", "--workload {0}")
    yield from differing(first.model, other.model, ["name"], "model/", "--model {0}")
    shrink = f"--shrink {clean(first.path, 200)}" if first.text("shrunk") else "--shrink none"
    yield from differing(first.root, other.root, ["shrunk"], "", shrink)
    remedy = shrink if first.text("shrunk") else "--model and --layers as in the first"
    yield from differing(first.model, other.model, names(first.model, other.model), "model/", remedy)
    for name in names(first.plan, other.plan):
        if name not in varies:
            yield from differing(first.plan, other.plan, [name], "plan/", flag(name, first.plan.get(name)))
    yield from differing(first.root, other.root, ["placement"], "", "the placement of that run (packed is the default)")
    if first.device and other.device and first.text("kind") == other.text("kind"):
        yield from differing({"device": first.device}, {"device": other.device}, ["device"], "", "--device {0}")
    yield from batch_differences(first, other)


def names(first, other):
    """The attribute names of both, sorted, without those of provenance."""
    return sorted((set(first) | set(other)) - PROVENANCE)


def differing(first, other, keys, prefix, remedy):
    """The differing ones of `keys`; `{0}` in the remedy is the value of the first file."""
    for key in keys:
        here, there = first.get(key), other.get(key)
        if not same(here, there):
            yield prefix + key, here, there, remedy.replace("{0}", clean(here, 40))


def same(here, there):
    """Equal, where NaN equals NaN."""
    return here == there or (here != here and there != there)


def flag(name, value):
    """The option that sets the plan attribute `name` to `value`."""
    if name in SWITCHES:
        return SWITCHES[name][0 if yes(value) else 1]
    if name == "arrivals":
        return LOADS.get(value, "the arrivals of the first")
    if name == "block_positions":
        return "the release of the first"  # a constant of the program
    if name == "reshard_after_forward" and value in (0, 1):
        value = "yes" if value else "no"
    if value is None or value == "":
        return f"without --{clean(name, 40).replace('_', '-')}"
    return f"--{clean(name, 40).replace('_', '-')} {clean(value, 40)}"


def batch_differences(first, other):
    """Strong scaling holds the global batch, weak scaling the batch per dp rank."""
    modes = {first.scaling, other.scaling}
    here, there = first.plan_number("global_batch"), other.plan_number("global_batch")
    dp, other_dp = first.plan_number("dp"), other.plan_number("dp")
    if "strong" in modes and abs(here - there) > 0:  # False for an unknown one (NaN)
        yield "plan/global_batch", f"{here:g}", f"{there:g}", f"--global-batch {here:g}"
    if "weak" in modes and abs(here / dp - there / other_dp) > 1e-9:
        yield ("plan/global_batch per dp rank", f"{here / dp:g}", f"{there / other_dp:g}",
               f"--global-batch {here * other_dp / dp:g}")


def refuse(first, other, name, here, there, remedy):
    """Raises the message of one difference."""
    say = lambda value: "absent" if value is None else f"\"{clean(value, 60)}\""
    raise JoinError(f"{clean(first.path, 200)} and {clean(other.path, 200)} do not belong in one curve "
                    f"({clean(name, 60)} is {say(here)} in the first and {say(there)} in the second) run the "
                    f"second again with {remedy}")


def check_modes(results):
    """Strong and weak do not mix; a run without a mode may join either."""
    stated = [result for result in results if result.scaling != "none"]
    for other in stated[1:]:
        if other.scaling != stated[0].scaling:
            refuse(stated[0], other, "scaling", stated[0].scaling, other.scaling, f"--scaling {stated[0].scaling}")


def check_threads(results):
    """All measured points of a curve compute with the same number of threads per rank."""
    seen = None
    for result in results:
        for threads in result.column("threads"):
            if result.text("kind") != KINDS[0] or not np.isfinite(threads):
                continue
            seen = seen or (result, threads)
            if threads != seen[1]:
                refuse(seen[0], result, "summary/threads", int(seen[1]), int(threads), f"--threads {int(seen[1])}")


def scaling_mode(results):
    """weak or strong, as stored; from the tokens of a step where no file says; none with one rank count."""
    stored = {result.scaling for result in results} - {"none"}
    if stored:
        return stored.pop()
    ranks = np.concatenate([result.column("ranks") for result in results])
    if len(np.unique(ranks)) == 1:
        return "none"
    tokens = np.concatenate([tokens_per_step(result) for result in results])
    for mode, held in (("strong", tokens), ("weak", tokens / ranks)):
        held = held[np.isfinite(held)]
        if len(held) and np.ptp(held) <= 0.02 * held.max():
            return mode
    raise JoinError(f"{clean(results[0].path, 200)} and the others do not belong in one curve (scaling is \"none\" "
                    "and neither the tokens of a step nor those per rank are the same) run again with --scaling strong "
                    "or weak")
