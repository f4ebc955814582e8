"""Runs the program, reads its file with the package, and holds both against each other.

Usage: round_trip.py SCALEBENCH MPIEXEC
"""

import json
import math
import pathlib
import tempfile
import unittest

import h5py
import numpy as np

from program import plot, run

TINY = ["--workload", "fsdp70b", "--model", "tiny-llama", "--shrink", "none", "--seq", "64", "--dtype", "fp32",
        "--min-iterations", "6", "--max-iterations", "8", "--threads", "1"]
SLEEP = 0.050  # s


def medians(path):
    """Of each part, its medians over the 10 marked iterations of the first point, by rank."""
    with h5py.File(path) as file:
        group = file["points"]["000"]
        marked = group["iteration_kind"][...] == 2
        assert marked.sum() == 10, marked.sum()
        return dict(zip(group["phase"].asstr()[...], np.median(group["phases"][...][marked], axis=0).T))


def nccl_tests_bandwidth(count, size_of_type, seconds, ranks):
    """What nccl-tests' AllReduceGetBw works out (src/all_reduce.cu), GB/s: algbw and busbw."""
    base = float(count * size_of_type) / 1.0e9 / seconds
    return base, base * (float(2 * (ranks - 1)) / float(ranks))


def nccl_tests_time(samples):
    """Its deltaSec of BenchTime (src/common.cu): each rank's time of all calls over their number, mean over ranks."""
    calls, ranks = samples.shape
    return math.fsum(math.fsum(samples[:, rank]) / calls for rank in range(ranks)) / ranks


def nccl_tests_columns(seconds, algbw, busbw):
    """Time (us), algbw and busbw with the digits of its table."""
    return f"{seconds * 1e6:.2f}", f"{algbw:.2f}", f"{busbw:.2f}"


class RoundTrip(unittest.TestCase):
    """One training and one collective run for all tests."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.training = pathlib.Path(cls.folder.name, "training.h5")
        cls.collective = pathlib.Path(cls.folder.name, "collective.h5")
        cls.trained = run(2, *TINY, "--scale", "1,2", "--scaling", "strong", "--format", "json", "--output", str(cls.training))
        cls.slept, cls.awake = (pathlib.Path(cls.folder.name, name) for name in ("slept.h5", "awake.h5"))
        cls.take_pair()
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

    @classmethod
    def take_pair(cls):
        """The same run twice; one rank of the second sleeps before every iteration."""
        sleeps = [flag for step in range(60) for flag in ("--inject", f"sleep:rank=1,step={step},ms={SLEEP * 1e3:.0f}")]
        for path, flags in ((cls.awake, []), (cls.slept, sleeps)):
            done = run(2, *TINY, *flags, "--force", "--output", str(path))
            assert done.returncode == 0, done.stderr

    # Who has slept computes more slowly for a while (caches, clocks): so much later it comes, too. What else the machine
    # does between the two runs of a pair is no fault of the split: then another pair is taken.
    def test_a_rank_that_sleeps_shows_as_imbalance_on_the_other_and_as_host_on_itself(self):
        for pairs_left in range(5, -1, -1):
            awake, slept = medians(self.awake), medians(self.slept)
            grown = {name: slept[name] - awake[name] for name in awake}
            late = sum(grown[name][1] - grown[name][0] for name in ("compute", "interference", "optimizer"))
            added = [*grown["imbalance"], *grown["host"]]
            if abs(late) < 0.2 * SLEEP and np.allclose(added, [SLEEP + late, 0, 0, SLEEP], rtol=0, atol=0.05 * SLEEP):
                return
            if pairs_left:
                self.take_pair()
        self.fail(f"imbalance and host of the two ranks grew by {added} s for a sleep of {SLEEP} s of the second, which "
                  f"then took {late} s longer for its own work")

    def test_a_muted_step_waits_for_nobody(self):
        with h5py.File(self.slept) as file:
            group = file["points"]["000"]
            samples = np.median(group["samples"][...][group["iteration_kind"][...] == 3], axis=0)
            self.assertLess(samples[0], 0.6 * SLEEP)
            self.assertGreater(samples[1], SLEEP)

    def test_one_rank_has_no_communication_to_mute(self):
        with h5py.File(self.training) as file:
            self.assertEqual(file["summary"]["interference"][0], 0)
            self.assertTrue(np.isnan(file["summary"]["muted_time"][0]))
            self.assertLess(file["summary"]["exposed"][0], 0.01 * file["summary"]["marked_time"][0])
            self.assertTrue(np.isfinite(file["summary"]["unmuted_less_muted"][1]))

    def test_collectives_follow_nccl_tests_arithmetic(self):
        with h5py.File(self.collective) as file:
            summary = file["summary"]
            size, time, in_place = summary["bytes"][...], summary["time"][...], summary["in_place"][...]
            self.assertEqual(list(summary["wrong"][...]), [0.0] * len(size))
            self.assertEqual(sorted(set(size)), [8, 256, 8192])
            for row in range(len(size)):
                group = file["points"][f"{row:03}"]
                calls = group["samples"][...][group["iteration_kind"][...] == 1]
                self.assertEqual(calls.shape, (20, 2))
                theirs = nccl_tests_time(calls)
                self.assertTrue(math.isclose(time[row], theirs, rel_tol=1e-14))
                algbw, busbw = nccl_tests_bandwidth(int(size[row]) // 4, 4, time[row], 2)
                ours = summary["algbw"][row] / 1e9, summary["busbw"][row] / 1e9
                np.testing.assert_array_max_ulp(np.array(ours), np.array([algbw, busbw]), maxulp=2)
                self.assertEqual(self.printed_columns(size[row], in_place[row]), nccl_tests_columns(theirs, algbw, busbw))

    def printed_columns(self, size, in_place):
        for line in self.reduced.stdout.splitlines():
            words = line.split()
            if words and words[0] == f"{size:.0f}":
                return tuple(words[7:10] if in_place else words[3:6])
        self.fail(f"no line of {size} bytes\n{self.reduced.stdout}")

    def test_nccl_tests_arithmetic_itself(self):
        """Against figures worked out with 30 decimal digits."""
        for count, size, seconds, ranks, columns in (
                (2, 4, 1.5e-6, 2, ("1.50", "0.01", "0.01")), (1 << 25, 4, 0.0123456, 8, ("12345.60", "10.87", "19.03")),
                (1 << 20, 2, 2.5e-4, 4, ("250.00", "8.39", "12.58")), (1 << 28, 4, 0.0101, 1, ("10100.00", "106.31", "0.00"))):
            self.assertEqual(nccl_tests_columns(seconds, *nccl_tests_bandwidth(count, size, seconds, ranks)), columns)

    def test_every_plot_is_drawn(self):
        for command, source in (("scaling", self.training), ("breakdown", self.training), ("busbw", self.collective)):
            out = pathlib.Path(self.folder.name, f"{command}.png")
            done = plot(command, source, "-o", out)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertGreater(out.stat().st_size, 10000)


if __name__ == "__main__":
    unittest.main()
