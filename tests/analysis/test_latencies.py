"""Decode files: requests and tokens are read, and the latencies of the summary follow from them."""

import unittest

import h5py
import numpy as np

from make_result import decode, decode_row, served, training
from plotting import PlotTest
from scalebench_analysis import latencies
from scalebench_analysis.apart import load_apart
from scalebench_analysis.errors import ResultError
from scalebench_analysis.reader import read_result
from scalebench_analysis.serving import read_requests, served as points_of

NAN = float("nan")
# Three answered requests, one of them of a single token, and one that was not answered.
ASKED = [(0.0, [1.0, 1.5, 2.0]), (0.5, [2.0, 4.0]), (1.0, [2.5]), (3.0, [])]
BY_HAND = {"ttft_p50": 1.5,  # 1.0, 1.5, 1.5
           "tpot_p50": 1.25,  # 0.5 and 2; the single token has none
           "itl_gap_p50": 0.5, "itl_tok_p50": 0.5,  # 0.5, 0.5, 2
           "e2el_p50": 2.0}  # 2, 3.5, 1.5
COUNTS = {"requests": 3, "input_tokens": 100.0, "output_tokens": 2.0, "preemptions": 0}


def unknown():
    return {f"{name}_p{q}": NAN for name in ("ttft", "tpot", "itl_gap", "itl_tok", "e2el") for q in (50, 95, 99)}


class Recomputed(PlotTest):
    def file(self, asked=None, name="a.h5", **over):
        row = decode_row(**{**unknown(), **BY_HAND, **COUNTS, **over})
        return decode(self.path(name), [row], requests={0: served(ASKED) if asked is None else asked})

    def test_by_hand(self):
        requests = read_requests(self.file(), 0)
        np.testing.assert_array_equal(requests.answered, [True, True, True, False])
        found = latencies.columns(requests)
        for name, value in {**unknown(), **BY_HAND}.items():
            np.testing.assert_equal(found[name], value, name)
        self.assertEqual(latencies.counts(requests), COUNTS)

    def test_percentiles_of_a_ladder(self):
        # Request i of 0..100: first token after 0.1 s + i ms, one more after 20 ms + i / 10 ms. Rank 0.95 * 100 = 95.
        asked = [(0.5 * i, [0.5 * i + 0.1 + i * 1e-3, 0.5 * i + 0.12 + i * 1.1e-3]) for i in range(101)]
        found = latencies.columns(read_requests(self.file(served(asked)), 0))
        due = {"ttft_p50": 0.150, "ttft_p95": 0.195, "ttft_p99": 0.199, "tpot_p50": 0.025, "tpot_p95": 0.0295,
               "tpot_p99": 0.0299, "itl_gap_p95": 0.0295, "e2el_p50": 0.175, "e2el_p95": 0.2245, "e2el_p99": 0.2289}
        for name, value in due.items():
            self.assertAlmostEqual(found[name], value, 12, name)

    def test_percentiles_need_samples(self):
        for count, known in ((0, [False] * 3), (1, [True, False, False]), (19, [True, False, False]),
                             (20, [True, True, False]), (99, [True, True, False]), (100, [True] * 3)):
            found = latencies.percentiles(np.arange(count))
            self.assertEqual([np.isfinite(value) for value in found.values()], known, count)

    def test_gaps_do_not_cross_requests(self):
        asked = served([(0.0, [1.0, 3.0]), (0.0, [2.0, 4.5])])  # their tokens take turns
        found = read_requests(self.file(asked), 0)
        np.testing.assert_array_equal(np.sort(latencies.gaps(found)), [2.0, 2.5])

    def test_right_and_wrong_summaries(self):
        self.assertEqual(latencies.disagreements(read_result(self.file())), [])
        wrong = self.file(tpot_p50=1.3, ttft_p95=1.5, requests=4)
        self.assertEqual([line[1:3] for line in latencies.disagreements(read_result(wrong))],
                         [("ttft_p95", 1.5), ("tpot_p50", 1.3), ("requests", 4.0)])

    def test_tokens_that_are_not_those_of_the_request(self):
        lost = served(ASKED)
        lost["tokens"] = [token for token in lost["tokens"] if token[::2] != (1, 4.0)]
        said = [line[1:] for line in latencies.disagreements(read_result(self.file(lost))) if "request" in line[1]]
        self.assertEqual(said, [("request 1 tokens", 1.0, 2.0), ("request 1 end", 2.0, 4.0)])

    def test_tokens_out_of_order(self):
        turned = served(ASKED)
        turned["tokens"][1], turned["tokens"][2] = (0, 7, 2.0), (0, 7, 1.5)
        self.assertEqual([line[1] for line in latencies.disagreements(read_result(self.file(turned)))],
                         ["request 0 tokens out of order"])

    def test_check(self):
        path = self.file()
        self.assertEqual(self.run_plot("check", path), (0, f"{path}: 1 of 1 points agree\n", ""))
        code, printed, _ = self.run_plot("check", self.file(e2el_p50=2.5, name="b.h5"))
        self.assertEqual(code, 4)
        self.assertIn("point 000: e2el_p50: 2.5 in the file, 2 worked out", printed)
        code, printed, said = self.run_plot("check", training(self.path("c.h5")), path)
        self.assertEqual((code, printed), (2, f"{path}: 1 of 1 points agree\n"))
        self.assertIn("c.h5 holds no requests", said)


