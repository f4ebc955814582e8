"""`scaling` and `breakdown` of decode files, and which of them join."""

import unittest

import numpy as np

from make_result import decode, decode_row, training
from plotting import PlotTest
from scalebench_analysis import decode_curves
from scalebench_analysis.reader import read_result
from scalebench_analysis.serving import served

NAN = float("nan")


class Curves(PlotTest):
    def found(self, *rows, **rest):
        points = served(read_result(decode(self.path("a.h5"), rows, points=(), **rest)))
        over = decode_curves.axis(points)
        return over, decode_curves.curves(points, over), decode_curves.held(points, over)

    def test_over_tp(self):
        rows = [decode_row(tp, tp, throughput_steady=rate) for tp, rate in ((4, 240.0), (1, 100.0), (2, 160.0))]
        over, (curve,), held = self.found(*rows)
        self.assertEqual((over, held), ("tp", ["batch 8", "concurrency 8"]))
        np.testing.assert_array_equal(curve.across, [1, 2, 4])
        np.testing.assert_allclose(curve.efficiency, [1, 0.8, 0.6])  # 100, 80, 60 a rank

    def test_over_replicas(self):
        rows = [decode_row(2 * dp, 2, dp, throughput_steady=rate) for dp, rate in ((1, 100.0), (4, 380.0))]
        over, (curve,), held = self.found(*rows)
        self.assertEqual((over, held), ("ranks", ["tp 2", "batch 8 per replica", "concurrency 8 per replica"]))
        np.testing.assert_array_equal(curve.across, [2, 8])
        np.testing.assert_allclose(curve.efficiency, [1, 0.95])

    def test_over_tp_of_two_replicas(self):
        over, (curve,), held = self.found(*(decode_row(2 * tp, tp, 2) for tp in (1, 2)))
        self.assertEqual((over, held), ("tp", ["dp 2", "batch 8 per replica", "concurrency 16"]))
        np.testing.assert_array_equal(curve.across, [1, 2])

    def test_over_replicas_that_share_a_load(self):
        _, (curve,), held = self.found(*(decode_row(dp, 1, dp, 8, 16) for dp in (1, 2)))
        self.assertEqual(held, ["tp 1", "batch 8 per replica", "concurrency 16"])
        self.assertEqual(len(curve.points), 2)

    def test_other_batches_are_other_curves(self):
        _, curves, held = self.found(*(decode_row(tp, tp, 1, batch) for tp in (1, 2) for batch in (1, 8)))
        self.assertEqual(([curve.label for curve in curves], held), (["batch 1", "batch 8"], []))
        self.assertEqual([list(curve.across) for curve in curves], [[1, 2], [1, 2]])

    def test_other_rates_are_other_curves(self):
        rows = [decode_row(tp, tp, 1, 8, 0, rate) for tp in (1, 2) for rate in (2.0, 5.0)]
        _, curves, held = self.found(*rows, plan={"arrivals": "open"})
        self.assertEqual(([curve.label for curve in curves], held), (["2 requests/s", "5 requests/s"], ["batch 8"]))

    def test_tp_and_dp_do_not_join(self):
        rows = [decode_row(tp * dp, tp, dp) for tp, dp in ((1, 1), (1, 2), (2, 1), (2, 2))]
        for row, rate in zip(rows, (100.0, 190.0, 160.0, 300.0)):
            row["throughput_steady"] = rate
        over, curves, _ = self.found(*rows)
        self.assertEqual((over, [curve.label for curve in curves]), ("ranks", ["tp 1", "tp 2"]))
        np.testing.assert_allclose(curves[1].efficiency, [0.8, 0.75])  # over the same base, one rank

    def test_repeated_runs_join_through_their_median(self):
        rates = ((1, 100.0), (2, 150.0), (2, 190.0), (2, 160.0))
        _, (curve,), _ = self.found(*(decode_row(tp, tp, throughput_steady=rate) for tp, rate in rates))
        np.testing.assert_allclose(curve.line(curve.efficiency)[1], [1, 0.8])

    def test_failed_point_breaks_the_line(self):
        rows = [decode_row(1, 1, throughput_steady=100.0), decode_row(2, 2, stop_reason="peer_lost"),
                decode_row(4, 4, throughput_steady=240.0)]
        _, (curve,), _ = self.found(*rows)
        np.testing.assert_allclose(curve.line(curve.efficiency)[1], [1, NAN, 0.6])


