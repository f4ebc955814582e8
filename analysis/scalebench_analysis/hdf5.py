"""Guarded access to one HDF5 file: nothing outside the file, nothing larger than memory."""

import os

import h5py
import numpy as np

from .errors import ResultError
from .text import clean

MOST_ELEMENTS = 1 << 27  # 1 GiB as float64
FAULTS = (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError, UnicodeError, MemoryError)


def shown(path):
    """The path as it may be printed."""
    return clean(os.fspath(path), 200)


def open_file(path):
    """`path` opened for reading, without a lock: results are renamed into place, never written in place."""
    if not os.path.exists(path):
        raise ResultError(f"{shown(path)} does not exist (nothing to draw) check the name")
    if os.path.isdir(path):
        raise ResultError(f"{shown(path)} is a folder (a result is one file) name the .h5 files in it")
    if os.path.getsize(path) == 0:
        raise ResultError(f"{shown(path)} is empty (the run ended before its first point) run it again")
    try:
        return h5py.File(path, "r", locking=False)
    except FAULTS as fault:
        raise ResultError(f"{shown(path)} {reason(fault)}") from fault


def reason(fault):
    """What h5py said, in words for the user."""
    said = clean(fault, 160)
    if "truncated" in said:
        return "is truncated (it is shorter than it says) copy it again, or run again"
    if "signature" in said:
        return "is not an HDF5 file (its signature is missing) name the .h5 file of a run"
    if isinstance(fault, PermissionError) or "Permission denied" in said:
        return "may not be read (permission denied) change its permissions"
    return f"is damaged (HDF5 says: {said}) copy it again, or run again"


def child(group, name, kind):
    """The member `name` of `group`, or None; a link that leads elsewhere is refused."""
    link = group.get(name, getlink=True)
    if link is None:
        return None
    where = shown(group.file.filename)
    if not isinstance(link, h5py.HardLink):
        raise ResultError(f"{where} has a link at {clean(name)} (a result holds its own data) leave this file out")
    found = group[name]
    if not isinstance(found, kind):
        raise ResultError(f"{where} has {clean(name)} of the wrong kind (a {kind.__name__} is due) leave this file out")
    return found


def dataset(group, name):
    """The dataset `name` of `group`, or None; its data lie in this file and fit in memory."""
    data = child(group, name, h5py.Dataset)
    if data is None:
        return None
    where = f"{shown(group.file.filename)}: {clean(data.name)}"
    if data.external or data.is_virtual:
        raise ResultError(f"{where} is stored in another file (a result holds its own data) leave this file out")
    if data.shape is None or data.size > MOST_ELEMENTS:
        raise ResultError(f"{where} has {data.size} elements (at most {MOST_ELEMENTS} are read) leave this file out")
    return data


def values(data):
    """All of a dataset: float64, or an object array of str."""
    if h5py.check_string_dtype(data.dtype):
        return np.array([plain(item) for item in np.ravel(data[()])], dtype=object).reshape(data.shape)
    return np.asarray(data[()], dtype=np.float64)


def plain(value):
    """An attribute or element as str, int, float, bool or tuple of those."""
    if isinstance(value, (bytes, np.bytes_)):
        return value.split(b"\0")[0].decode("utf-8", "replace")
    if isinstance(value, h5py.Empty):
        return ""
    if isinstance(value, np.ndarray):
        return tuple(plain(item) for item in np.ravel(value))
    return value.item() if isinstance(value, np.generic) else value


def attributes(owner):
    """All attributes of a file or group as a dictionary of plain values."""
    return {name: plain(value) for name, value in owner.attrs.items()}
