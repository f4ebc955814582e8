#!/usr/bin/env bash
# What HSDP saves on a slow network: two hosts of two ranks, the parameters sharded over all four (FSDP across the hosts), then
# over the two of each host with a copy on the other (HSDP). The bytes that leave each host in a step, by the counter of its
# interface, must be those of the formula within 5 %, and the step of HSDP must be the shorter.
#   sudo tests/network/hsdp.sh [build/cpu/scalebench]         takes a minute or two; needs iproute2 and h5py
#
# The formula. n ranks, k of them on a host; S: bytes of a unit's parameters (embedding, layer, head), all of them fp32.
# An all-gather or reduce-scatter of S over all n has each rank send S/n to every other one: the gradients in our exchange
# (collectives/mpi/exchange.hpp), the gathers in Open MPI's MPI_Iallgather (linear: its default, and pinned here). A rank sends
# (n-1)/n S in all, the bytes that the result file records; (n-k) of its (n-1) messages leave the host, which has k such ranks:
#   out of a host = k (n-k)/n S = S with 4 ranks on 2 hosts         (a ring would be (n-1)/n S; no part of this is a ring)
# FSDP: each unit is gathered for the forward, and each layer again for the backward but the last prefetch + 1, which are still
# there; each unit's gradient is reduce-scattered once:
#   FSDP = k (n-k)/n (gathered + parameters),  gathered = parameters + (layers - prefetch - 1) layer
# HSDP: gathers and reduce-scatters stay inside a host (n = k above). What a rank has reduced, S/k, is added up with c = n/k
# copies, one a host, by an all-reduce of which each rank sends 2 (c-1)/c:
#   HSDP = k 2 (c-1)/c parameters/k = parameters with 2 hosts
# Headers and acknowledgements of TCP, IP and Ethernet are in the 5 %: less than 1 % with the MTU that is set
# here (at 1500 they would be 5 % if each packet were counted alone, as it is where nothing is offloaded).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export scalebench # for hosts.sh
scalebench=$(realpath "${1:-$here/../../build/cpu/scalebench}") python=${PYTHON:-/usr/bin/python3}
# shellcheck source=tests/network/hosts.sh
source "$here/hosts.sh"
cd "${folder:?}"

cat >model.json <<'END'
{"model_type": "llama", "num_hidden_layers": 8, "hidden_size": 192, "intermediate_size": 528, "num_attention_heads": 3,
 "num_key_value_heads": 1, "head_dim": 64, "vocab_size": 512, "max_position_embeddings": 4096, "rope_theta": 500000.0,
 "rms_norm_eps": 1e-5, "hidden_act": "silu", "tie_word_embeddings": false, "torch_dtype": "float32"}
END

# measure NAME ITERATIONS OPTIONS...: into NAME.h5, and what each host has sent into NAME.sent. Few tokens: the cable is what
# a step waits for.
measure() {
  local name=$1 before=() after=()
  for host in h1 h2; do before+=("$(bytes_sent $host)"); done
  OMPI_MCA_coll_libnbc_iallgather_algorithm=1 ranks 2 --model "$PWD/model.json" --shrink none --dtype fp32 \
    --recompute none --threads 1 --seq 64 --micro-batch 1 --prefetch 1 --seed 0 --min-iterations "$2" \
    --max-iterations "$2" --max-seconds 30 --force --output "$name.h5" "${@:3}" >"$name.out" 2>&1 || {
    cat "$name.out"
    echo "error: the run of $name failed (its output is above)" >&2
    exit 1
  }
  for host in h1 h2; do after+=("$(bytes_sent $host)"); done
  echo $((after[0] - before[0])) $((after[1] - before[1])) >"$name.sent"
}

start_hosts 1000
for host in h1 h2; do on $host ip link set sb0 mtu 9000; done
cable "${RATE:-400}" # Mbit/s
# The bytes of a step: what a long run sent more than a short one, so that starting and ending cancel.
for length in 4 16; do
  measure "fsdp-$length" $length --workload fsdp70b
  measure "hsdp-$length" $length --workload hsdp70b --shard-group 2
done

"$python" - <<'END'
import json

import h5py

N, K = 4, 2  # ranks, of them on a host
COPIES = N // K
PREFETCH = 1
with open("model.json") as file:
    model = json.load(file)
hidden, layers = model["hidden_size"], model["num_hidden_layers"]
queries, keys = (model[f"num_{kind}_heads"] * model["head_dim"] for kind in ("attention", "key_value"))
layer = hidden * (2 * queries + 2 * keys + 3 * model["intermediate_size"] + 2)
parameters = layers * layer + hidden * (2 * model["vocab_size"] + 1)
gathered = parameters + (layers - PREFETCH - 1) * layer
FORMULA = {  # B
    "fsdp": 4 * K * (N - K) / N * (gathered + parameters),
    "hsdp": 4 * K * 2 * (COPIES - 1) / COPIES * parameters / K,
}


class Run:
    def __init__(self, plan, length):
        with h5py.File(f"{plan}-{length}.h5") as file:
            point = file["points/000"]
            self.steps = int((point["iteration_kind"][()] != 3).sum())  # muted ones send nothing
            self.step_time = float(file["summary/step_time"][0])
            self.parameters = int(file["model"].attrs["parameters"])
            spans = point["spans"]
            self.recorded = sum(  # leaves a host by the file's own numbers
                K * leaving(lane) * size
                for rank, lane, size in zip(spans["rank"][()], spans["lane"].asstr()[()], spans["bytes"][()])
                if rank == 0
            )
        with open(f"{plan}-{length}.sent") as file:
            self.sent = [int(text) for text in file.read().split()]


def leaving(lane):
    """Share of what a rank sends on this lane that leaves its host."""
    if lane.startswith("replicate_"):
        return 1
    return (N - K) / (N - 1) if lane.startswith("dp_") else 0


problems = []
times = {}
print("a step   leaves h1    leaves h2    formula      recorded     (MB)   off by            median   steps")
for plan, formula in FORMULA.items():
    short, long = Run(plan, 4), Run(plan, 16)
    if long.parameters != parameters:
        problems.append(f"{plan}: the model has {long.parameters} parameters, not {parameters}")
    steps = long.steps - short.steps
    if steps < 4:
        raise SystemExit(f"FAILED: the long run of {plan} made only {steps} steps more than the short one; run it again")
    sent = [(more - less) / steps for more, less in zip(long.sent, short.sent)]
    off = [size / formula - 1 for size in sent]
    times[plan] = long.step_time
    megabytes = "".join(f"{size / 1e6:<13.3f}" for size in [*sent, formula, long.recorded])
    print(f"{plan:<9}{megabytes}       {off[0]:+.1%}, {off[1]:+.1%}   {long.step_time:.3f} s  {steps}")
    for host, by in enumerate(off, 1):
        if abs(by) > 0.05:
            problems.append(f"{plan}: what leaves h{host} is {by:+.1%} off the formula (at most 5 %)")
    if abs(long.recorded / formula - 1) > 0.05:
        problems.append(f"{plan}: the result file records {long.recorded / formula - 1:+.1%} off the formula (at most 5 %)")
print(f"HSDP's step is {times['hsdp'] / times['fsdp']:.2f} x FSDP's")
if times["hsdp"] >= times["fsdp"]:
    problems.append(f"HSDP's step ({times['hsdp']:.3f} s) is no shorter than FSDP's ({times['fsdp']:.3f} s)")
if problems:
    raise SystemExit("FAILED: " + "; ".join(problems))
END