class Scaling(PlotTest):
    def drawing(self, *files, command="scaling"):
        said = self.draws(command, *files, out="plot.svg")
        with open(self.path("plot.svg")) as file:
            return file.read(), said

    def rows(self, **over):
        return [decode_row(tp, tp, **over) for tp in (1, 2, 4)]

    def test_png_and_svg(self):
        path = decode(self.path("a.h5"), self.rows())
        self.assertEqual(self.draws("scaling", path), "")
        drawing, _ = self.drawing(path)
        for words in ("tp", "TPOT", "TTFT", "efficiency", "output tokens/s per rank", "60.0 µs"):
            self.assertIn(f"<!-- {words} -->", drawing)
        self.assertIn("held: batch 8, concurrency 8", " ".join(drawing.replace("<!--", "").split()))

    def test_bad_points(self):
        rows = [*self.rows(), decode_row(8, 8, stop_reason="timeout", oversubscribed=1), decode_row(16, 16, oversubscribed=1)]
        _, said = self.drawing(decode(self.path("a.h5"), rows))
        self.assertIn("Incomplete or failed at 8 tp: marked, not joined.", said)
        self.assertIn("Oversubscribed (more ranks or threads than cores) at 16 ranks", said)

    def test_whole_runs(self):
        drawing, said = self.drawing(decode(self.path("a.h5"), self.rows(throughput_steady=NAN)))
        self.assertIn("* No steady window at 1, 2, 4 tp: throughput of the whole run.", said)
        self.assertIn("Output tokens of the whole run.", drawing)
        both = decode(self.path("b.h5"), [decode_row(), *self.rows(throughput_steady=NAN)])
        self.assertIn("mixes both", self.drawing(both)[1])

    def test_one_point(self):
        said = self.draws("scaling", decode(self.path("a.h5"), [decode_row()]))
        self.assertIn("One point only (ranks 1)", said)
        self.assertNotIn("all_reduce", self.drawing(self.path("a.h5"))[0])

    def test_only_the_needed_columns(self):
        row = {name: decode_row()[name] for name in ("ranks", "tp", "dp", "batch", "throughput_whole", "tpot_p50", "ttft_p50",
                                                     "concurrency")}
        path = decode(self.path("a.h5"), [row, {**row, "ranks": 2, "tp": 2}], points=())
        self.assertIn("<!-- not measured -->", self.drawing(path)[0])

    def test_unknown_latencies(self):
        self.draws("scaling", decode(self.path("a.h5"), self.rows(tpot_p50=NAN, tpot_p95=NAN, ttft_p95=NAN)))

    def test_nothing_complete(self):
        path = decode(self.path("a.h5"), self.rows(stop_reason="timeout"))
        self.assertIn("no point is complete", self.refuses("scaling", path))

    def test_missing_column(self):
        path = decode(self.path("a.h5"), self.rows(), columns={"tp": None})
        self.assertIn("lacks summary/tp", self.refuses("scaling", path))


