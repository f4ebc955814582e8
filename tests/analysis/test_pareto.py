"""Throughput against latency: what is one sweep, what is on the frontier, and what is said."""

import unittest

import numpy as np

from make_result import collective, decode, decode_row, training
from plotting import PlotTest
from scalebench_analysis import titles
from scalebench_analysis.reader import read_result
from scalebench_analysis.serving import served
from scalebench_analysis.sweeps import frontier, sweeps

NAN = float("nan")


class Frontier(unittest.TestCase):
    def test_by_hand(self):
        # The second surpasses the first, the third is best per user, the fourth ties with the second, the fifth is unknown.
        across, up = [10, 20, 40, 20, NAN], [5, 8, 3, 8, 100]
        np.testing.assert_array_equal(frontier(across, up), [False, True, True, True, False])

    def test_equal_in_one(self):
        np.testing.assert_array_equal(frontier([10, 10, 5], [3, 4, 4]), [False, True, False])


class Sweeps(PlotTest):
    def found(self, *rows, arrivals="closed"):
        """[(by, swept values)] of files, each a list of rows."""
        points = []
        for place, of_file in enumerate(rows):
            path = decode(self.path(f"{place}.h5"), of_file, plan={"arrivals": arrivals}, points=())
            points += served(read_result(path), place)
        return [(item.by, [item.value(point) for point in item.points]) for item in sweeps(points)]

    def test_batch_and_the_concurrency_that_follows_it(self):
        self.assertEqual(self.found([decode_row(batch=b) for b in (8, 1, 4)]), [("batch", [1, 4, 8])])

    def test_batch_at_one_concurrency(self):
        self.assertEqual(self.found([decode_row(batch=b, concurrency=16) for b in (1, 4)]), [("batch", [1, 4])])

    def test_concurrency(self):
        self.assertEqual(self.found([decode_row(concurrency=c) for c in (1, 2, 8)]), [("concurrency", [1, 2, 8])])

    def test_both_are_a_sweep_a_batch(self):
        rows = [decode_row(batch=b, concurrency=c) for b in (4, 8) for c in (1, 2)]
        self.assertEqual(self.found(rows), [("concurrency", [1, 2])] * 2)

    def test_rate(self):
        rows = [decode_row(concurrency=0, rate=rate) for rate in (4.0, 1.0)]
        self.assertEqual(self.found(rows, arrivals="open"), [("request rate", [1, 4])])

    def test_batch_under_a_trace(self):
        rows = [decode_row(batch=b, concurrency=0, ttft=0.1, tpot=0.02) for b in (1, 4)]
        self.assertEqual(self.found(rows, arrivals="listed"), [("batch", [1, 4])])

    def test_tp_and_dp_are_no_sweep(self):
        rows = [decode_row(1, 1), decode_row(2, 2), decode_row(2, 1, 2, 8)]
        self.assertEqual([by for by, _ in self.found(rows)], [""] * 3)

    def test_separate_files_of_a_point_each_are_one_sweep(self):
        self.assertEqual(self.found([decode_row(batch=1)], [decode_row(batch=4)]), [("batch", [1, 4])])

    def test_two_sweeps_of_one_configuration_stay_apart(self):
        rows = [decode_row(batch=1), decode_row(batch=4)]
        self.assertEqual(self.found(rows, rows), [("batch", [1, 4])] * 2)

    def test_repeated_points_join_through_their_median(self):
        rows = [decode_row(batch=1, tpot=t) for t in (0.04, 0.02, 0.03)] + [decode_row(batch=4, tpot=0.05)]
        (item,) = sweeps(served(read_result(decode(self.path("a.h5"), rows, points=()))))
        np.testing.assert_allclose(item.line([1 / point.per_user for point in item.points])[0], [0.03, 0.05])


