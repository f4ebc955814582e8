"""Each plot, and what is said of points that are not good."""

import unittest

import numpy as np

import make_result
from make_result import PARTS, collective, training
from plotting import PlotTest
from scalebench_analysis import text
from scalebench_analysis.stacks import mean_over_ranks, stacked

NAN = float("nan")


class Scaling(PlotTest):
    def test_strong_png_and_svg(self):
        path = training(self.path("a.h5"))
        self.assertEqual(self.draws("scaling", path), "")
        self.draws("scaling", path, out="plot.svg")

    def test_weak(self):
        path = training(self.path("a.h5"), (1, 2, 4), (1.0, 1.1, 1.2), root={"scaling": "weak"})
        self.assertEqual(self.draws("scaling", path, out="plot.svg"), "")
        with open(self.path("plot.svg")) as file:
            self.assertIn("scaled speed-up", file.read())

    def test_throughput(self):
        path = training(self.path("a.h5"))
        self.draws("scaling", path, "--metric", "throughput")
        path = training(self.path("b.h5"), columns={"tokens_per_second": None})
        self.assertIn("--metric speedup", self.refuses("scaling", path, "--metric", "throughput", out="b.png"))

    def test_prediction_beside_measurement(self):
        measured = training(self.path("a.h5"))
        predicted = training(self.path("b.h5"), (1, 2, 64), (7.9, 4.3, 0.4), root={"kind": "predicted"},
                             columns={"threads": None, "step_time_ci_low": None, "step_time_ci_high": None})
        self.draws("scaling", measured, predicted, out="plot.svg")
        with open(self.path("plot.svg")) as file:
            self.assertIn("<!-- predicted -->", file.read())

    def test_one_point_is_drawn_and_said(self):
        said = self.draws("scaling", training(self.path("a.h5"), (1,), (8.0,)))
        self.assertIn("One point only (1 rank)", said)

    def test_oversubscribed_is_said(self):
        said = self.draws("scaling", training(self.path("a.h5"), (1, 2), (8.0, 4.4), columns={"oversubscribed": [0, 1]}))
        self.assertIn("Oversubscribed (more ranks or threads than cores) at 2 ranks", said)

    def test_incomplete_run(self):
        path = training(self.path("a.h5"), (1, 2, 4), (8.0, NAN, 2.5), root={"complete": 0, "status": "stopped"})
        said = self.draws("scaling", path)
        self.assertIn("a.h5: the run is not complete (status stopped)", said)
        self.assertIn("Incomplete or failed at 2 ranks", said)

    def test_missing_base(self):
        said = self.draws("scaling", training(self.path("a.h5"), (1, 2, 4), (NAN, 4.4, 2.5)))
        self.assertIn("base at 1 rank is missing or failed; the base here is 2 ranks", said)

    def test_nothing_complete(self):
        path = training(self.path("a.h5"), (1, 2), (NAN, NAN))
        self.assertIn("no point is complete", self.refuses("scaling", path))

    def test_collective_is_sent_to_busbw(self):
        self.assertIn("scalebench-plot busbw", self.refuses("scaling", collective(self.path("a.h5"))))

    def test_missing_required_column(self):
        path = training(self.path("a.h5"), columns={"step_time": None})
        self.assertIn("lacks summary/step_time", self.refuses("scaling", path))

    def test_only_the_required_columns(self):
        path = make_result.write(self.path("a.h5"), {"ranks": [1, 2], "step_time": [8.0, 4.4]})
        self.draws("scaling", path)

    def test_missing_groups(self):
        self.draws("scaling", training(self.path("a.h5"), skip=["model", "plan", "machine", "environment"]))

    def test_extreme_times(self):
        self.draws("scaling", training(self.path("a.h5"), (1, 2, 10**6), (1e12, 1e-9, 1e-15)))

    def test_hundred_rank_counts(self):
        self.draws("scaling", training(self.path("a.h5"), range(1, 101), 8.0 / np.arange(1, 101), points=()))