class Breakdown(PlotTest):
    def test_bars_and_their_labels(self):
        rows = [decode_row(tp * dp, tp, dp, 4) for tp, dp in ((1, 1), (2, 1), (2, 2))] + [decode_row(concurrency=2)]
        self.assertEqual(self.draws("breakdown", decode(self.path("a.h5"), rows), out="plot.svg"), "")
        with open(self.path("plot.svg")) as file:
            drawing = file.read()
        for words in ("tp 2", "dp 2", "batch 4", "concurrency 2", "Over the 4 ranks at tp 2, dp 2, batch 4", "90 %",
                      "Parts of a decode step at a full batch of decode_qwen3_8b (qwen3-8b)"):
            self.assertIn(words, drawing)

    def test_over_the_ranks_of_the_largest_batch(self):
        self.draws("breakdown", decode(self.path("a.h5"), [decode_row(2, 2, 1, b) for b in (1, 16, 4)]), out="plot.svg")
        with open(self.path("plot.svg")) as file:
            self.assertIn("<!-- Over the 2 ranks at tp 2, batch 16 -->", file.read())

    def test_beside_training(self):
        files = decode(self.path("a.h5"), [decode_row()]), training(self.path("b.h5"))
        self.draws("breakdown", *files, out="plot.svg")
        with open(self.path("plot.svg")) as file:
            self.assertIn("Parts of a step of", file.read())


class Joining(PlotTest):
    def pair(self, first=(), second=()):
        return (decode(self.path("one.h5"), [decode_row()], points=(), **dict(first)),
                decode(self.path("two.h5"), [decode_row(2, 2)], points=(), **dict(second)))

    def refused(self, attribute, remedy, first=(), second=()):
        for command in ("scaling", "pareto"):
            said = self.refuses(command, *self.pair(first, second))
            self.assertIn(f"({attribute} is ", said)
            self.assertIn(f"run the second again with {remedy}", said)

    def test_what_decode_varies_joins(self):
        varied = {"tp": 2, "dp": 3, "batch": 4, "concurrency": 9, "requests": 7, "request_rate": 2.0}
        for command in ("scaling", "pareto"):
            self.draws(command, *self.pair({}, {"plan": varied}), out=f"{command}.png")

    def test_plan(self):
        for name, here, there, remedy in (
                ("input_tokens", "128", "uniform:64:256", "--input-tokens 128"), ("dtype", "bf16", "fp32", "--dtype bf16"),
                ("output_tokens", "64", "128", "--output-tokens 64"), ("kv_dtype", "bf16", "fp32", "--kv-dtype bf16"),
                ("weight_dtype", "", "int8", "without --weight-dtype"), ("seed", 0, 1, "--seed 0"),
                ("prefill_chunk", 512, 64, "--prefill-chunk 512"), ("temperature", 0.0, 0.7, "--temperature 0.0"),
                ("ignore_eos", "yes", "no", "--ignore-eos"), ("ignore_eos", "no", "yes", "without --ignore-eos"),
                ("goodput", "ttft:0.2", "", "--goodput ttft:0.2"), ("goodput", "", "ttft:0.2", "without --goodput"),
                ("pp", 1, 2, "--pp 1"), ("block_positions", 16, 32, "the release of the first")):
            self.refused(f"plan/{name}", remedy, {"plan": {name: here}}, {"plan": {name: there}})

    def test_model_and_workload(self):
        self.refused("model/name", "--model qwen3-8b", {}, {"model": {"name": "llama3-70b"}})
        self.refused("workload", "--workload decode_qwen3_8b", {}, {"root": {"workload": "decode_llama3_70b"}})

    def test_threads(self):
        self.refused("summary/threads", "--threads 1", {}, {"columns": {"threads": [2]}})

    def test_arrivals_join_in_a_pareto_plot_alone(self):
        files = self.pair({}, {"plan": {"arrivals": "open"}, "columns": {"concurrency": [0], "request_rate": [3.0]}})
        self.draws("pareto", *files, out="ok.png")
        said = self.refuses("scaling", *files)
        self.assertIn('(plan/arrivals is "closed" in the first and "open" in the second)', said)
        self.assertIn("--concurrency", said)

    def test_training_does_not_join(self):
        files = decode(self.path("a.h5"), [decode_row()]), training(self.path("b.h5"))
        for order in (files, files[::-1]):
            self.assertIn("(workload is ", self.refuses("scaling", *order))


if __name__ == "__main__":
    unittest.main()
