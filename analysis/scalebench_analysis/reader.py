"""The one reader of the schema: a result file into plain dataclasses and numpy."""

import math
import os
from dataclasses import dataclass, field

import h5py
import numpy as np

from . import hdf5, schema
from .errors import ResultError
from .text import clean, listing


@dataclass(frozen=True)
class Result:
    """One result file: its attributes and its summary."""

    path: str
    root: dict  # attributes of the file
    groups: dict  # environment, model, plan, machine -> attributes
    columns: dict = field(repr=False)  # name -> float64 or str (point,)

    @property
    def points(self):
        return len(self.columns["ranks"])

    @property
    def model(self):
        return self.groups["model"]

    @property
    def plan(self):
        return self.groups["plan"]

    @property
    def scaling(self):
        """weak, strong or none."""
        mode = self.text("scaling") or str(self.plan.get("scaling", ""))
        return mode if mode in ("weak", "strong") else "none"

    def text(self, name):
        return str(self.root.get(name, ""))

    def plan_number(self, name):
        """A positive number of the plan, NaN where there is none."""
        value = self.plan.get(name)
        return float(value) if isinstance(value, (int, float)) and 0 < value < math.inf else math.nan

    def column(self, name):
        """Column `name` as float64 (point,); NaN where the file has none."""
        found = self.columns.get(name)
        return found if found is not None and found.dtype != object else np.full(self.points, np.nan)

    def texts(self, name):
        """Column `name` as str (point,); "" where the file has none."""
        found = self.columns.get(name)
        return [""] * self.points if found is None else [str(item) for item in found]

    def require(self, names, use):
        """Raises unless every one of the columns `names` is there as numbers."""
        missing = [name for name in names if name not in self.columns or self.columns[name].dtype == object]
        if missing:
            raise ResultError(f"{hdf5.shown(self.path)} lacks summary/{listing(missing)} ({use} needs it) "
                              "write the file with a release that stores it")

    @property
    def collective(self):
        return bool(np.isfinite(self.column("algbw")).any() or np.isfinite(self.column("busbw")).any())

    @property
    def decode(self):
        return bool(np.isfinite(self.column("throughput_whole")).any() or self.plan.get("arrivals") in schema.ARRIVALS)

    @property
    def device(self):
        """cpu, cuda or sim:MACHINE; "" where nothing says so."""
        groups = (self.root, self.groups["environment"], self.groups["machine"])
        return next((str(group["device"]) for group in groups if group.get("device")), "")

    @property
    def unfinished(self):
        """Why the run is not complete, or ""."""
        if self.text("status") == "complete" and self.root.get("complete") == 1:
            return ""
        name = clean(os.path.basename(self.path), 60)
        return f"{name}: the run is not complete (status {clean(self.text('status'), 20)})"


def read_result(path):
    """The result in the file `path`; ResultError with the name of the file if it is none."""
    path = os.fspath(path)
    with hdf5.open_file(path) as file:
        try:
            root = hdf5.attributes(file)
            check_root(path, root)
            groups = {name: read_group(file, name) for name in schema.GROUPS}
            return Result(path, root, groups, read_summary(path, file))
        except hdf5.FAULTS as fault:
            raise ResultError(f"{hdf5.shown(path)} {hdf5.reason(fault)}") from fault


def check_root(path, root):
    """Raises unless `root` are the attributes of a result that this version reads."""
    where = hdf5.shown(path)
    if root.get("schema") != schema.NAME:
        raise ResultError(f"{where} is not a scalebench result (attribute schema is "
                          f"\"{clean(root.get('schema', ''), 30)}\") name the .h5 file of a run")
    version = str(root.get("schema_version", ""))
    major = version.split(".")[0]
    if not (major.isascii() and major.isdigit()):
        raise ResultError(f"{where} has no schema version (schema_version is \"{clean(version, 20)}\") run again")
    if int(major[:9]) > schema.MAJOR:
        raise ResultError(f"{where} has schema version {clean(version, 20)} (this release reads up to "
                          f"{schema.MAJOR}.x) install a newer scalebench-analysis")
    missing = [name for name in (*schema.ROOT_TEXTS, "complete") if name not in root]
    if missing:
        raise ResultError(f"{where} lacks the attribute {listing(missing)} (the schema requires it) run again")
    if root["kind"] not in schema.KINDS or root["status"] not in schema.STATES:
        raise ResultError(f"{where} has kind \"{clean(root['kind'], 20)}\", status \"{clean(root['status'], 20)}\" "
                          f"(kinds: {listing(schema.KINDS)}; states: {listing(schema.STATES)}) run again")


def read_group(file, name):
    """The attributes of a group; {} where the file has none."""
    group = hdf5.child(file, name, h5py.Group)
    return {} if group is None else hdf5.attributes(group)


def read_summary(path, file):
    """The columns of summary/: name -> float64 or str (point,)."""
    group = hdf5.child(file, "summary", h5py.Group)
    if group is None:
        raise ResultError(f"{hdf5.shown(path)} has no group summary (nothing to draw) run again")
    data = [(name, hdf5.dataset(group, name)) for name in group if group.get(name, getclass=True) is not h5py.Group]
    columns = {name: hdf5.values(item) for name, item in data if item.ndim == 1}
    if "ranks" not in columns:
        raise ResultError(f"{hdf5.shown(path)} lacks summary/ranks (every point has ranks) run again")
    if not len(columns["ranks"]):
        raise ResultError(f"{hdf5.shown(path)} has no finished point (the run has just begun) wait for the first")
    uneven = [clean(name) for name, item in columns.items() if len(item) != len(columns["ranks"])]
    if uneven:
        raise ResultError(f"{hdf5.shown(path)} has columns of unequal length (summary/{listing(uneven)}) run again")
    return columns
