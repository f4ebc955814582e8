"""The reader: round trip, tolerance, and every kind of bad file."""

import os
import unittest

import h5py
import numpy as np

from make_result import PARTS, attach, collective, training, write
from plotting import PlotTest
from scalebench_analysis.apart import load_apart
from scalebench_analysis.errors import ResultError
from scalebench_analysis.points import read_point
from scalebench_analysis.reader import read_result


def read_both(path):
    read_result(path)
    read_point(path, 1)


def crash(path):
    os.abort()


class RoundTrip(PlotTest):
    def test_attributes_and_columns(self):
        result = read_result(training(self.path("a.h5"), (1, 2), (8.0, 4.4)))
        self.assertEqual((result.text("workload"), result.plan["dtype"], result.model["layers"]), ("fsdp70b", "bf16", 4))
        np.testing.assert_array_equal(result.column("ranks"), [1, 2])
        np.testing.assert_array_equal(result.column("step_time"), [8.0, 4.4])
        self.assertEqual(result.texts("stop_reason"), ["target_ci", "target_ci"])

    def test_missing_optional_column_is_nan(self):
        result = read_result(training(self.path("a.h5"), (1,), (8.0,), columns={"mfu": None, "stop_reason": None}))
        self.assertTrue(np.isnan(result.column("mfu")).all())
        self.assertEqual(result.texts("stop_reason"), [""])

    def test_fixed_length_texts_are_read_too(self):
        path = training(self.path("a.h5"))
        with h5py.File(path, "a") as file:
            file.attrs["workload"] = np.bytes_(b"fsdp70b\0\0")
        self.assertEqual(read_result(path).text("workload"), "fsdp70b")

    def test_collective_or_not(self):
        self.assertTrue(read_result(collective(self.path("c.h5"))).collective)
        self.assertFalse(read_result(training(self.path("t.h5"))).collective)

    def test_point(self):
        path = write(self.path("a.h5"), {"ranks": [2]}, points=[{"ranks": 2, "parts": range(1, 10)}])
        point = read_point(path, 0)
        self.assertEqual(point.names, PARTS)
        self.assertEqual(point.samples.shape, (11, 2))
        self.assertEqual(point.phases.shape, (2, 2, 9))  # the two marked iterations alone
        np.testing.assert_allclose(point.phase_means(), [np.arange(1.0, 10.0)] * 2)
        np.testing.assert_allclose(point.phases_total, [[45 * 0.9] * 2, [45 * 1.1] * 2])

    def test_point_without_group(self):
        self.assertIsNone(read_point(write(self.path("a.h5"), {"ranks": [2]}), 0))

    def test_point_scale_names_the_group(self):
        path = write(self.path("a.h5"), {"ranks": [2, 4]}, points=[{"ranks": 2, "parts": [1.0] * 9}] * 2)
        with h5py.File(path, "a") as file:
            file["summary/point"][...] = [1, 0]
            file["points/001/iteration_kind"][...] = 1
        self.assertEqual(len(read_point(path, 0).phases), 0)
        self.assertEqual(len(read_point(path, 1).phases), 2)

    def test_a_million_samples(self):
        path = write(self.path("a.h5"), {"ranks": [1000]}, points=[{"ranks": 1, "parts": [1.0] * 9}])
        with h5py.File(path, "a") as file:
            group = file.create_group("points/001")
            attach(group, "iteration", np.arange(1000), ["iteration"])
            attach(group, "rank", np.arange(1000), ["rank"])
            attach(group, "iteration_kind", np.ones(1000), ["iteration"])
            attach(group, "samples", np.ones((1000, 1000)), ["iteration", "rank"])
            file["summary/point"][...] = [1]
        self.assertEqual(read_point(path, 0).samples.sum(), 1e6)