class Stacks(unittest.TestCase):
    def test_negative_parts_hang_below_zero(self):
        bottoms, heights = stacked(np.array([[4.0, 4.0], [-1.0, 1.0], [2.0, NAN], [-0.5, 3.0]]))
        np.testing.assert_array_equal(heights, [[4, 4], [-1, 1], [2, 0], [-0.5, 3]])
        np.testing.assert_array_equal(bottoms, [[0, 0], [0, 4], [4, 5], [-1, 5]])

    def test_mean_of_the_known(self):
        np.testing.assert_array_equal(mean_over_ranks(np.array([[1.0, 3.0], [NAN, 5.0], [NAN, NAN]])), [2, 5, NAN])


class Texts(unittest.TestCase):
    def test_numbers(self):
        self.assertEqual([text.seconds(value) for value in (0.412, 12.3456, 3.2e-5, 0.9999, 0.0, NAN)],
                         ["412 ms", "12.3 s", "32.0 µs", "1.00 s", "0 s", "unknown"])
        self.assertEqual([text.size(value) for value in (8, 1024, 1536, 2**20, 2**30)],
                         ["8 B", "1 KiB", "1.5 KiB", "1 MiB", "1 GiB"])
        self.assertEqual(text.rate(9876.0), "9.88 k")

    def test_clean(self):
        self.assertEqual(text.clean("a\x1b[31m\n\tb\u202ec\ud800"), "a\ufffd[31m b\ufffdc\ufffd")
        self.assertEqual(text.clean("x" * 100, 10), "x" * 9 + "…")
        self.assertEqual(text.legend_label("_hidden"), " _hidden")


class Breakdown(PlotTest):
    def test_png_and_svg(self):
        path = training(self.path("a.h5"))
        self.assertEqual(self.draws("breakdown", path), "")
        self.draws("breakdown", path, out="plot.svg")

    def test_parts_in_per_cent(self):
        self.draws("breakdown", training(self.path("a.h5"), (1,), (1.0,)), out="plot.svg")
        with open(self.path("plot.svg")) as file:
            drawing = file.read()
        self.assertIn("<!-- 62 % -->", drawing)  # compute
        self.assertNotIn("<!-- 3 % -->", drawing)  # host: too small for its label
        self.assertNotIn("<!-- bubble -->", drawing)  # nothing of it anywhere

    def test_ranks_panel(self):
        self.draws("breakdown", training(self.path("a.h5"), (2,), (1.0,), spread=1.0), out="plot.svg")
        with open(self.path("plot.svg")) as file:
            drawing = file.read()
        self.assertIn("<!-- Over the 2 ranks -->", drawing)
        self.assertIn("<!-- 70 % -->", drawing)  # imbalance of rank 1: 8 % of its own and all of the 62 % of compute
        self.assertIn("<!-- 39 % -->", drawing)  # and of the mean of both ranks

    def test_one_rank_or_no_phases_has_one_panel(self):
        for row, path in enumerate((training(self.path("a.h5"), (1,), (1.0,)), training(self.path("b.h5"), points=()))):
            self.draws("breakdown", path, out=f"{row}.svg")
            with open(self.path(f"{row}.svg")) as file:
                self.assertNotIn("Over the", file.read())

    def test_negative_interference(self):
        step = np.array([8.0, 4.4])
        share = -make_result.SHARES["interference"] * step
        path = training(self.path("a.h5"), (1, 2), step,
                        columns={"interference": share, "marked_time": 1.03 * step * 0.96 + share})
        self.draws("breakdown", path, out="plot.svg")
        with open(self.path("plot.svg")) as file:
            self.assertIn("Interference below zero", file.read())

    def test_parts_that_do_not_add_up_are_said(self):
        said = self.draws("breakdown", training(self.path("a.h5"), (1,), (8.0,), columns={"marked_time": [9.0]}))
        self.assertIn("do not add up to the time of the marked iterations: 8.24 s of 9.00 s at 1 rank", said)

    def test_part_that_was_not_measured(self):
        said = self.draws("breakdown", training(self.path("a.h5"), (1,), (8.0,), columns={"input": [NAN]}))
        self.assertIn("Not measured at every point: input", said)

    def test_no_marked_iterations(self):
        path = training(self.path("a.h5"), columns={part: [NAN] * 4 for part in PARTS})
        self.assertIn("no complete point has marked iterations", self.refuses("breakdown", path))

    def test_failed_point_is_left_out(self):
        said = self.draws("breakdown", training(self.path("a.h5"), (1, 2), (8.0, NAN)))
        self.assertIn("Points without a complete split are left out: a.h5", said)

    def test_oversubscribed_is_said(self):
        said = self.draws("breakdown", training(self.path("a.h5"), (1,), (8.0,), columns={"oversubscribed": [1]}))
        self.assertIn("Oversubscribed", said)

    def test_different_runs_side_by_side(self):
        one = training(self.path("a.h5"), (1,), (8.0,))
        two = training(self.path("b.h5"), (2,), (3.0,), root={"workload": "ddp8b"}, model={"name": "llama3-8b"})
        self.draws("breakdown", one, two, out="plot.svg")
        with open(self.path("plot.svg")) as file:
            self.assertIn("<!-- B: b.h5; ddp8b (llama3-8b);", file.read())

    def test_many_ranks_and_many_points(self):
        path = training(self.path("a.h5"), (200,), (1.0,))
        self.draws("breakdown", path)
        path = training(self.path("b.h5"), range(1, 101), 8.0 / np.arange(1, 101), points=())
        self.assertIn("60 more points are not drawn", self.draws("breakdown", path))

    def test_missing_column(self):
        path = training(self.path("a.h5"), columns={"exposed": None})
        self.assertIn("lacks summary/exposed", self.refuses("breakdown", path))


