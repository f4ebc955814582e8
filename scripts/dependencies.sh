# What quickstart, run_tests and .ci/run share: the list of dependencies, how to install them, and how commands are run.
# To be sourced, from the root of the repository, by bash with `set -euo pipefail`.
# shellcheck shell=bash

# The only list of dependencies: Debian package | how to see that it is there | needed to "run" or only to "test".
#   program NAME  on PATH, whoever installed it
#   python NAME   a Python sees it, whoever installed it
#   library       known to dpkg; where there is no dpkg, CMake looks for it and names what is absent
readonly dependencies='
g++                           | program g++          | run
cmake                         | program cmake        | run
ninja-build                   | program ninja        | run
git                           | program git          | run
openmpi-bin                   | program mpirun       | run
libopenmpi-dev                | program mpicc        | run
libhdf5-dev                   | library              | run
libboost-dev                  | library              | run
libboost-program-options-dev  | library              | run
libboost-test-dev             | library              | run
libboost-context-dev          | library              | run
libhwloc-dev                  | library              | run
libfmt-dev                    | library              | run
nlohmann-json3-dev            | library              | run
libtomlplusplus-dev           | library              | run
libdnnl-dev                   | library              | run
python3                       | program python3      | run
python3-h5py                  | python h5py          | run
python3-numpy                 | python numpy         | run
python3-matplotlib            | python matplotlib    | run
hdf5-tools                    | program h5dump       | test
netcdf-bin                    | program ncdump       | test
clang-format                  | program clang-format | test
shellcheck                    | program shellcheck   | test
'

# ---- Saying what happens

# step "Title": a line with the seconds since the script was started.
step() { printf '\n[%4d s] %s\n' "$SECONDS" "$*"; }

# run COMMAND...: shows the command so that it can be repeated by hand, then runs it. With quiet=1 only its errors show.
run() {
  local word line='+'
  for word in "$@"; do
    [[ $word =~ ^[A-Za-z0-9_./:=,+-]+$ ]] || printf -v word '%q' "$word"
    line+=" $word"
  done
  if [[ ${quiet:-} ]]; then
    printf '%s\n' "$line >/dev/null"
    "$@" >/dev/null
  else
    printf '%s\n' "$line"
    "$@"
  fi
}

# fail CODE "problem (why) suggestion"
fail() {
  printf '\n%s: %s\n' "$(basename "$0")" "$2" >&2
  exit "$1"
}

# attempt "problem (why) suggestion" COMMAND...: runs it, and ends with the message and its exit code if it fails.
attempt() {
  local message=$1 code=0
  shift
  run "$@" || code=$?
  ((code == 0)) || fail "$code" "$message [exit code $code after $SECONDS s]"
}

# ---- What is there

# Debian's Python comes first: another one that is first on PATH does not see the packages that apt installs.
python_with() {
  local python module
  for python in /usr/bin/python3 "$(command -v python3 || true)"; do
    [[ -n $python && -x $python ]] || continue
    for module in "$@"; do
      "$python" -c "import importlib.util as u, sys; sys.exit(u.find_spec('$module') is None)" 2>/dev/null || continue 2
    done
    printf '%s\n' "$python"
    return 0
  done
  return 1
}

# The Python that draws; one that has all three.
plotting_python() { python_with h5py numpy matplotlib; }

is_installed() { [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

# is_there PACKAGE KIND [NAME]
is_there() {
  case $2 in
    program) command -v "$3" >/dev/null && return ;;
    python) plotting_python >/dev/null && return ;;
  esac
  if command -v dpkg-query >/dev/null; then
    # An installed package without its program on PATH, or unseen by a Python, is left to the step that needs it.
    is_installed "$1"
  else
    [[ $2 == library ]]
  fi
}

# missing_packages USE...: the packages for these uses that are not there.
missing_packages() {
  local package kind use
  while IFS='|' read -r package kind use; do
    package=${package// /} use=${use// /}
    [[ -n $package && " $* " == *" $use "* ]] || continue
    # shellcheck disable=SC2086  # "program NAME" is two words
    is_there "$package" $kind || printf '%s\n' "$package"
  done <<<"$dependencies"
}

# ---- Getting it there

# How to become root: nothing, sudo, or "none". sudo may ask for a password only where somebody can answer.
way_to_root() {
  if ((EUID == 0)); then
    return 0
  elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [[ -t 0 && -t 1 ]]; }; then
    echo sudo
  else
    echo none
  fi
}

