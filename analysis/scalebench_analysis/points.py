"""One point of a result: what each rank did in each iteration."""

from dataclasses import dataclass

import h5py
import numpy as np

from . import hdf5, schema
from .errors import ResultError


@dataclass(frozen=True)
class Point:
    """points/NNN; I iterations, M of them marked, R ranks, P phases; times in s, unknown is NaN."""

    iteration: np.ndarray  # (I,), warm-ups negative
    kind: np.ndarray  # (I,), schema.WARMUP, COUNTED, MARKED or MUTED
    rank: np.ndarray  # (R,)
    samples: np.ndarray  # (I, R)
    names: tuple  # (P,) of the phases
    phases: np.ndarray  # (M, R, P)
    phases_total: np.ndarray  # (M, R)

    def phase_means(self):
        """Mean over the marked iterations, (R, P) in s; NaN where none was measured."""
        known = np.isfinite(self.phases)
        count = known.sum(axis=0)
        total = np.where(known, self.phases, 0.0).sum(axis=0)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def read_point(path, row):
    """The point of row `row` of the summary, or None where the file has no group for it."""
    with hdf5.open_file(path) as file:
        try:
            group = point_group(file, row)
            return None if group is None else from_group(path, group)
        except hdf5.FAULTS as fault:
            raise ResultError(f"{hdf5.shown(path)} {hdf5.reason(fault)}") from fault


def point_group(file, row):
    """The group points/NNN of the row, NNN from the scale `point`."""
    scale = hdf5.dataset(hdf5.child(file, "summary", h5py.Group), "point")
    number = row if scale is None else int(hdf5.values(scale)[row])
    points = hdf5.child(file, "points", h5py.Group)
    return None if points is None else hdf5.child(points, f"{number:03d}", h5py.Group)


def from_group(path, group):
    """A Point from its group; only the marked rows of the phases are read."""
    iteration, rank = scale(path, group, "iteration"), scale(path, group, "rank")
    kind = array(path, group, "iteration_kind", (len(iteration),))
    marked = np.flatnonzero(kind == schema.MARKED)
    names = tuple(scale(path, group, "phase")) if "phase" in group else ()
    shape = (len(iteration), len(rank))
    return Point(iteration, kind, rank, array(path, group, "samples", shape), names,
                 array(path, group, "phases", (*shape, len(names)), marked),
                 array(path, group, "phases_total", shape, marked))


def scale(path, group, name):
    """A dimension scale, (n,)."""
    data = hdf5.dataset(group, name)
    if data is None or data.ndim != 1:
        raise ResultError(f"{hdf5.shown(path)} lacks {group.name}/{name} (every point has this scale) run again")
    return hdf5.values(data)


def array(path, group, name, shape, rows=None):
    """A dataset of `shape` (its `rows` along the first axis, if given); NaN where the file has none."""
    data = hdf5.dataset(group, name)
    count = shape[0] if rows is None else len(rows)
    if data is None:
        return np.full((count, *shape[1:]), np.nan)
    if data.shape != shape:
        raise ResultError(f"{hdf5.shown(path)} has {group.name}/{name} of shape {data.shape} "
                          f"(its scales say {shape}) run again")
    if rows is None:
        return hdf5.values(data)
    return np.array([data[int(row)] for row in rows], dtype=np.float64).reshape(count, *shape[1:])
