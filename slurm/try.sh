#!/usr/bin/env bash
# Tries scalebench.sbatch on a Slurm of 4 nodes that cluster.sh starts on this machine, and ends again. Takes 2 minutes.
#   sudo slurm/try.sh            needs build/cpu/scalebench, Debian's slurm-wlm and munge, h5py and matplotlib
# Ranks outnumber cores here: it shows that everything works, the times say nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD python=${PYTHON:-/usr/bin/python3}
export SCALEBENCH=${SCALEBENCH:-$root/build/cpu/scalebench}
small=(--workload fsdp70b --model tiny-llama --shrink none --seq 64)
short=("${small[@]}" --min-iterations 2 --max-iterations 4 --max-seconds 20)
long=("${small[@]}" --min-iterations 30 --max-iterations 100000 --max-seconds 6 --target-ci 1e-9)

for needed in "$SCALEBENCH" sbatch slurmctld slurmd munged mpirun "$python"; do
  command -v "$needed" >/dev/null || {
    echo "try.sh: error: no $needed (it is needed here) build scalebench, and: apt-get install slurm-wlm munge" >&2
    exit 3
  }
done

folder=$(mktemp -d)
export CLUSTER=$folder/cluster
finish() {
  "$root/slurm/cluster.sh" stop
  rm -rf "$folder"
}
trap finish EXIT
"$root/slurm/cluster.sh" start 4 4
eval "$("$root/slurm/cluster.sh" env)"
cd "$folder"

failures=0
# expect "what" COMMAND...: the command succeeds, or its job's output is shown.
expect() {
  if "${@:2}"; then
    echo "ok      $1"
  else
    echo "FAILED  $1"
    failures=$((failures + 1))
    tail -n 12 "$(find . -maxdepth 1 -name '*.out' -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2)"
  fi
}

# file_is NAME complete=N status=S ranks=L nodes=L hosts=N
file_is() {
  "$python" - "$@" <<'END'
import sys, h5py
name, *wanted = sys.argv[1:]
with h5py.File(name) as file:
    text = lambda value: value.decode() if isinstance(value, bytes) else str(value)
    column = lambda of: ",".join(str(int(x)) for x in file["summary"][of][()]) if "summary/ranks" in file else ""
    found = {"complete": int(file.attrs["complete"]), "status": text(file.attrs["status"]), "ranks": column("ranks"),
             "nodes": column("nodes"), "hosts": len(text(file["environment"].attrs["hosts"]).split(",")),
             "finite": int(all(x == x and x > 0 for x in file["summary/step_time"][()])) if "summary/ranks" in file else 0}
for pair in wanted:
    key, value = pair.split("=")
    if str(found[key]) != value:
        sys.exit(f"{name}: {key} is {found[key]}, not {value}")
END
}

batch=$root/slurm/scalebench.sbatch
# use LAUNCHER: two ranks on each node, said in another way for each launcher.
use() {
  export LAUNCHER=$1
  asked=(--nodes=4 --ntasks-per-node=2)
  if [[ $1 == mpirun ]]; then asked=(--nodes=4 --cpus-per-task=2); fi
}
# job ARGUMENTS...: waits for its end, and has its exit code.
job() { timeout 150 sbatch --wait "${asked[@]}" "$batch" "$@" >submitted 2>&1; }
sweep() { SWEEP=1,2,4 job "$@"; }
draw() { PYTHONPATH="$root/analysis" "$python" -m scalebench_analysis "$@" >drawn 2>&1; }

for launcher in ${LAUNCHERS:-srun mpirun}; do
  use "$launcher"
  expect "a job by $launcher" job "${short[@]}" --output "$launcher.h5"
  expect "  has its file" file_is "$launcher.h5" complete=1 status=complete ranks=8 nodes=4 hosts=4 finite=1
  expect "a sweep over nodes by $launcher" sweep "${short[@]}" --output "sweep-$launcher.h5"
  expect "  has its curve" file_is "sweep-$launcher.h5" complete=1 ranks=2,4,8 nodes=1,2,4 hosts=4 finite=1
  expect "  is drawn" draw scaling "sweep-$launcher.h5" -o "sweep-$launcher.png"
done

# stopped SIGNAL FILE: a sweep that is sent the signal once its first point is finished, as the end of its time does.
stopped() {
  local id
  id=$(SWEEP=1,2,4 sbatch --parsable "${asked[@]}" "$batch" "${long[@]}" --output "$2")
  for ((i = 0; i < 300; ++i)); do
    if grep -q "^\[1/3\]" "scalebench-$id.out" 2>/dev/null; then break; fi
    sleep 0.1
  done
  scancel --batch --signal="$1" "$id" || return 1
  for ((i = 0; i < 600; ++i)); do
    if [[ -z $(squeue -h -j "$id" 2>/dev/null) ]]; then return 0; fi
    sleep 0.1
  done
  return 1
}
for launcher in ${LAUNCHERS:-srun mpirun}; do
  use "$launcher"
  for signal in USR1 TERM; do
    expect "a sweep by $launcher is stopped by $signal" stopped $signal "$launcher-$signal.h5"
    points=ranks=2,4 nodes=nodes=1,2
    if [[ $signal == TERM ]]; then points=ranks=2 nodes=nodes=1; fi
    expect "  and keeps its finished points" file_is "$launcher-$signal.h5" complete=0 "$points" "$nodes" finite=1
  done
done

((failures == 0)) && echo "all of it works"
