#!/usr/bin/env bash
# A real Slurm of N nodes on this one machine, to try batch scripts on. Needs root, and Debian's slurm-wlm and munge.
#   cluster.sh start [NODES=4] [CPUS=4]   the nodes are processes, each with its own name and /dev/shm; CPUS are pretended
#   eval "$(cluster.sh env)"              lets sbatch, srun and squeue find it
#   cluster.sh stop                       ends what it started, and nothing else
# All of it, logs too, is in $CLUSTER [/tmp/scalebench-slurm]; no service and no file of the system is touched.
set -euo pipefail
CLUSTER=${CLUSTER:-/tmp/scalebench-slurm} PORT=${PORT:-28817}
export SLURM_CONF=$CLUSTER/slurm.conf

write_settings() {
  local nodes=$1 cpus=$2 host i
  host=$(hostname -s)
  mkdir -p "$CLUSTER"/{state,spool,log,pid,munge,tmp}
  cat >"$SLURM_CONF" <<END
ClusterName=try
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$PORT
SlurmUser=root
SlurmdUser=root
AuthInfo=socket=$CLUSTER/munge/socket
StateSaveLocation=$CLUSTER/state
SlurmdSpoolDir=$CLUSTER/spool/%n
# Each node its own: the folders of PMIx would meet.
TmpFS=$CLUSTER/tmp/%n
SlurmctldPidFile=$CLUSTER/pid/slurmctld
SlurmdPidFile=$CLUSTER/pid/%n
SlurmctldLogFile=$CLUSTER/log/slurmctld
SlurmdLogFile=$CLUSTER/log/%n
# No cgroups and no affinity, since the CPUs are pretended.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
EnforcePartLimits=ALL
# Ranks starve the daemons where they outnumber the cores.
SlurmdTimeout=60
KillWait=10
SchedulerParameters=bf_interval=1,sched_interval=1,batch_sched_delay=0
AccountingStorageType=accounting_storage/none
END
  # The default, a tree, fails in some starts over several nodes of one machine.
  echo "PMIxCollFence=ring" >"$CLUSTER/mpi.conf"
  for ((i = 1; i <= nodes; ++i)); do
    mkdir -p "$CLUSTER"/{tmp,spool}/"n$i"
    echo "NodeName=n$i NodeHostname=$host NodeAddr=127.0.0.1 Port=$((PORT + i)) CPUs=$cpus CoresPerSocket=$cpus"
  done >>"$SLURM_CONF"
  echo "PartitionName=all Nodes=n[1-$nodes] Default=YES MaxTime=01:00:00 State=UP" >>"$SLURM_CONF"
}

start_munge() {
  [[ -s $CLUSTER/munge/key ]] || (umask 077 && head -c 128 /dev/urandom >"$CLUSTER/munge/key")
  chmod 711 "$CLUSTER/munge"
  munged --force --key-file="$CLUSTER/munge/key" --socket="$CLUSTER/munge/socket" --pid-file="$CLUSTER/pid/munged" \
    --log-file="$CLUSTER/log/munged" --seed-file="$CLUSTER/munge/seed" 2>"$CLUSTER/log/munged.start"
}

# A name and a /dev/shm of its own: Open MPI takes ranks with one name for neighbours that share memory.
start_node() {
  unshare --uts --mount --propagation=slave bash -c \
    "hostname $1 && mount -t tmpfs -o size=2g tmpfs /dev/shm && exec slurmd -N $1"
}

start() {
  local nodes=${1:-4} i
  [[ ! -e $CLUSTER/pid/slurmctld ]] || stop
  write_settings "$nodes" "${2:-4}"
  start_munge
  slurmctld -c
  for ((i = 1; i <= nodes; ++i)); do start_node "n$i"; done
  for ((i = 0; i < 100; ++i)); do
    [[ $(sinfo -h -N -t idle -o %N 2>/dev/null | wc -l) != "$nodes" ]] || return 0
    sleep 0.1
  done
  echo "cluster.sh: the nodes did not come up (their logs say why) look into $CLUSTER/log" >&2
  return 1
}

stop() {
  local file pid
  scancel --full --user=root 2>/dev/null || true
  for _ in {1..50}; do
    [[ -n $(squeue -h 2>/dev/null) ]] || break
    sleep 0.2
  done
  for file in "$CLUSTER"/pid/*; do
    pid=$(cat "$file" 2>/dev/null) || continue
    kill "$pid" 2>/dev/null || true
  done
  for file in "$CLUSTER"/pid/*; do
    for _ in {1..50}; do
      pid=$(cat "$file" 2>/dev/null) || break
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    rm -f "$file"
  done
}

case ${1:-} in
  start) start "${@:2}" ;;
  stop) stop ;;
  # Ranks that wait give their core to those that work: here they are more than the cores.
  env) echo "export SLURM_CONF=$SLURM_CONF OMPI_MCA_mpi_yield_when_idle=1" ;;
  *) sed -n '2,6s/^# \?//p' "$0" && exit 2 ;;
esac
