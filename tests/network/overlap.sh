#!/usr/bin/env bash
# Does communication hide behind compute on a slow network? Two hosts of one rank, 16 layers under FSDP; the cable's rate is
# found by measuring, so that bare communication takes as long as compute without communication (within 10 %). Then the
# step must take no more than 1.2 x the longer of the two, and with --no-overlap at least 0.9 x their sum.
#   sudo tests/network/overlap.sh [build/cpu/scalebench]      takes a minute or two; needs iproute2 and h5py, and 2 idle cores
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export scalebench # for hosts.sh
scalebench=$(realpath "${1:-$here/../../build/cpu/scalebench}") python=${PYTHON:-/usr/bin/python3}
# shellcheck source=tests/network/hosts.sh
source "$here/hosts.sh"
cd "${folder:?}"

cat >model.json <<'END'
{"model_type": "llama", "num_hidden_layers": 16, "hidden_size": 192, "intermediate_size": 528, "num_attention_heads": 3,
 "num_key_value_heads": 1, "head_dim": 64, "vocab_size": 512, "max_position_embeddings": 4096, "rope_theta": 500000.0,
 "rms_norm_eps": 1e-5, "hidden_act": "silu", "tie_word_embeddings": false, "torch_dtype": "float32"}
END
# fp32 without recomputation: forward and backward have the same ratio of compute to communication. Many tokens for each
# parameter: the rate is low, and with it the share of a core that TCP takes from the compute. Small ends: what no schedule
# can hide is the first gather and the last reduction.
measure() {
  two_ranks --workload fsdp70b --model "$PWD/model.json" --shrink none --dtype fp32 --recompute none --threads 1 \
    --min-iterations 3 --max-iterations 3 --max-seconds 12 --force --output "$1.h5" "${@:2}" >"$1.out" 2>&1 || {
    cat "$1.out"
    exit 1
  }
}
# value FILE COLUMN: of the summary, s
value() {
  "$python" -c 'import sys, h5py; print(float(h5py.File(sys.argv[1] + ".h5")["summary"][sys.argv[2]][0]))' "$@"
}
calculate() { "$python" -c "print($1)"; }
holds() { [[ $(calculate "$1") == True ]]; }

start_hosts 1000
rate=${RATE:-373} # Mbit/s, to begin with
matched=no
for _ in {1..4}; do
  cable "$rate"
  # The same parameters and hardly a token: what remains is communication.
  measure bare --seq 16 --no-overlap
  measure apart --seq 2048 --no-overlap
  measure together --seq 2048
  bare=$(calculate "$(value bare exposed) + $(value bare imbalance)")
  muted=$(value together muted_time)
  printf 'at %.0f Mbit/s: bare communication %.3f s, muted compute %.3f s\n' "$rate" "$bare" "$muted"
  if holds "abs($bare / $muted - 1) <= 0.1"; then
    matched=yes
    break
  fi
  rate=$(calculate "$rate * $bare / $muted")
done
[[ $matched == yes ]] || {
  echo "no rate was found at which bare communication is as long as compute (is the machine idle?) run it again"
  exit 1
}
together=$(value together step_time) apart=$(value apart step_time)
longer=$(calculate "max($bare, $muted)") sum=$(calculate "$bare + $(value apart muted_time)")

failures=0
verdict() { # what, measured, limit, holds
  local word=ok
  if ! holds "$4"; then word=FAILED failures=$((failures + 1)); fi
  printf '%-7s %-34s %.3f s = %.2f x %s\n' "$word" "$1" "$2" "$(calculate "$2 / $3")" "$5"
}
verdict "step with overlap" "$together" "$longer" "$together <= 1.2 * $longer" "the longer (at most 1.2)"
verdict "step with --no-overlap" "$apart" "$sum" "$apart >= 0.9 * $sum" "the sum (at least 0.9)"
for part in compute interference exposed imbalance optimizer host residue; do
  printf '        %-14s %.3f s with overlap, %.3f s without\n' "$part" "$(value together $part)" "$(value apart $part)"
done
exit $((failures > 0))
