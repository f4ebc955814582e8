"""The program whose results are read, and the package as its command."""

import subprocess
import sys

PROGRAM, MPIEXEC = (sys.argv.pop(1), sys.argv.pop(1)) if len(sys.argv) > 2 else ("scalebench", "mpirun")


def run(ranks, *flags):
    """The finished process of a run, its output as text."""
    return subprocess.run([MPIEXEC, "--oversubscribe", "--bind-to", "none", "-np", str(ranks), PROGRAM, *flags],
                          capture_output=True, text=True, timeout=240, check=False)


def plot(*arguments):
    """The finished process of scalebench-plot."""
    return subprocess.run([sys.executable, "-B", "-m", "scalebench_analysis", *map(str, arguments)],
                          capture_output=True, text=True, timeout=120, check=False)
