"""The command `scalebench-plot`."""

import argparse
import os
import sys

from . import __version__, breakdown, busbw, latencies, pareto, scaling, style
from .apart import load_apart
from .errors import PlotError, ResultError
from .text import clean

COMMANDS = {
    "scaling": (scaling, "speed-up or throughput, and efficiency, against ranks"),
    "breakdown": (breakdown, "where the time of a step goes: compute, exposed communication, waiting ..."),
    "busbw": (busbw, "bus bandwidth and latency of collectives against size"),
    "pareto": (pareto, "throughput of decode against the latency that a user sees"),
}
LATER = ("compare", "report", "trace")


class Parser(argparse.ArgumentParser):
    """Argument errors in the form of all our messages."""

    def error(self, message):
        fail(f"{clean(message, 300)} (see scalebench-plot --help)")
        raise SystemExit(2)


def fail(message):
    print(f"scalebench-plot: error: {message}", file=sys.stderr)


def parser():
    """The options of all commands."""
    top = Parser(prog="scalebench-plot", description="Draws the result files of scalebench.", allow_abbrev=False,
                 epilog="example: scalebench-plot scaling scalebench-fsdp70b-16-*.h5 -o scaling.png")
    top.add_argument("--version", action="version", version=f"scalebench-plot {__version__}")
    commands = top.add_subparsers(dest="command", metavar="scaling | breakdown | busbw | pareto | check", required=True)
    for name, (_, says) in COMMANDS.items():
        command = commands.add_parser(name, help=says, description=says, allow_abbrev=False)
        command.add_argument("files", nargs="+", metavar="FILE.h5", help="result files")
        command.add_argument("-o", "--output", required=True, metavar="OUT", help="the plot: OUT.png or OUT.svg")
        if name == "scaling":
            command.add_argument("--metric", choices=("speedup", "throughput"), default="speedup",
                                 help="of the upper panel, of training (default: speedup)")
    says = "works the latencies of a decode file out again from its requests"
    commands.add_parser("check", help=says, description=says, allow_abbrev=False).add_argument(
        "files", nargs="+", metavar="FILE.h5", help="result files")
    return top


def main(arguments=None):
    """Runs one command; returns its exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments and arguments[0] in LATER:
        fail(f"{arguments[0]} is not in this version (it draws {', '.join(COMMANDS)}) use one of these")
        return 2
    options = parser().parse_args(arguments)
    try:
        if options.command == "check":
            return check(options.files)
        style.check_output(options.output, options.files)
        return plot(COMMANDS[options.command][0], options)
    except PlotError as error:
        fail(error)
        return error.code


def plot(command, options):
    """Draws what can be read; 2 if a file could not."""
    results, code = load(command, options.files)
    if not results:
        return 2
    with style.settings():
        figure, warnings = command.draw(results, options)
        style.save(figure, options.output)
    for warning in warnings:
        print(f"scalebench-plot: note: {warning}", file=sys.stderr)
    print(os.fspath(options.output))
    return code


def check(files):
    """Prints what does not fit; 4 where a number is wrong."""
    code = 0
    for path in files:
        try:
            lines, good = load_apart(latencies.check, path)
        except ResultError as error:
            fail(error)
            code = code or error.code
            continue
        code = code if good else 4
        print("\n".join(f"{clean(path, 200)}: {line}" for line in lines))
    return code


def load(command, files):
    """(results, exit code): the files that can be read, after a message for each that can't."""
    results, code = [], 0
    for path in files:
        try:
            results.append(load_apart(command.load, path))
        except ResultError as error:
            fail(error)
            code = error.code
    return results, code
