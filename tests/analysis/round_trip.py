"""Runs the program, reads its file with the package, and holds both against each other.

Usage: round_trip.py SCALEBENCH MPIEXEC
"""

import json
import math
import pathlib
import subprocess
import sys
import tempfile
import unittest

import h5py
import numpy as np

PROGRAM, MPIEXEC = (sys.argv.pop(1), sys.argv.pop(1)) if len(sys.argv) > 2 else ("scalebench", "mpirun")
TINY = ["--workload", "fsdp70b", "--model", "tiny-llama", "--shrink", "none", "--seq", "64", "--dtype", "fp32",
        "--min-iterations", "6", "--max-iterations", "8", "--threads", "1"]


def run(ranks, *flags):
    """The finished process of a run, its output as text."""
    return subprocess.run([MPIEXEC, "--oversubscribe", "--bind-to", "none", "-np", str(ranks), PROGRAM, *flags],
                          capture_output=True, text=True, timeout=240, check=False)


def plot(*arguments):
    """The finished process of scalebench-plot."""
    return subprocess.run([sys.executable, "-B", "-m", "scalebench_analysis", *map(str, arguments)],
                          capture_output=True, text=True, timeout=120, check=False)


class RoundTrip(unittest.TestCase):
    """One training and one collective run for all tests."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.training = pathlib.Path(cls.folder.name, "training.h5")
        cls.collective = pathlib.Path(cls.folder.name, "collective.h5")
        cls.trained = run(2, *TINY, "--scale", "1,2", "--scaling", "strong", "--format", "json", "--output", str(cls.training))
        cls.slept = pathlib.Path(cls.folder.name, "slept.h5")
        sleeps = [flag for step in range(60) for flag in ("--inject", f"sleep:rank=1,step={step},ms=40")]
        cls.sleeping = run(2, *TINY, *sleeps, "--output", str(cls.slept))
        cls.reduced = run(2, "--workload", "all_reduce", "-b", "8", "-e", "64K", "-f", "32", "-n", "20", "--output", str(cls.collective))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_both_runs_succeed(self):
        self.assertEqual(self.trained.returncode, 0, self.trained.stderr)
        self.assertEqual(self.reduced.returncode, 0, self.reduced.stderr)

    def test_the_screen_and_the_file_say_the_same(self):
        points = json.loads(self.trained.stdout)["points"]
        with h5py.File(self.training) as file:
            self.assertEqual(file.attrs["schema"], "scalebench")
            self.assertEqual(file.attrs["complete"], 1)
            for name in ("ranks", "step_time", "tokens_per_second", "efficiency", "mfu", "exposed", "peak_measured"):
                stored = file["summary"][name][...]
                for value, point in zip(stored, points):
                    self.assertTrue(math.isclose(value, point[name], rel_tol=1e-6, abs_tol=1e-12), name)

    def test_the_parts_add_up_to_the_marked_time(self):
        with h5py.File(self.training) as file:
            for index in ("000", "001"):
                group = file["points"][index]
                marked = group["iteration_kind"][...] == 2
                self.assertGreaterEqual(marked.sum(), 3)
                total = np.nansum(group["phases"][...], axis=2)[marked]
                np.testing.assert_allclose(total, group["phases_total"][...][marked], rtol=1e-9)
                np.testing.assert_allclose(total, group["samples"][...][marked], rtol=1e-9)
            summary = file["summary"]
            parts = sum(summary[name][...] for name in ("compute", "interference", "exposed", "imbalance", "bubble",
                                                        "optimizer", "input", "host", "residue"))
            np.testing.assert_allclose(parts, summary["marked_time"][...], rtol=1e-9)

    def test_the_summary_follows_from_the_samples(self):
        with h5py.File(self.training) as file:
            group, summary = file["points"]["001"], file["summary"]
            longest = group["samples"][...].max(axis=1)[group["iteration_kind"][...] == 1]
            self.assertAlmostEqual(summary["step_time"][1], np.median(longest), delta=1e-12)
            batch, length = file["plan"].attrs["global_batch"], file["plan"].attrs["seq"]
            rate = len(longest) * batch * length / longest.sum()
            self.assertTrue(math.isclose(summary["tokens_per_second"][1], rate, rel_tol=1e-9))
            self.assertTrue((group["iteration"][...][group["iteration_kind"][...] == 0] < 0).all())

    def test_the_device_allocated_what_the_dry_run_said(self):
        with h5py.File(self.training) as file:
            for row, index in enumerate(("000", "001")):
                allocated = file["points"][index]["memory_allocated"][...]
                np.testing.assert_array_equal(allocated, np.full(len(allocated), file["summary"]["memory_estimate"][row]))

    def test_the_loss_is_recorded_and_falls(self):
        with h5py.File(self.training) as file:
            loss = file["points"]["000"]["loss"][...]
            known = loss[np.isfinite(loss)]
            self.assertLess(known[-1], known[0])

    def test_utilisation_follows_from_flops_time_and_peak(self):
        with h5py.File(self.training) as file:
            summary = file["summary"]
            done = summary["flops_per_token_megatron"][...] * summary["tokens_per_second"][...] / summary["ranks"][...]
            np.testing.assert_allclose(summary["mfu"][...], done / summary["peak_measured"][...], rtol=1e-9)
            for row, index in enumerate(("000", "001")):
                spans = file["points"][index]["spans"]
                names, ranks = spans["name"].asstr()[...], spans["rank"][...]
                model = np.isin(names, ["gemm", "attention", "attention_backward"]) & (ranks == 0)
                flops = spans["flops"][...][model].sum()
                expected = flops / summary["step_time_mean"][row] / summary["peak_measured"][row]
                self.assertTrue(math.isclose(summary["hfu"][row], expected, rel_tol=1e-9))

    def test_a_rank_that_sleeps_shows_as_imbalance_on_the_other_and_as_host_on_itself(self):
        self.assertEqual(self.sleeping.returncode, 0, self.sleeping.stderr)
        with h5py.File(self.slept) as file:
            group = file["points"]["000"]
            marked, muted = group["iteration_kind"][...] == 2, group["iteration_kind"][...] == 3
            names = list(group["phase"].asstr()[...])
            phases = np.median(group["phases"][...][marked], axis=0)
            self.assertGreater(phases[0, names.index("imbalance")], 0.030)
            self.assertLess(phases[1, names.index("imbalance")], 0.020)
            self.assertGreater(phases[1, names.index("host")], 0.039)
            self.assertLess(phases[0, names.index("host")], 0.010)
            # A muted step waits for nobody.
            samples = np.median(group["samples"][...][muted], axis=0)
            self.assertLess(samples[0], 0.030)
            self.assertGreater(samples[1], 0.040)

    def test_one_rank_has_no_communication_to_mute(self):
        with h5py.File(self.training) as file:
            self.assertEqual(file["summary"]["interference"][0], 0)
            self.assertTrue(np.isnan(file["summary"]["muted_time"][0]))
            self.assertLess(file["summary"]["exposed"][0], 0.01 * file["summary"]["marked_time"][0])
            self.assertTrue(np.isfinite(file["summary"]["unmuted_less_muted"][1]))

    def test_collectives_follow_nccl_tests_arithmetic(self):
        with h5py.File(self.collective) as file:
            summary = file["summary"]
            size, time = summary["bytes"][...], summary["time"][...]
            np.testing.assert_array_equal(summary["algbw"][...], size / time)
            np.testing.assert_array_equal(summary["busbw"][...], size / time * (2 * (2 - 1) / 2))
            self.assertEqual(list(summary["wrong"][...]), [0.0] * len(size))
            self.assertEqual(sorted(set(size)), [8, 256, 8192])
            calls = file["points"]["000"]["samples"][...][file["points"]["000"]["iteration_kind"][...] == 1]
            self.assertEqual(calls.shape, (20, 2))
            self.assertTrue(math.isclose(time[0], calls.mean(), rel_tol=1e-9))

    def test_every_plot_is_drawn(self):
        for command, source in (("scaling", self.training), ("breakdown", self.training), ("busbw", self.collective)):
            out = pathlib.Path(self.folder.name, f"{command}.png")
            done = plot(command, source, "-o", out)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertGreater(out.stat().st_size, 10000)


if __name__ == "__main__":
    unittest.main()
