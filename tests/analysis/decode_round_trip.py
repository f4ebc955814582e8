"""As round_trip.py, of runs that decode.

Usage: decode_round_trip.py SCALEBENCH MPIEXEC
"""

import json
import math
import pathlib
import tempfile
import unittest

import h5py
import numpy as np

from program import plot, run

DECODE = ["--workload", "decode_qwen3_8b", "--model", "tiny-llama", "--shrink", "none", "--dtype", "fp32", "--threads", "1",
          "--goodput", "ttft:1,tpot:0.5"]


class DecodeRoundTrip(unittest.TestCase):
    """One search of loads for all tests, and smaller runs of their own."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.swept = cls.path("swept.h5")
        cls.sweep = run(2, *DECODE, "--request-rate", "20,60", "--requests", "40", "--input-tokens", "uniform:4:24",
                        "--output-tokens", "uniform:1:12", "--format", "json", "--output", cls.swept)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def path(cls, name, text=None):
        path = pathlib.Path(cls.folder.name, name)
        if text is not None:
            path.write_text(text, encoding="utf-8")
        return str(path)

    def served(self, name, *flags, ranks=1):
        """The file of a run that must succeed."""
        path = self.path(name)
        done = run(ranks, *DECODE, *flags, "--output", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        return path

    def checked(self, path):
        done = plot("check", path)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    @staticmethod
    def tokens(path):
        """Of each request, the ids of its answer."""
        with h5py.File(path) as file:
            group = file["points/000/tokens"]
            answers = {}
            for request, token in zip(group["request"][...], group["id"][...]):
                answers.setdefault(int(request), []).append(int(token))
            return answers

    def test_the_summary_follows_from_requests_and_tokens(self):
        self.assertEqual(self.sweep.returncode, 0, self.sweep.stderr)
        self.checked(self.swept)

    def test_the_check_finds_a_time_that_was_changed(self):
        damaged = pathlib.Path(self.path("damaged.h5"))
        damaged.write_bytes(pathlib.Path(self.swept).read_bytes())
        with h5py.File(damaged, "r+") as file:
            file["points/001/tokens/time"][7] += 0.5
        self.assertEqual(plot("check", damaged).returncode, 4)

    def test_the_screen_and_the_file_say_the_same(self):
        points = json.loads(self.sweep.stdout)["points"]
        with h5py.File(self.swept) as file:
            self.assertEqual(list(file["summary/request_rate"][...]), [20, 60])
            self.assertEqual(list(file["summary/requests"][...]), [40, 40])
            for name in ("requests", "tp", "dp", "batch", "ttft_p50", "itl_gap_p99", "tpot_p95", "e2el_p95", "goodput",
                         "good_share", "throughput_steady", "throughput_whole", "mbu", "serving_time", "marked_time"):
                for value, point in zip(file["summary"][name][...], points):
                    shown = math.nan if point[name] is None else point[name]
                    np.testing.assert_allclose(value, shown, rtol=1e-6, err_msg=name)

    def test_lines_of_text_are_columns(self):
        path = self.path("csv.h5")
        done = run(1, *DECODE, "--requests", "3", "--output-tokens", "4", "--format", "csv", "--output", path)
        header, row = (line.split(",") for line in done.stdout.splitlines())
        self.assertEqual(len(header), len(row))
        shown = dict(zip(header, row))
        self.assertEqual((shown["requests"], shown["asked"], shown["request_rate"], shown["stop_reason"]),
                         ("3", "3", "nan", "requests"))
        with h5py.File(path) as file:
            for name in ("ttft_p50", "throughput_whole", "step_time"):
                self.assertTrue(math.isclose(float(shown[name]), file["summary"][name][0], rel_tol=1e-8), name)

    def test_goodput_counts_the_requests_that_meet_the_limits(self):
        with h5py.File(self.swept) as file:
            summary = file["summary"]
            np.testing.assert_allclose(summary["goodput"][...] * summary["serving_time"][...],
                                       summary["good_share"][...] * 40, rtol=1e-12)

    def test_arrivals_do_not_depend_on_what_is_answered(self):
        with h5py.File(self.swept) as file:
            slow, fast = (file[f"points/00{point}/requests/arrival"][...] for point in (0, 1))
            np.testing.assert_allclose(slow, 3 * fast, rtol=1e-12)
            self.assertEqual(list(file["points/000/requests/replica"][...]), [0, 1] * 20)

    def test_other_loads_and_plans_are_appended_and_another_length_is_refused(self):
        path = self.served("appended.h5", "--output-tokens", "4", "--requests", "4")
        for ranks, flags in ((2, ("--batch", "2", "--requests", "6")), (2, ("--tp", "2", "--concurrency", "3"))):
            self.assertEqual(run(ranks, *DECODE, "--output-tokens", "4", *flags, "--append", "--output", path).returncode, 0)
        refused = run(1, *DECODE, "--output-tokens", "5", "--append", "--output", path)
        self.assertEqual(refused.returncode, 6)
        self.assertIn("give the same --output-tokens", refused.stderr)
        with h5py.File(path) as file:
            summary = file["summary"]
            self.assertEqual([list(summary[name][...]) for name in ("ranks", "tp", "dp", "batch", "requests", "concurrency")],
                             [[1, 2, 2], [1, 1, 2], [1, 2, 1], [8, 2, 8], [4, 6, 12], [8, 4, 3]])
        self.checked(path)

    def test_a_shrunk_model_is_taken_over_from_a_file(self):
        few = ["--workload", "decode_qwen3_8b", "--threads", "1", "--requests", "2", "--input-tokens", "4", "--output-tokens", "3"]
        first, second = self.path("shrunk.h5"), self.path("again.h5")
        self.assertEqual(run(1, *few, "--output", first).returncode, 0)
        # Alone, a batch this large would come to a smaller model.
        again = run(1, *few, "--batch", "128", "--shrink", first, "--output", second)
        self.assertEqual(again.returncode, 0, again.stderr)
        with h5py.File(first) as a, h5py.File(second) as b:
            self.assertTrue(a["model"].attrs["rung"])
            self.assertEqual(dict(a["model"].attrs), dict(b["model"].attrs))

    def test_a_trace_is_served_as_it_says(self):
        trace = self.path("trace.txt", "arrival,input,output\n0,4,3\n0.25,30,1\n0.3,2,5\n")
        path = self.served("trace.h5", "--trace", trace, ranks=2)
        with h5py.File(path) as file:
            requests = file["points/000/requests"]
            self.assertEqual([list(requests[name][...]) for name in ("arrival", "input_tokens", "output_tokens")],
                             [[0, 0.25, 0.3], [4, 30, 2], [3, 1, 5]])
            self.assertEqual(file["plan"].attrs["trace"], trace)
        self.checked(path)

    def test_prompts_of_a_file_are_taken_in_turn(self):
        prompts = self.path("prompts.txt", "1 2 3 4 5\n7\n9 9\n")
        flags = ("--prompt-tokens", prompts, "--requests", "5", "--output-tokens", "6", "--ignore-eos")
        path = self.served("prompts.h5", *flags)
        with h5py.File(path) as file:
            self.assertEqual(list(file["points/000/requests/input_tokens"][...]), [5, 1, 2, 5, 1])
        answers = self.tokens(path)
        self.assertEqual([len(answers[request]) for request in range(5)], [6] * 5)
        self.assertEqual((answers[0], answers[1]), (answers[3], answers[4]))
        self.assertNotEqual(answers[0], answers[1])

    def test_ranks_that_share_a_layer_answer_as_one_rank_does(self):
        flags = ("--request-rate", "50", "--requests", "12", "--output-tokens", "8", "--ignore-eos")
        one, two = self.served("one.h5", *flags), self.served("two.h5", *flags, "--tp", "2", ranks=2)
        self.assertEqual(self.tokens(one), self.tokens(two))
        self.assertEqual(sum(map(len, self.tokens(two).values())), 96)

    def test_its_plots_are_drawn(self):
        for command in ("pareto", "breakdown", "scaling"):
            out = pathlib.Path(self.path(f"decode_{command}.png"))
            done = plot(command, self.swept, "-o", out)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertGreater(out.stat().st_size, 10000)


if __name__ == "__main__":
    unittest.main()
