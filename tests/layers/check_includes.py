#!/usr/bin/env python3
"""Checks who includes whom. The picture (an arrow points to who may include):

    src/base <- src/spec <- kernels      <- workloads <- src/app
                         <- collectives  <-

Usage: check_includes.py [ROOT]. Prints one line per broken rule, as "file:line: problem (why) suggestion", and leaves
with 1 if there is any; with 2 if there was nothing to check.
"""

import fnmatch
import os
import re
import sys

FOLDERS = ("src", "kernels", "collectives", "workloads", "tests")
SUFFIXES = (".hpp", ".cpp", ".h", ".c", ".cu", ".cuh", ".inl")

# Layer -> layers that it may include. A file's layer is the folder below one of the two roots, the repository and src/.
LAYERS = {
    "base": ("base",),
    "spec": ("base", "spec"),
    "kernels": ("base", "spec", "kernels"),
    "collectives": ("base", "spec", "collectives"),
    "workloads": ("base", "spec", "kernels", "collectives", "workloads"),
    "app": ("base", "spec", "kernels", "collectives", "workloads", "app"),
    "tests": ("base", "spec", "kernels", "collectives", "workloads", "app", "tests"),
}

# Name, what is included, the files that may, and why no others.
LIBRARIES = (
    ("CUDA", r"(cuda|cublas|cudnn|cufft|curand|cusparse|cusolver|nvml|nvtx|nccl|cub|thrust)[^/]*(/.*)?",
     ("src/base/cuda/*", "kernels/cuda/*", "src/app/gpu/module.cpp", "collectives/nccl/*", "collectives/staged/*",
      "tests/cuda/*", "tests/bench/cuda/*"),
     "everything else must build without a GPU"),
    ("MPI", r"mpi(-ext)?\.h",
     ("collectives/mpi/*", "collectives/nccl/*", "collectives/control/*", "collectives/control*.[ch]pp",
      "tests/main*.cpp", "tests/bench/bare_all_reduce.cpp", "tests/cuda/shim/nccl*"),
     "ranks talk through Communicator and Control alone"),
    ("HDF5", r"(hdf5(_hl)?|H5[^/]*)\.h",
     ("src/app/recorder/*", "tests/app/recorder/*"),
     "the recorder alone knows the file format"),
    ("Boost.Program_options", r"boost/program_options([./].*)?",
     ("src/app/options/*", "tests/app/options/*"),
     "the options alone know how a command line is read"),
    ("oneDNN", r"(dnnl[^/]*|oneapi/dnnl/.*)",
     ("kernels/cpu/*", "tests/kernels/cpu/*", "tests/bench/bare_gemm.cpp"),
     "it is one way to compute on the CPU among others"),
    ("nlohmann/json", r"nlohmann/.*",
     ("*.cpp",),
     "it takes long to compile, so that no header may bring it in"),
)

# The only files whose text may depend on what the machine has.
CONDITIONAL = ("src/base/cuda/*", "kernels/cuda/*", "kernels/cpu/onednn*", "tests/bench/bare_gemm.cpp")

HIDDEN = re.compile(
    r"""//[^\n]* | /\*.*?\*/ | R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"  # comments, raw strings: taken out
      | (?P<kept>"(?:\\.|[^"\\\n])*" | (?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])*')""",
    re.VERBOSE | re.DOTALL)
DIRECTIVE = re.compile(r"[ \t]*#[ \t]*(include_next|include|import|if|ifdef|ifndef|pragma[ \t]+once)\b[ \t]*(.*)")
TARGET = re.compile(r'"([^"]+)"|<([^>]+)>')


def matches(path, patterns):
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


def without_comments(text):
    """The text with comments and raw strings blanked, line for line."""
    return HIDDEN.sub(lambda found: found["kept"] or "\n" * found[0].count("\n"), text)


def layer_of(path):
    parts = path.split("/")
    return parts[1] if parts[0] == "src" and len(parts) > 1 else parts[0]


