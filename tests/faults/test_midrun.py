"""Faults in mid-run: what was finished stays, somebody says what happened, nobody is left. Cases 19, 20, 22-24, 27, 40
of the fault table, and signals."""

import json
import signal
import socket
import unittest

from harness import BINARY, LIMIT, FaultCase, Run, tiny_run, under_mpirun
import results

HOST = socket.gethostname()
START = 5  # s until a job has started and come to its second point, generously


class MidRun(FaultCase):
    def second_point(self, fault, ranks=2, most=30, **settings):
        """A sweep of two points whose second one meets a fault."""
        return self.tiny(ranks, "--scale", f"1,{ranks}", "--inject", f"{fault},step=1,point=1", most=most, **settings)

    def first_point_is_kept(self, status="running"):
        self.assertEqual(results.state(self.output), (0, status, [1]))
        self.assertGreater(results.all_readable(self.output), 10)

    def first_failure(self, rank, code):
        failure = json.loads(self.output.with_suffix(".error.json").read_text())
        self.assertEqual((failure["rank"], failure["host"], failure["exit_code"]), (rank, HOST, code), failure)
        return failure

    def flight(self, rank):
        return json.loads((self.folder / f"out.flight.{rank}.json").read_text())

    def one_line(self, run, *parts):
        self.assertEqual(len(run.errors), 1, run)
        for part in parts:
            self.assertRegex(run.errors[0], part, run)

    def can_be_run_again(self):
        run = self.tiny(2, "--force")
        self.assertEqual(run.code, 0, run)
        self.assertEqual(results.state(self.output), (1, "complete", [2]))
        self.assertEqual([p.name for p in self.folder.iterdir()], ["out.h5"])


class Deaths(MidRun):
    def test_a_killed_rank_is_named_and_the_first_point_kept(self):
        run = self.second_point("kill:rank=1")
        self.assertEqual(run.code, 137, run)
        self.assertLess(run.seconds, START + 5)
        self.assertRegex(run.stderr, "rank 1 ")
        self.assertIn(HOST, run.stderr)
        self.one_line(run, rf"rank 1 \({HOST}\) died")
        self.first_failure(0, 8)
        self.first_point_is_kept()
        self.can_be_run_again()

    def test_rank_0_killed(self):
        run = self.second_point("kill:rank=0")
        self.assertEqual(run.code, 137, run)
        self.assertLess(run.seconds, START + LIMIT + 5)
        self.one_line(run, rf"rank 0 \({HOST}\) died")
        self.first_point_is_kept()
        self.can_be_run_again()

    def test_a_rank_that_leaves_early(self):
        run = self.second_point("exit:rank=1")
        self.assertIn(run.code, (1, 7, 8), run)  # 1: mpirun's, for who leaves without a word
        self.assertLess(run.seconds, START + LIMIT + 5)
        self.one_line(run, rf"rank 1 \({HOST}\) died")
        self.first_point_is_kept()

    def test_a_crash_shows_where(self):
        for fault, code, name in (("segv", 139, "SIGSEGV"), ("fpe", 136, "SIGFPE"), ("abort", 134, "SIGABRT"),
                                  ("uncaught", 134, "thrown on purpose")):
            with self.subTest(fault=fault):
                self.output = self.folder / f"{fault}.h5"
                run = self.second_point(f"{fault}:rank=1")
                self.assertEqual(run.code, code, run)
                self.assertLess(run.seconds, START + 5)
                self.one_line(run, name, rf"rank 1 on {HOST}")
                self.assertRegex(run.stderr, r"scalebench\(.*\+0x[0-9a-f]+\)")
                failure = self.first_failure(1, code)
                self.assertTrue(any("scalebench" in frame["module"] for frame in failure["frames"]), failure)
                self.first_point_is_kept()


    def test_where_the_launcher_lets_the_others_wait_the_watchdog_ends_the_job(self):
        command = under_mpirun(2, *tiny_run(self.output, "--scale", "1,2", "--inject", "kill:rank=1,step=1,point=1"),
                               flags=["--enable-recovery"])
        run = self.checked(Run(command, cwd=self.folder).wait(30))
        self.assertLess(run.seconds, START + LIMIT + 5)
        self.one_line(run, rf"rank 1 \({HOST}\) died")
        self.assertEqual(self.flight(1)["process"], "dead")
        self.assertTrue(self.flight(1)["recent"], "its last operations")
        self.first_point_is_kept()