class BadFiles(PlotTest):
    def refused(self, path, pattern):
        with self.assertRaisesRegex(ResultError, pattern) as caught:
            read_result(path)
        self.assertIn(os.path.basename(path), str(caught.exception))

    def test_absent(self):
        self.refused(self.path("none.h5"), "does not exist")

    def test_folder(self):
        self.refused(self.folder, "is a folder")

    def test_empty(self):
        open(self.path("a.h5"), "wb").close()
        self.refused(self.path("a.h5"), "is empty")

    def test_not_hdf5(self):
        with open(self.path("a.h5"), "w") as file:
            file.write("ranks,time\n1,2\n" * 100)
        self.refused(self.path("a.h5"), "is not an HDF5 file")

    def test_truncated(self):
        path = training(self.path("a.h5"))
        whole = os.path.getsize(path)
        for length in (96, whole // 2, whole - 1):
            os.truncate(path, length)
            self.refused(path, "is truncated|is not an HDF5 file")
            training(path)

    def test_damaged_anywhere(self):
        """A block of rubbish at any place: read or refused by name, no other exception."""
        path = training(self.path("a.h5"), (1, 2), (8.0, 4.4))
        with open(path, "rb") as file:
            data = file.read()
        refused = 0
        for place in range(8, len(data) - 64, len(data) // 60):
            with open(path, "wb") as file:
                file.write(data[:place] + b"\xa5" * 64 + data[place + 64:])
            try:
                load_apart(read_both, path)
            except ResultError as error:
                refused += 1
                self.assertIn("a.h5", str(error))
        self.assertGreater(refused, 3)

    def test_crash_of_the_library(self):
        with self.assertRaisesRegex(ResultError, "a.h5 is damaged .the HDF5 library crashes"):
            load_apart(crash, self.path("a.h5"))

    def test_other_hdf5(self):
        with h5py.File(self.path("a.h5"), "w") as file:
            file["x"] = [1, 2]
        self.refused(self.path("a.h5"), "not a scalebench result")

    def test_versions(self):
        training(self.path("a.h5"), root={"schema_version": "1.7"})
        self.assertEqual(read_result(self.path("a.h5")).points, 4)
        for version, pattern in (("2.0", "newer scalebench-analysis"), ("10.1", "newer"), ("", "no schema version"),
                                 ("one", "no schema version")):
            self.refused(training(self.path("a.h5"), root={"schema_version": version}), pattern)

    def test_missing_attribute(self):
        self.refused(training(self.path("a.h5"), root={"workload": None}), "lacks the attribute workload")

    def test_unknown_kind(self):
        self.refused(training(self.path("a.h5"), root={"kind": "guessed"}), "guessed")

    def test_no_summary(self):
        self.refused(training(self.path("a.h5"), skip=["summary"]), "no group summary")

    def test_no_point_yet(self):
        self.refused(write(self.path("a.h5"), {"ranks": np.zeros(0)}), "no finished point")

    def test_no_ranks(self):
        self.refused(write(self.path("a.h5"), {"step_time": [1.0]}), "lacks summary/ranks")

    def test_uneven_columns(self):
        path = training(self.path("a.h5"))
        with h5py.File(path, "a") as file:
            del file["summary/mfu" if "mfu" in file["summary"] else "summary/samples"]
            file["summary/samples"] = [1.0, 2.0]
        self.refused(path, "unequal length .*samples")

    def test_points_whose_shape_is_not_that_of_its_scales(self):
        path = training(self.path("a.h5"), (2,), (4.4,))
        with h5py.File(path, "a") as file:
            del file["points/000/phases"]
            file["points/000/phases"] = np.zeros((11, 3, 9))
        with self.assertRaisesRegex(ResultError, "a.h5 has /points/000/phases of shape"):
            read_point(path, 0)


class NoWayOut(PlotTest):
    """Nothing in a file leads to another file or to more memory than there is."""

    def refused(self, change, pattern):
        path = training(self.path("a.h5"))
        with h5py.File(path, "a") as file:
            change(file)
        with self.assertRaisesRegex(ResultError, pattern):
            read_result(path)

    def replace(self, file, name, value):
        del file[name]
        file[name] = value

    def test_external_link(self):
        other = training(self.path("other.h5"))
        self.refused(lambda file: self.replace(file, "summary", h5py.ExternalLink(other, "/summary")), "has a link")
        self.refused(lambda file: self.replace(file, "summary/mfu" if "mfu" in file["summary"] else "summary/samples",
                                               h5py.ExternalLink(other, "/summary/ranks")), "has a link")

    def test_external_storage(self):
        with open(self.path("secret"), "wb") as file:
            file.write(b"x" * 64)

        def change(file):
            del file["summary/samples"]
            file["summary"].create_dataset("samples", (4,), "f8", external=[(self.path("secret"), 0, 32)])
        self.refused(change, "another file")

    def test_huge_dataset(self):
        def change(file):
            del file["summary/samples"]
            file["summary"].create_dataset("samples", (1 << 40,), "f8", chunks=(1 << 10,))
        self.refused(change, "elements")


if __name__ == "__main__":
    unittest.main()