# install_dependencies USE...: installs what is missing by apt; where all is there, does nothing.
install_dependencies() {
  local missing root
  mapfile -t missing < <(missing_packages "$@")
  if ((${#missing[@]} == 0)); then
    echo "All dependencies are there."
    return
  fi
  echo "Missing: ${missing[*]}"
  root=$(way_to_root)
  if ! command -v apt-get >/dev/null; then
    fail 3 "packages are missing (this system has no apt-get to install them): ${missing[*]}
Install what they are called here, and run this again."
  elif [[ $root == none ]]; then
    fail 3 "packages are missing (only root may install them, and there is no sudo): ${missing[*]}
Ask an administrator for: apt-get install ${missing[*]}"
  fi
  echo "This takes about a minute, without much to read:"
  local apt=(${root:+"$root"} env DEBIAN_FRONTEND=noninteractive apt-get -qq -o=Dpkg::Use-Pty=0)
  attempt "The list of packages cannot be read (no network, or a wrong mirror?); check both, and run this again" \
    "${apt[@]}" update </dev/null
  quiet=1 attempt "Packages cannot be installed (apt-get says why above); remove the cause, and run this again" \
    "${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null
}

# What a build for GPUs takes from Python's packages: the headers of cuDNN's frontend, and a disassembler for its tests.
# Without them it is built and tested all the same, less well.
fetch_wheels() {
  local folder=build/wheels wheel
  command -v nvcc >/dev/null || return 0
  [[ ! -e $folder/include/cudnn_frontend.h || ! -e $folder/nvidia/cu13/bin/nvdisasm ]] || return 0
  mkdir -p "$folder"
  if ! run python3 -m pip --quiet download --no-deps --only-binary :all: --dest "$folder" \
    nvidia-cudnn-frontend==1.19.1 'nvidia-cuda-cuobjdump>=13.2,<14' 'nvidia-cuda-nvdisasm>=13.2,<14'; then
    echo "These cannot be had (pip says why above): attention will be our own alone, without cuDNN's."
    return 0
  fi
  for wheel in "$folder"/*.whl; do
    python3 -m zipfile -e "$wheel" "$folder"
  done
  chmod +x "$folder"/nvidia/cu13/bin/*
}

# ---- Building and running

# What is built where nobody says: all three pairs where CUDA and NCCL are there to build with.
default_preset() {
  local nvcc
  nvcc=$(command -v nvcc) || { echo cpu && return; }
  nvcc=$(dirname "$(dirname "$(readlink -f "$nvcc")")")
  if [[ -e $nvcc/include/nccl.h || -e /usr/include/nccl.h || ${NCCL_ROOT:-} ]]; then echo cuda; else echo cpu; fi
}

# An absent or old CMake would fail with a message about the format of the presets.
check_cmake() {
  local version
  version=$(cmake --version | sed -n '1s/[^0-9]*\([0-9.]*\).*/\1/p')
  if [[ $(printf '3.24\n%s\n' "$version" | sort -V | head -n 1) != 3.24 ]]; then
    fail 3 "CMake is $version (the presets need 3.24 or later); put a newer one first on PATH"
  fi
}

# build PRESET [TARGET]: configures and builds; a second time there is nothing to do.
build() {
  check_cmake
  [[ $1 != *cuda* ]] || fetch_wheels
  attempt "The build cannot be configured (CMake says why above); remove the cause, or delete build/$1 and try again" \
    cmake --preset "$1"
  attempt "The build failed (the first error above says where); if you changed nothing, please report this output" \
    cmake --build --preset "$1" ${2:+--target "$2"}
}

# Settings that Open MPI needs on this machine; other MPIs don't read them.
prepare_mpi() {
  if ((EUID == 0)); then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  fi
  # 4 MiB a rank of shared memory, but a container may have 64 MiB in all: then through files.
  local free
  free=$(df -k --output=avail /dev/shm 2>/dev/null | tail -n 1) || free=0
  if ((free < 128 * 1024)); then
    export OMPI_MCA_btl_vader_backing_directory=${TMPDIR:-/tmp}
  fi
}
