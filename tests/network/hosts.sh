# Two pretended hosts on this machine, joined by a cable whose rate is set: each has its own network, name, /dev/shm and
# clock, so that MPI between them goes through TCP. To be sourced by bash with `set -euo pipefail`, as root.
# shellcheck shell=bash

[[ $(id -u) == 0 ]] || {
  echo "error: not root (network namespaces are made here) run it by sudo" >&2
  exit 3
}
folder=$(mktemp -d)
hosts=() # process ids of what holds the namespaces

# start_host NAME SECONDS: its clocks are SECONDS ahead.
start_host() {
  setsid unshare --net --uts --ipc --mount --time --monotonic "$2" --boottime "$2" --fork --kill-child bash -c "
    hostname $1 && mount --make-rprivate / && mount -t tmpfs -o mode=1777 tmpfs /dev/shm &&
    mount --bind $folder/hosts /etc/hosts && ip link set lo up && echo \$\$ >$folder/$1 && exec sleep infinity" &
  hosts+=($!)
  disown # else its end is reported
  for _ in {1..100}; do
    [[ ! -s $folder/$1 ]] || return 0
    sleep 0.05
  done
  echo "error: host $1 did not start (its namespaces were refused) this needs a kernel with net and time namespaces" >&2
  return 3
}

# on NAME COMMAND...: runs it on that host.
on() { nsenter --target "$(cat "$folder/$1")" --net --uts --ipc --mount --time --wd="$PWD" -- "${@:2}"; }

# start_hosts SECONDS: h1 and h2; the clocks of h2 are so much ahead.
start_hosts() {
  trap stop_hosts EXIT
  printf '127.0.0.1 localhost\n10.79.0.1 h1\n10.79.0.2 h2\n' >"$folder/hosts"
  start_host h1 0
  start_host h2 "$1"
  ip link add name sb0 netns "$(cat "$folder/h1")" type veth peer name sb0 netns "$(cat "$folder/h2")"
  for i in 1 2; do
    on "h$i" ip addr add "10.79.0.$i/24" dev sb0
    on "h$i" ip link set sb0 up
  done
  cat >"$folder/agent" <<END # how mpirun on h1 starts its daemon on h2
#!/bin/bash
host=\$1
shift
exec nsenter --target "\$(cat $folder/\$host)" --net --uts --ipc --mount --time -- /bin/sh -c "\$*"
END
  chmod +x "$folder/agent"
}

# cable MBITS: the rate of each direction, in Mbit/s.
cable() {
  for host in h1 h2; do
    on $host tc qdisc replace dev sb0 root tbf rate "$1mbit" burst 256k latency 100ms
  done
}

# ranks N ARGUMENTS...: of $scalebench; N on each host, the first N on h1. Those of one host never use the cable.
ranks() {
  on h1 env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 mpirun --host "h1:$1,h2:$1" -np $((2 * $1)) \
    --map-by slot --bind-to none \
    --mca plm_rsh_agent "$folder/agent" --mca plm_rsh_assume_same_shell 1 --mca oob_tcp_if_include sb0 \
    --mca btl self,vader,tcp --mca btl_tcp_if_include sb0 "${scalebench:?}" "${@:2}"
}

# two_ranks ARGUMENTS...: of $scalebench; one rank a host.
two_ranks() { ranks 1 "$@"; }

# bytes_sent NAME: by that host over the cable until now, by the counter of its interface. (Not from /sys, which shows
# the interfaces of the host that mounted it.)
bytes_sent() { on "$1" cat /proc/net/dev | awk '$1 == "sb0:" { print $10 }'; }

stop_hosts() {
  kill -9 "${hosts[@]}" 2>/dev/null || true
  rm -rf "$folder"
}
