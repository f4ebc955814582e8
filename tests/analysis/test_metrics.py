"""The scaling figures against numbers worked out by hand."""

import unittest

import numpy as np

from make_result import training
from plotting import PlotTest
from scalebench_analysis import joining, metrics
from scalebench_analysis.curves import build_curves
from scalebench_analysis.reader import read_result


class Formulas(unittest.TestCase):
    def test_strong(self):
        # T(1) = 8 s, T(4) = 2.5 s: speed-up 3.2, efficiency 0.8
        self.assertAlmostEqual(float(metrics.speedup("strong", 4, 2.5, 1, 8.0)), 3.2)
        self.assertAlmostEqual(float(metrics.efficiency("strong", 4, 2.5, 1, 8.0)), 0.8)

    def test_strong_over_two_ranks(self):
        # T(2) = 6 s, T(8) = 2 s: speed-up 3 of 4, efficiency 0.75
        self.assertAlmostEqual(float(metrics.efficiency("strong", 8, 2.0, 2, 6.0)), 0.75)

    def test_weak(self):
        # T(1) = 1 s, T(8) = 1.25 s: 6.4 times the work per second, efficiency 0.8
        self.assertAlmostEqual(float(metrics.speedup("weak", 8, 1.25, 1, 1.0)), 6.4)
        self.assertAlmostEqual(float(metrics.efficiency("weak", 8, 1.25, 1, 1.0)), 0.8)

    def test_losses_add_up_to_what_is_missing(self):
        base = np.array([0.9, 0.0, 0.1])  # compute, exposed, optimizer: 1 s
        strong = np.array([[0.5], [0.2], [0.05]])  # 2 ranks: 0.75 s instead of 0.5
        split = metrics.losses("strong", [2], strong, 1, base)
        np.testing.assert_allclose(split[:, 0], [0.05 / 0.75, 0.2 / 0.75, 0], atol=1e-15)
        self.assertAlmostEqual(split.sum(), 1 - metrics.efficiency("strong", [2], [0.75], 1, 1.0)[0])
        weak = np.array([[0.95], [0.2], [0.1]])
        split = metrics.losses("weak", [4], weak, 1, base)
        self.assertAlmostEqual(split.sum(), 1 - metrics.efficiency("weak", [4], [1.25], 1, 1.0)[0])

    def test_karp_flatt(self):
        # Amdahl with serial fraction 0.1 at q = 4: S = 1 / (0.1 + 0.9 / 4)
        gain = 1 / (0.1 + 0.9 / 4)
        self.assertAlmostEqual(float(metrics.karp_flatt([4], [gain], 1)[0]), 0.1)
        self.assertAlmostEqual(float(metrics.karp_flatt([8], [gain], 2)[0]), 0.1)
        self.assertTrue(np.isnan(metrics.karp_flatt([2], [1.0], 2)[0]))


class Curves(PlotTest):
    def curve(self, *paths):
        results = [read_result(path) for path in paths]
        joining.check_joinable(results)
        (curve,) = build_curves(results, joining.scaling_mode(results))
        return curve

    def test_one_file(self):
        curve = self.curve(training(self.path("a.h5"), (1, 2, 4, 8), (8.0, 4.4, 2.5, 1.6)))
        self.assertEqual((curve.mode, curve.base, curve.base_time), ("strong", 1, 8.0))
        np.testing.assert_allclose(curve.efficiency, [1, 8 / 8.8, 0.8, 0.625])
        np.testing.assert_allclose(curve.gain, [1, 8 / 4.4, 3.2, 5])

    def test_the_stored_base_counts(self):
        curve = self.curve(training(self.path("a.h5"), (1, 2, 4), (8.0, 5.0, 3.0), root={"baseline_ranks": 2}))
        np.testing.assert_allclose(curve.efficiency, [8 ** -1 * 10, 1, 10 / 12])

    def test_missing_base_falls_back_to_the_smallest(self):
        curve = self.curve(training(self.path("a.h5"), (2, 4), (5.0, 3.0)))
        self.assertEqual((curve.base, curve.wanted_base), (2, 1))

    def test_separate_runs_are_rebased(self):
        one = training(self.path("1.h5"), (1,), (8.0,), plan={"dp": 1}, root={"baseline_ranks": 1})
        four = training(self.path("4.h5"), (4,), (2.5,), plan={"dp": 4}, root={"baseline_ranks": 4})
        curve = self.curve(four, one)
        np.testing.assert_allclose(curve.ranks, [1, 4])
        np.testing.assert_allclose(curve.efficiency, [1, 0.8])

    def test_repeated_runs_join_through_their_median(self):
        names = []
        for row, (ranks, time) in enumerate([(1, 8.0), (2, 4.2), (2, 5.0), (2, 4.4)]):
            names.append(training(self.path(f"{row}.h5"), (ranks,), (time,)))
        curve = self.curve(*names)
        self.assertEqual(len(curve.ranks), 4)
        counts, gain = curve.line(curve.gain)
        np.testing.assert_allclose(counts, [1, 2])
        np.testing.assert_allclose(gain, [1, 8 / 4.4])

    def test_the_line_breaks_at_a_failed_point(self):
        path = training(self.path("a.h5"), (1, 2, 4), (8.0, 4.4, 2.5),
                        columns={"stop_reason": ["target_ci", "timeout", "target_ci"]})
        curve = self.curve(path)
        np.testing.assert_array_equal(curve.valid, [True, False, True])
        np.testing.assert_allclose(curve.line(curve.gain)[1], [1, np.nan, 3.2])

    def test_wrong_numbers_are_no_result(self):
        curve = self.curve(training(self.path("a.h5"), (1, 2), (8.0, 4.4), columns={"wrong": [0.0, 3.0]}))
        np.testing.assert_array_equal(curve.valid, [True, False])

    def test_mode_from_the_tokens_of_a_step(self):
        for tokens, mode in (([64, 64, 64], "strong"), ([64, 128, 256], "weak")):
            path = training(self.path("a.h5"), (1, 2, 4), (8.0, 4.4, 2.5), tokens_step=tokens,
                            root={"scaling": "none"}, plan={"scaling": "none"})
            self.assertEqual(self.curve(path).mode, mode)

    def test_no_mode_at_all(self):
        path = training(self.path("a.h5"), (1, 2, 4), (8.0, 4.4, 2.5), tokens_step=[64, 70, 256],
                        root={"scaling": "none"}, plan={"scaling": "none"})
        with self.assertRaisesRegex(joining.JoinError, "--scaling strong or weak"):
            self.curve(path)

    def test_swept_values_are_curves_of_their_own(self):
        path = training(self.path("a.h5"), (1, 1, 2, 2), (8.0, 6.0, 4.4, 4.0),
                        columns={"sweep": ["micro_batch=1", "micro_batch=2"] * 2})
        curves = build_curves([read_result(path)], "strong")
        self.assertEqual([curve.sweep for curve in curves], ["micro_batch=1", "micro_batch=2"])
        np.testing.assert_allclose(curves[1].efficiency, [1, 0.75])


if __name__ == "__main__":
    unittest.main()