class Reading(PlotTest):
    def test_points(self):
        path = decode(self.path("a.h5"), [decode_row(2, 2, 1, 4), decode_row(4, 2, 2, 4, throughput_steady=NAN)])
        result = read_result(path)
        self.assertTrue(result.decode)
        one, two = points_of(result)
        self.assertEqual((one.ranks, one.tp, one.dp, one.batch, one.concurrency, one.arrivals), (2, 2, 1, 4, 4, "closed"))
        self.assertTrue(one.windowed and one.valid and two.valid and not two.windowed)
        self.assertEqual(two.throughput, result.column("throughput_whole")[1])
        self.assertAlmostEqual(one.per_user * result.column("tpot_p50")[0], 1)
        self.assertEqual(one.per_rank, result.column("throughput_steady")[0] / 2)

    def test_points_that_are_no_result(self):
        rows = [decode_row(stop_reason="timeout"), decode_row(throughput_steady=NAN, throughput_whole=NAN),
                decode_row(throughput_steady=0.0, throughput_whole=0.0), decode_row(ranks=0)]
        self.assertEqual([point.valid for point in points_of(read_result(decode(self.path("a.h5"), rows)))], [False] * 4)

    def test_arrivals_of_a_file_without_a_plan(self):
        rows = [decode_row(), decode_row(concurrency=0, rate=3.0), decode_row(concurrency=0, rate=NAN, tpot=1, ttft=1)]
        path = decode(self.path("a.h5"), rows, skip=["plan"])
        self.assertEqual([(point.arrivals, point.load) for point in points_of(read_result(path))],
                         [("closed", 8), ("open", 3), ("listed", 0)])

    def test_points_of_a_search_for_a_rate_differ_in_their_arrivals(self):
        rows = [decode_row(), decode_row(concurrency=0, rate=3.0)]
        path = decode(self.path("a.h5"), rows, plan={"arrivals": "open"})
        self.assertEqual([(point.arrivals, point.load) for point in points_of(read_result(path))], [("closed", 8), ("open", 3)])

    def test_training_is_no_decode(self):
        path = training(self.path("a.h5"))
        self.assertFalse(read_result(path).decode)
        self.assertIsNone(read_requests(path, 0))

    def test_a_group_of_tokens_that_is_not_there(self):
        path = decode(self.path("a.h5"), [decode_row()], requests={0: served(ASKED)})
        with h5py.File(path, "a") as file:
            del file["points/000/tokens"]
            del file["points/000/requests/preemptions"]
        requests = read_requests(path, 0)
        self.assertEqual(len(requests.token_time), 0)
        self.assertTrue(np.isnan(requests.preemptions).all())
        self.assertEqual(latencies.columns(requests)["ttft_p50"], 1.5)
        self.assertTrue(np.isnan(latencies.columns(requests)["itl_gap_p50"]))

    def test_bad_columns(self):
        for data, pattern in ((np.zeros(2), "requests/end of shape"), ([b"x"] * 4, "texts in /points/000/requests/end")):
            path = decode(self.path("a.h5"), [decode_row()], requests={0: served(ASKED)})
            with h5py.File(path, "a") as file:
                del file["points/000/requests/end"]
                file["points/000/requests/end"] = data
            with self.assertRaisesRegex(ResultError, pattern):
                read_requests(path, 0)

    def test_damaged_anywhere(self):
        path = decode(self.path("a.h5"), [decode_row()], requests={0: served(ASKED)})
        with open(path, "rb") as file:
            data = file.read()
        refused = 0
        for place in range(8, len(data) - 64, len(data) // 60):
            with open(path, "wb") as file:
                file.write(data[:place] + b"\xa5" * 64 + data[place + 64:])
            try:
                load_apart(latencies.check, path)
            except ResultError as error:
                refused += 1
                self.assertIn("a.h5", str(error))
        self.assertGreater(refused, 3)


if __name__ == "__main__":
    unittest.main()