class Hangs(MidRun):
    def hung(self, run, *parts):
        self.assertEqual(run.code, 7, run)
        self.assertLess(run.seconds, START + LIMIT + 5)
        self.one_line(run, *parts)
        self.first_failure(0, 7)
        self.first_point_is_kept()

    def test_a_frozen_rank_is_named_with_the_collective(self):
        run = self.second_point("stop:rank=1")
        self.hung(run, rf"no answer from rank 1 \({HOST}\) in (all_gather|reduce_scatter|all_reduce) #\d+ on dp_\w+",
                  "stopped", "point 1")
        flight = self.flight(0)
        self.assertTrue(flight["recent"] and flight["threads"], flight)
        self.assertTrue(any("scalebench::" in f for t in flight["threads"] for f in t["frames"]), flight["threads"])
        self.assertEqual([r["process"] for r in flight["node"]][1], "stopped")
        self.can_be_run_again()

    def test_a_rank_that_waits_for_ever_is_named(self):
        run = self.second_point("hang:rank=2", ranks=3)
        self.assertEqual(run.code, 7, run)
        self.one_line(run, rf"no answer from rank 2 \({HOST}\)")
        self.assertEqual(len(list(self.folder.glob("out.flight.*.json"))), 3)
        self.assertTrue(any("pause" in f for t in self.flight(2)["threads"] for f in t["frames"]), "where it hangs")
        self.first_point_is_kept()

    def test_a_slow_step_within_the_limit_is_no_hang(self):
        run = self.second_point("sleep:1500:rank=1")
        self.assertEqual(run.code, 0, run)
        self.assertEqual(results.state(self.output), (1, "complete", [1, 2]))

    def test_ranks_that_sit_a_long_point_out_do_not_expire(self):
        run = self.tiny(2, "--scale", "1,2", *(a for step in (1, 3, 5) for a in (
            "--inject", f"sleep:2000:rank=0,step={step},point=0")))
        self.assertEqual(run.code, 0, run)
        self.assertEqual(results.state(self.output), (1, "complete", [1, 2]))


class Numbers(MidRun):
    def test_a_loss_that_is_not_finite_fails_the_point(self):
        run = self.second_point("nan:rank=1")
        self.assertEqual(run.code, 4, run)
        self.one_line(run, "finite")
        complete, status, _ = results.state(self.output)
        self.assertEqual((complete, status), (0, "failed"))

    def test_a_bit_flipped_on_one_rank_is_found(self):
        for dtype in ("fp32", "bf16", "int32"):
            for rank in (0, 1):
                self.output = self.folder / f"{dtype}.{rank}.h5"
                run = self.ranks(2, "--workload", "all_reduce", "-b", "4K", "-e", "4K", "-n", "5", "-d", dtype,
                                 "--threads", "1", "--inject", f"flip:rank={rank},step=0", "--output", self.output)
                self.assertEqual(run.code, 4, run)
                self.one_line(run, "1 elements are wrong")
                self.assertEqual(results.column(self.output, "wrong"), [1])
                self.assertEqual(results.state(self.output)[:2], (0, "failed"))

    def test_a_bit_flipped_in_place_is_found(self):
        run = self.ranks(2, "--workload", "all_reduce", "-b", "4K", "-e", "4K", "-n", "5", "--threads", "1",
                         "--inject", "flip:rank=1,step=0,point=1", "--output", self.output)
        self.assertEqual(run.code, 4, run)
        self.assertEqual(results.column(self.output, "wrong"), [0, 1])

    def test_training_does_not_know_a_flipped_bit(self):
        run = self.second_point("flip:rank=1")
        self.assertEqual(run.code, 2, run)
        self.one_line(run, "only collectives")

    def test_an_allocation_refused_to_one_rank(self):
        run = self.second_point("throw:rank=1")
        self.assertEqual(run.code, 3, run)
        self.assertLess(run.seconds, START + 10)
        self.one_line(run, "memory", rf"rank 1 on {HOST}")
        self.first_failure(1, 3)
        self.first_point_is_kept()


class Signalled(MidRun):
    LONG = ("--max-iterations", "100000", "--target-ci", "1e-9", "--max-seconds", "60")

    def begins(self, run):
        if not run.until(self.output.exists, 15):
            self.fail(f"it does not begin\n{run.wait(0)}")

    def begun(self, ranks, **settings):
        run = Run(under_mpirun(ranks, *tiny_run(self.output, *self.LONG)), cwd=self.folder, **settings)
        self.begins(run)
        return run

    def test_usr1_finishes_the_point_and_stops(self):
        run = Run(under_mpirun(2, *tiny_run(self.output, "--scale", "1,2", "--inject", "sleep:2000:step=1,point=0")),
                  cwd=self.folder)
        self.begins(run)
        run.process.send_signal(signal.SIGUSR1)
        self.checked(run.wait(20))
        self.assertEqual((run.code, run.errors), (9, []), run)
        self.first_point_is_kept("stopped")

    def test_term_of_the_launcher_leaves_nobody(self):
        run = self.begun(2)
        run.process.send_signal(signal.SIGTERM)
        self.checked(run.wait(10))
        self.assertNotEqual(run.code, 0, run)
        self.assertEqual(results.state(self.output)[0], 0)

    def test_kill_of_the_launcher_leaves_nobody(self):
        # What a killed mpirun leaves behind is then removed with the folder.
        run = self.begun(2, env={"OMPI_MCA_btl_vader_backing_directory": str(self.folder), "TMPDIR": str(self.folder)})
        run.process.kill()
        self.checked(run.wait(10))
        self.assertEqual(results.state(self.output)[0], 0)

    def test_interrupt_of_a_rank_alone_stops_at_once(self):
        run = Run([BINARY, *tiny_run(self.output, *self.LONG)], cwd=self.folder)
        self.begins(run)
        run.process.send_signal(signal.SIGINT)
        self.checked(run.wait(10))
        self.assertEqual((run.code, run.errors), (9, []), run)
        self.assertEqual(results.state(self.output)[:2], (0, "stopped"))


if __name__ == "__main__":
    unittest.main()