class Pareto(PlotTest):
    def rows(self, **over):
        return [decode_row(tp, tp, 1, batch, **over) for tp in (1, 2) for batch in (1, 8, 64)]

    def drawing(self, *files):
        said = self.draws("pareto", *files, out="plot.svg")
        with open(self.path("plot.svg")) as file:
            return file.read(), said

    def test_png_and_svg(self):
        path = decode(self.path("a.h5"), self.rows())
        self.assertEqual(self.draws("pareto", path), "")
        drawing, _ = self.drawing(path)
        for words in ("Throughput against latency of decode_qwen3_8b (qwen3-8b)", "output tokens/s per rank", "tp 2", "64",
                      "tokens/s per user (1 / median TPOT)", "on the frontier"):
            self.assertIn(f"<!-- {words} -->", drawing)
        self.assertNotIn("limit", drawing)

    def test_on_gpus(self):
        path = decode(self.path("a.h5"), self.rows(), root={"device": "cuda"})
        self.assertIn("<!-- output tokens/s per GPU -->", self.drawing(path)[0])

    def test_limits(self):
        path = decode(self.path("a.h5"), self.rows(), plan={"goodput": "ttft:0.2,tpot:0.025,e2el:9"})
        drawing, _ = self.drawing(path)
        for words in ("TPOT limit 25.0 ms", "TTFT limit 200 ms"):
            self.assertIn(f"<!-- {words} -->", drawing)
        self.assertIn("Limits of goodput: TTFT 200 ms, TPOT 25.0 ms, E2EL 9.00 s", drawing)

    def test_limits_that_cannot_be_read(self):
        path = decode(self.path("a.h5"), self.rows(), plan={"goodput": "ttft:x,tpot,e2el:-1,what:3,itl_gap:0.1"})
        self.assertEqual(titles.limits(read_result(path)), [("itl_gap", 0.1)])
        self.draws("pareto", path)

    def test_whole_run_is_marked(self):
        path = decode(self.path("a.h5"), [decode_row(batch=1), decode_row(batch=4, throughput_steady=NAN)])
        drawing, said = self.drawing(path)
        self.assertIn("<!-- 4* -->", drawing)
        self.assertIn("<!-- 1 -->", drawing)
        self.assertIn("1 point without a steady window", said)

    def test_left_out_and_oversubscribed(self):
        rows = [decode_row(batch=1, oversubscribed=1), decode_row(batch=4), decode_row(batch=8, stop_reason="timeout")]
        drawing, said = self.drawing(decode(self.path("a.h5"), rows))
        self.assertIn("left out: tp 1, dp 1, batch 8.", said)
        self.assertIn("Oversubscribed", said)
        self.assertIn("<!-- oversubscribed -->", drawing)

    def test_several_files(self):
        one = decode(self.path("a.h5"), self.rows())
        two = decode(self.path("b.h5"), [decode_row(2, 2, 1, 8, 0, rate) for rate in (1.0, 5.0)], plan={"arrivals": "open"})
        drawing, _ = self.drawing(one, two)
        self.assertIn("<!-- B: tp 2, batch 8, open loop -->", drawing)
        self.assertIn("<!-- 5/s -->", drawing)

    def test_prediction_beside_measurement(self):
        one = decode(self.path("a.h5"), self.rows())
        two = decode(self.path("b.h5"), [decode_row(batch=b, tpot=0.001, ttft=0.01) for b in (1, 8)], root={"kind": "predicted"})
        self.assertIn("<!-- B: tp 1, predicted -->", self.drawing(one, two)[0])

    def test_a_point_without_a_percentile(self):
        self.draws("pareto", decode(self.path("a.h5"), self.rows(ttft_p95=NAN, ttft_p50=NAN)))

    def test_one_point(self):
        self.assertIn("<!-- tp 1, batch 8 -->", self.drawing(decode(self.path("a.h5"), [decode_row()]))[0])

    def test_nothing_to_draw(self):
        path = decode(self.path("a.h5"), [decode_row(tpot_p50=NAN)])
        self.assertIn("no complete point has a TPOT", self.refuses("pareto", path))

    def test_other_kinds(self):
        self.assertIn("scaling or breakdown", self.refuses("pareto", training(self.path("a.h5"))))
        self.assertIn("busbw", self.refuses("pareto", collective(self.path("b.h5"))))
        self.assertIn("scalebench-plot pareto", self.refuses("busbw", decode(self.path("c.h5"), [decode_row()])))

    def test_missing_column(self):
        path = decode(self.path("a.h5"), self.rows(), columns={"tpot_p50": None})
        self.assertIn("lacks summary/tpot_p50", self.refuses("pareto", path))

    def test_other_lengths_are_refused(self):
        files = [decode(self.path(f"{length}.h5"), self.rows(), plan={"input_tokens": length}) for length in ("128", "256")]
        said = self.refuses("pareto", *files)
        self.assertIn('(plan/input_tokens is "128" in the first and "256" in the second)', said)
        self.assertIn("--input-tokens 128", said)

    def test_many_sweeps(self):
        rows = [decode_row(t * d, t, d, b) for t in (1, 2, 4, 8) for d in (1, 2, 4, 8) for b in (1, 4, 16, 64, 256)]
        self.draws("pareto", decode(self.path("a.h5"), rows, points=()))


if __name__ == "__main__":
    unittest.main()