class BusBandwidth(PlotTest):
    def test_png_and_svg(self):
        path = collective(self.path("a.h5"))
        self.assertEqual(self.draws("busbw", path), "")
        self.draws("busbw", path, out="plot.svg")

    def test_peak_and_places(self):
        columns = {"busbw": np.tile([7.25e9, 6.5e9], 2)}
        self.draws("busbw", collective(self.path("a.h5"), sizes=[2**20, 2**21], columns=columns), out="plot.svg")
        with open(self.path("plot.svg")) as file:
            drawing = file.read()
        self.assertIn("all_reduce, 4 ranks (peak 7.25, in place 6.50 GB/s)", drawing)
        self.assertIn("<!-- 1 MiB -->", drawing)

    def test_several_files_have_letters(self):
        files = [collective(self.path(f"{ranks}.h5"), ranks) for ranks in (2, 4)]
        self.draws("busbw", *files, out="plot.svg")
        with open(self.path("plot.svg")) as file:
            self.assertIn("B: all_reduce, 4 ranks", file.read())

    def test_wrong_results_are_said(self):
        wrong = np.zeros(50)
        wrong[[34, 35]] = 3, 1
        said = self.draws("busbw", collective(self.path("a.h5"), columns={"wrong": wrong}))
        self.assertIn("WRONG RESULTS, marked red: all_reduce, 4 ranks, 1 MiB: 3 wrong elements, all_reduce, 4 ranks, in "
                      "place, 1 MiB: 1 wrong element.", said)

    def test_not_checked(self):
        said = self.draws("busbw", collective(self.path("a.h5"), columns={"wrong": np.full(50, NAN)}))
        self.assertIn("Data not checked at 50 points", said)

    def test_one_rank(self):
        said = self.draws("busbw", collective(self.path("a.h5"), 1))
        self.assertIn("0 by definition", said)

    def test_size_zero(self):
        self.assertIn("2 points of 0 bytes", self.draws("busbw", collective(self.path("a.h5"), sizes=[0, 8, 16])))
        self.assertIn("no point above 0 bytes", self.refuses("busbw", collective(self.path("b.h5"), sizes=[0]), out="b.png"))

    def test_one_size(self):
        self.draws("busbw", collective(self.path("a.h5"), sizes=[12345]))

    def test_nan_in_the_middle(self):
        time = np.full(50, 1e-3)
        time[20:24] = NAN
        busbw = np.full(50, 1e9)
        busbw[30] = NAN
        self.draws("busbw", collective(self.path("a.h5"), columns={"time": time, "busbw": busbw}))

    def test_training_is_sent_elsewhere(self):
        self.assertIn("scalebench-plot scaling", self.refuses("busbw", training(self.path("a.h5"))))

    def test_many_files(self):
        self.draws("busbw", *(collective(self.path(f"{n}.h5"), n, sizes=[8, 1024]) for n in range(2, 18)))


if __name__ == "__main__":
    unittest.main()