def check_layer(path, target):
    """Rules for an include of our own; target is spelled from one of the roots."""
    own, other = layer_of(path), target.split("/")[0]
    if other == "tests" and own != "tests":
        return "a test is included (the product must build without its tests); move what is shared out of tests/"
    allowed = LAYERS.get(own)
    if allowed is None:
        return f"the folder of this file is no layer (known are {', '.join(LAYERS)}); add it to check_includes.py"
    if other not in allowed:
        return f"{own} includes {other} (it may include only {', '.join(allowed)}); move the code, or pass a value down"
    if own == "workloads" and other in ("kernels", "collectives") and target.count("/") > 1:
        return f"a workload includes one backend (it must run on all); include a header that is directly in {other}/"
    return None


def check_include(root, path, rest):
    """The problem with `#include rest` in the file `path`, or None."""
    found = TARGET.match(rest)
    if not found:
        return "the include is computed (this check cannot follow it); write the name"
    target, quoted = found[1] or found[2], found[1] is not None
    for name, pattern, users, why in LIBRARIES:
        if re.fullmatch(pattern, target):
            if quoted:
                return f"{name} is included in quotes (these are for our own headers); write <{target}>"
            return None if matches(path, users) else f"{name} is included here ({why}); only {', '.join(users)} may"
    if target.startswith((".", "/")):
        return "the include is relative or absolute (files move); spell it from a root, as \"kernels/device.hpp\""
    first, _, deeper = target.partition("/")
    if first == "src":
        return f"the include names src/ (src/ is a root itself); write \"{deeper}\""
    if first in LAYERS and deeper:
        return check_layer(path, target) or (
            None if quoted else f"our own header is included as a library's; write \"{target}\"")
    if not quoted:
        return None
    return "the include is not spelled from a root (one spelling for each header); " + suggestion(root, path, target)


def suggestion(root, path, target):
    near = os.path.normpath(os.path.join(os.path.dirname(path), target))
    if os.path.exists(os.path.join(root, near)):
        return f"write \"{near[len('src/'):] if near.startswith('src/') else near}\""
    return "the roots are the repository and src/; write <> for a library"


def check_file(root, path):
    """Yields (line, text of the line, problem)."""
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        lines = without_comments(file.read()).split("\n")
    guarded = False
    for number, line in enumerate(lines, 1):
        found = DIRECTIVE.match(line)
        if not found:
            continue
        kind, rest = found[1], found[2].strip()
        problem = None
        if kind.startswith("pragma"):
            guarded = True
        elif kind == "include":
            problem = check_include(root, path, rest)
        elif kind in ("include_next", "import"):
            problem = f"#{kind} is not standard (compilers differ); write #include"
        elif not matches(path, CONDITIONAL):
            problem = (f"the text depends on a condition (each variant needs a build and a test of its own); choose at "
                       f"run time, by a file of its own, or with #pragma once; only {', '.join(CONDITIONAL)} may")
        if problem:
            yield number, line.strip(), problem
    if path.endswith((".hpp", ".cuh", ".h")) and not guarded:
        yield 1, os.path.basename(path), "the header has no #pragma once (it may be included twice); write it first"


def sources(root):
    for folder in FOLDERS:
        for where, folders, files in os.walk(os.path.join(root, folder)):
            folders.sort()
            for name in sorted(files):
                if name.endswith(SUFFIXES):
                    yield os.path.relpath(os.path.join(where, name), root).replace(os.sep, "/")


def check_tree(root):
    """(number of files, the messages)."""
    paths = list(sources(root))
    messages = [f"{path}:{line}: {text}: {problem}"
                for path in paths for line, text, problem in check_file(root, path)]
    return len(paths), messages


def main(arguments):
    root = arguments[1] if len(arguments) > 1 else os.path.join(os.path.dirname(__file__), "..", "..")
    count, messages = check_tree(root)
    if count == 0:
        print(f"No source file below {root} (nothing to check); give the root of the repository", file=sys.stderr)
        return 2
    for message in messages:
        print(message)
    print(f"{count} files, {len(messages)} broken rules")
    return 1 if messages else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
