"""Decode as it is served: requests that are far apart, that never end, that are cut off, and ranks that fail."""

import json
import math
import signal
import socket
import time
import unittest

from harness import BINARY, FaultCase, Run, under_mpirun
import results

HOST = socket.gethostname()
TINY = {"--workload": "decode_qwen3_8b", "--model": "tiny-llama", "--shrink": "none", "--threads": "1",
        "--batch": "4", "--requests": "8", "--input-tokens": "12", "--output-tokens": "6", "--max-seconds": "20",
        "--timeout": "10"}
LONG = ("--requests", "1000000", "--max-seconds", "60")


class Serving(FaultCase):
    def words(self, *arguments, without=()):
        words = [word for pair in TINY.items() if pair[0] not in (*arguments, *without) for word in pair]
        return [*words, "--output", str(self.output), *map(str, arguments)]

    def served(self, ranks, *arguments, without=(), most=60):
        return self.ranks(ranks, *self.words(*arguments, without=without), most=most)

    def finished(self, run, reasons=("requests",)):
        self.assertEqual(run.code, 0, run)
        self.assertEqual(results.state(self.output)[:2], (1, "complete"))
        self.assertEqual([results.as_text(text) for text in results.column(self.output, "stop_reason")], list(reasons))

    def trace(self, *lines):
        path = self.folder / "trace.txt"
        path.write_text("\n".join(lines) + "\n")
        return "--trace", path

    LISTED = ("--requests", "--input-tokens", "--output-tokens")  # what a trace says itself


class Waits(Serving):
    """Nobody is taken for hung who has nothing to do."""

    def test_requests_that_come_far_apart(self):
        for ranks, plan in ((1, ()), (2, ("--tp", 2)), (2, ("--dp", 2))):
            with self.subTest(plan=plan):
                self.output = self.folder / f"{'_'.join(map(str, plan))}.h5"
                # Of two replicas one is through at once, and the other waits.
                run = self.served(ranks, *self.trace("0 4 3", "5 3 4", "5 3 2", "5.5 3 2"), "--timeout", 2, *plan,
                                  without=self.LISTED)
                self.finished(run)
                arrival = list(results.point(self.output, 0, "requests/arrival"))
                self.assertEqual(arrival, [0, 5, 5, 5.5])
                first = results.point(self.output, 0, "requests/first_token")
                for came, answered in zip(arrival, first):
                    self.assertLess(came, answered)
                    self.assertLess(answered, came + 2, "it sleeps past an arrival")

    def test_a_low_rate_on_tensor_parallel_ranks(self):
        run = self.served(2, "--tp", 2, "--request-rate", 0.5, "--requests", 3, "--timeout", 2)
        self.finished(run)


class Cut(Serving):
    def test_no_request_comes_behind_the_longest_time_of_a_point(self):
        for load in (("--concurrency", 4), ("--request-rate", 20)):
            with self.subTest(load=load):
                self.output = self.folder / f"{load[0]}.h5"
                run = self.served(2, *LONG[:2], "--max-seconds", 3, *load)
                self.finished(run, ["max_seconds"])
                self.assertLess(run.seconds, 25)
                asked, answered = (results.column(self.output, name)[0] for name in ("asked", "requests"))
                self.assertEqual(asked, 1000000)
                self.assertLess(0, answered)
                came = results.point(self.output, 0, "requests/request")
                if load[0] == "--concurrency":  # at a rate, one may still wait for its place
                    self.assertEqual(len(came), answered, "all that came are answered")
                self.assertGreaterEqual(len(came), answered)
                self.assertLess(max(results.point(self.output, 0, "requests/arrival")), 4)
                self.assertEqual(results.column(self.output, "good_share"), [1])
                self.assertGreater(results.column(self.output, "throughput_steady")[0], 0)

    def test_a_signal_stops_it_at_once(self):
        run = Run([BINARY, *self.words(*LONG)], cwd=self.folder)
        if not run.until(self.output.exists, 30):
            self.fail(f"it does not begin\n{run.wait(0)}")
        time.sleep(1.5)
        run.process.send_signal(signal.SIGTERM)
        self.checked(run.wait(10))
        self.assertEqual((run.code, run.errors), (9, []), run)
        self.assertEqual(results.state(self.output), (0, "stopped", []))

    def test_who_waits_for_a_request_sees_the_time_and_signals(self):
        # Many short steps, then nothing for long.
        trace = self.trace("0 4 400", "90 4 3")
        run = self.served(2, *trace, "--tp", 2, "--max-seconds", 4, without=self.LISTED)
        self.finished(run, ["max_seconds"])
        self.assertLess(run.seconds, 30)
        self.assertEqual(results.column(self.output, "requests"), [1])
        run = Run([BINARY, *self.words(*trace, "--max-seconds", 200, "--force", without=self.LISTED)], cwd=self.folder)
        time.sleep(8)
        run.process.send_signal(signal.SIGTERM)
        self.checked(run.wait(5))
        self.assertEqual((run.code, run.errors), (9, []), run)

    def test_usr1_finishes_the_point_and_stops(self):
        run = Run(under_mpirun(2, *self.words("--batch", "1,2", "--inject", "sleep:2000:step=20,point=0")), cwd=self.folder)
        if not run.until(self.output.exists, 30):
            self.fail(f"it does not begin\n{run.wait(0)}")
        run.process.send_signal(signal.SIGUSR1)
        self.checked(run.wait(30))
        self.assertEqual((run.code, run.errors), (9, []), run)
        self.assertEqual(results.state(self.output), (0, "stopped", [2]))
        self.assertEqual(results.column(self.output, "requests"), [8])


