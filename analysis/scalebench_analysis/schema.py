"""The names of the result file; SCHEMA.md says what they mean."""

NAME = "scalebench"
MAJOR = 1

KINDS = ("measured", "predicted")
STATES = ("running", "complete", "stopped", "failed")
ROOT_TEXTS = ("kind", "status", "workload", "shrunk")  # must be there
GROUPS = ("environment", "model", "plan", "machine")

# The parts of a step, in the order in which they are stacked.
PARTS = ("compute", "interference", "exposed", "imbalance", "bubble", "optimizer", "input", "host", "residue")

# Of decode: each has columns _p50, _p95 and _p99, unknown with fewer samples than stated.
LATENCIES = ("ttft", "tpot", "itl_gap", "itl_tok", "e2el")
PERCENTILES = {50: 1, 95: 20, 99: 100}
ARRIVALS = ("closed", "open", "listed")

WARMUP, COUNTED, MARKED, MUTED = range(4)  # iteration_kind

# Reasons in summary/stop_reason after which a point is no result.
BROKEN = ("failed", "stopped", "running", "timeout", "peer_lost", "wrong", "not_finite")
