"""Looks into result files by h5py, as a user would."""

import h5py


def state(path):
    """complete, status, and the ranks of the points that are in the file."""
    with h5py.File(path, "r") as file:
        ranks = list(file["summary/ranks"][()]) if "summary/ranks" in file else []
        return int(file.attrs["complete"]), as_text(file.attrs["status"]), [int(r) for r in ranks]


def column(path, name):
    with h5py.File(path, "r") as file:
        return list(file["summary"][name][()])


def point(path, number, name):
    """A dataset of a point."""
    with h5py.File(path, "r") as file:
        return file[f"points/{number:03d}/{name}"][()]


def root(path, name):
    """A root attribute; None: there is none."""
    with h5py.File(path, "r") as file:
        return file.attrs.get(name)


def environment(path, name):
    with h5py.File(path, "r") as file:
        return file["environment"].attrs[name]


def all_readable(path):
    """Reads every value; returns how many datasets there are."""
    count = 0

    def read(_, item):
        nonlocal count
        if isinstance(item, h5py.Dataset):
            item[()]
            count += 1

    with h5py.File(path, "r") as file:
        file.visititems(read)
    return count


def as_text(value):
    return value.decode() if isinstance(value, bytes) else str(value)