class Broken(Serving):
    def test_logits_that_are_not_finite(self):
        for ranks, plan in ((1, ()), (4, ("--tp", 2))):
            with self.subTest(ranks=ranks):
                self.output = self.folder / f"{ranks}.h5"
                # Answers are long, so that the step behind the broken one is issued before the host learns of it.
                run = self.served(ranks, *plan, *LONG, "--output-tokens", 40, "--inject", f"nan:rank={ranks - 1},step=3")
                self.assertEqual(run.code, 4, run)
                self.assertEqual(len(run.errors), 1, run)
                self.assertIn("not finite", run.errors[0])
                self.assertEqual(results.state(self.output)[0], 0)

    def test_a_killed_rank_is_named_and_the_first_point_kept(self):
        for plan in (("--dp", 2), ("--tp", 2)):
            with self.subTest(plan=plan):
                self.output = self.folder / f"{plan[0]}.h5"
                run = self.served(2, *plan, "--batch", "1,2", "--inject", "kill:rank=1,step=3,point=1")
                self.assertEqual(run.code, 137, run)
                self.assertEqual(len(run.errors), 1, run)
                self.assertRegex(run.errors[0], rf"rank 1 \({HOST}\) died")
                self.assertEqual(results.state(self.output), (0, "running", [2]))

    def test_a_rank_that_waits_for_ever_is_named(self):
        for plan in (("--dp", 2), ("--tp", 2)):
            with self.subTest(plan=plan):
                self.output = self.folder / f"{plan[0]}.h5"
                run = self.served(2, *plan, "--timeout", 3, "--inject", "hang:rank=1,step=3")
                self.assertEqual(run.code, 7, run)
                self.assertEqual(len(run.errors), 1, run)
                self.assertIn("rank 1", run.errors[0])


class Search(Serving):
    LIMITED = ("--find-rate", "--batch", 1, "--output-tokens", 64, "--format", "json")

    def test_the_highest_rate_lies_between_one_that_is_good_and_one_that_is_not(self):
        # 30 requests one behind another take longer than the limit; one alone doesn't.
        run = self.served(1, *self.LIMITED, "--requests", 30, "--max-seconds", 60, "--goodput", "ttft:300ms", most=120)
        self.assertEqual(run.code, 0, run)
        result = json.loads(run.stdout)
        alone, *tried = result["points"]
        self.assertEqual((alone["concurrency"], alone["request_rate"], alone["requests"]), (1, None, 8))
        self.assertTrue(2 <= len(tried) <= 10, run)
        self.assertTrue(all(point["requests"] == 30 and point["concurrency"] == 0 for point in tried), run)
        good = [point["request_rate"] for point in tried if point["good_share"] >= 0.99]
        bad = [point["request_rate"] for point in tried if point["good_share"] < 0.99]
        self.assertEqual(result["found_rate"], max(good))
        self.assertTrue(max(good) < min(bad), run)
        if len(tried) < 10:
            self.assertLess(min(bad), 1.1 * max(good))
        self.assertTrue(math.isclose(tried[0]["request_rate"], 1 / alone["e2el_p50"], rel_tol=0.01), run)
        self.assertEqual(results.root(self.output, "found_rate"), result["found_rate"])
        self.assertEqual(results.root(self.output, "found_rate_text"), result["found_rate_text"])
        self.assertRegex(result["found_rate_text"], r"^highest rate within ttft:0.3: [\d.e+]+ requests/s; [\d.e+]+ fails: ")
        self.assertEqual(results.state(self.output)[:2], (1, "complete"))

    def test_limits_that_no_request_can_meet(self):
        run = self.served(2, *self.LIMITED, "--goodput", "e2el:1us")
        self.assertEqual(run.code, 0, run)
        result = json.loads(run.stdout)
        self.assertEqual((len(result["points"]), result["found_rate"]), (1, None))
        self.assertIn("not one request meets it alone", result["found_rate_text"])
        self.assertTrue(math.isnan(results.root(self.output, "found_rate")))
        self.assertEqual(results.state(self.output), (1, "complete", [2]))

    def test_a_search_that_is_stopped_found_nothing(self):
        run = Run(under_mpirun(2, *self.words(*self.LIMITED, "--goodput", "ttft:1", "--inject", "sleep:2000:step=3,point=1")),
                  cwd=self.folder)
        self.assertTrue(run.until(lambda: self.output.exists() and len(results.state(self.output)[2]) == 1, 40), "no point")
        run.process.send_signal(signal.SIGUSR1)
        self.checked(run.wait(30))
        self.assertEqual((run.code, run.errors), (9, []), run)
        self.assertEqual(results.state(self.output), (0, "stopped", [2, 2]))
        self.assertIsNone(results.root(self.output, "found_rate"))


if __name__ == "__main__":
    unittest.main()
