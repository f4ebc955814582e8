"""Reads a file in a child process: the HDF5 library itself crashes, or does not end, on some damaged files."""

import multiprocessing

from .errors import ResultError
from .hdf5 import shown

LIMIT = 60.0  # s for one file


def load_apart(load, path):
    """`load(path)`, computed in a child; its errors are raised here, its crash is a ResultError."""
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("fork" if "fork" in methods else None)
    answers, sender = context.Pipe(duplex=False)
    child = context.Process(target=answer, args=(sender, load, path), daemon=True)
    child.start()
    sender.close()
    try:
        result = receive(answers, path)
    finally:
        child.kill()
        child.join()
        answers.close()
    if isinstance(result, Exception):
        raise result
    return result


def answer(sender, load, path):
    """The child: sends the result or the error."""
    try:
        result = load(path)
    except Exception as error:  # raised again by the parent
        result = error
    sender.send(result)


def receive(answers, path):
    """What the child sent."""
    try:
        if answers.poll(LIMIT):
            return answers.recv()
    except EOFError as end:
        raise ResultError(f"{shown(path)} is damaged (the HDF5 library crashes on it) copy it again, or run "
                          "again") from end
    raise ResultError(f"{shown(path)} is damaged (reading it took more than {LIMIT:g} s) copy it again, or run again")
