"""How a job is started: cases 8, 10, 13, 18, 57, 58 and 59 of the fault table."""

import json
import os
import pathlib
import resource
import socket
import unittest

from harness import BINARY, MPIEXEC, FaultCase, Run, tiny_run
import results

CORES = len(os.sched_getaffinity(0))


class Ranks(FaultCase):
    def unlike(self, *extra):
        """Two ranks, of which the second has other arguments."""
        first, second = (["-np", "1", BINARY, *tiny_run(self.output, *more)] for more in ((), extra))
        command = [MPIEXEC, "--oversubscribe", "--bind-to", "none", *first, ":", *second]
        return self.checked(Run(command, cwd=self.folder).wait(20))

    def test_options_that_differ_name_both_ranks(self):
        for extra in (("--seed", "7"), ("--bucket", "1MiB"), ("--max-iterations", "4"), ("--prefetch", "0"),
                      ("--device", "cpu"), ("--comm", "mpi"), ("--require-transport", "ib")):
            with self.subTest(extra=extra):
                self.refused(self.unlike(*extra), 2, "rank 0", "rank 1", extra[0], within=10)

    def test_models_that_differ_name_what_differs(self):
        config = {"model_type": "llama", "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1,
                  "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 64, "max_position_embeddings": 64,
                  "rms_norm_eps": 1e-5, "hidden_act": "silu", "tie_word_embeddings": False}
        files = [pathlib.Path(self.folder, name, "config.json") for name in ("a", "b")]
        for file, theta in zip(files, (1e4, 5e5)):
            file.parent.mkdir()
            file.write_text(json.dumps({**config, "rope_theta": theta}))
        commands = (["-np", "1", BINARY, *tiny_run(self.output, "--model", str(file))] for file in files)
        run = Run([MPIEXEC, "--oversubscribe", "--bind-to", "none", *next(commands), ":", *next(commands)], cwd=self.folder)
        self.refused(self.checked(run.wait(20)), 2, "rank 0", "rank 1", within=10)

    def test_collectives_that_differ_name_what_differs(self):
        plain = ["--workload", "all_reduce", "-b", "1K", "-e", "4K", "-f", "4", "-n", "20", "--timeout", "3", "--output",
                 str(self.output)]
        for option, value in (("-n", "30"), ("-c", "0"), ("-w", "7"), ("-o", "max"), ("-d", "bf16"), ("-b", "2K")):
            with self.subTest(option=option):
                other = [*plain, option, value]
                if option in plain:
                    at = plain.index(option)
                    other = [*plain[:at], option, value, *plain[at + 2:]]
                command = [MPIEXEC, "--oversubscribe", "--bind-to", "none", "-np", "1", BINARY, *plain, ":", "-np", "1",
                           BINARY, *other]
                self.refused(self.checked(Run(command, cwd=self.folder).wait(20)), 2, f"'{option} ", within=10)

    def test_one_rank_alone_in_trouble_is_named_once(self):
        self.refused(self.unlike("--micro-batch", "x"), 2, "rank 1", socket.gethostname(), within=10)

    def test_slurm_tasks_without_pmi_are_refused_by_one_of_them(self):
        runs = [Run([BINARY, *tiny_run(self.output)], cwd=self.folder,
                    env={"SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": str(task)}) for task in range(4)]
        runs = [self.checked(run.wait(10)) for run in runs]
        self.refused(runs[0], 3, "started 4 times as rank 0 of 1", "srun --mpi=pmix", within=3)
        for run in runs[1:]:
            self.assertEqual((run.code, run.errors), (3, []), run)
        self.assertFalse(self.output.exists())

    def test_mpirun_of_one_inside_an_allocation_of_four_works(self):
        run = self.tiny(1, env={"SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "4"})
        self.assertEqual(run.code, 0, run)

    def test_a_launcher_of_another_mpi_is_noticed(self):
        run = self.alone(*tiny_run(self.output), env={"PMI_SIZE": "4", "PMI_RANK": "0"})
        self.refused(run, 3, "1 rank", "4")

    @unittest.skipIf(os.geteuid() != 0, "of root alone")
    def test_root_without_consent_is_refused_by_mpirun(self):
        run = self.tiny(1, env={"OMPI_ALLOW_RUN_AS_ROOT": None, "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": None})
        self.assertEqual(run.code, 1, run)
        self.assertIn("OMPI_ALLOW_RUN_AS_ROOT", run.stderr)


class Cores(FaultCase):
    def test_more_ranks_than_cores_are_marked(self):
        run = self.tiny(2, "--threads", CORES)
        self.assertEqual(run.code, 0, run)
        self.assertRegex(run.stderr, rf"warning: .*{CORES} cores")
        self.assertEqual(results.column(self.output, "oversubscribed"), [1])

    def test_enough_cores_are_not_marked(self):
        run = self.tiny(1)
        self.assertEqual(run.code, 0, run)
        self.assertEqual(results.column(self.output, "oversubscribed"), [0])

    def test_threads_of_the_environment_are_warned_about(self):
        run = self.tiny(1, env={"OMP_NUM_THREADS": "7"})
        self.assertEqual(run.code, 0, run)
        self.assertRegex(run.stderr, "warning: .*OMP_NUM_THREADS=7")
        self.assertEqual(results.column(self.output, "threads"), [1])


class Memory(FaultCase):
    def too_large(self, run):
        self.refused(run, 3, r"[0-9.]+ [TGM]i?B.* [0-9.]+ [GM]i?B", within=10)

    def test_a_model_that_no_machine_holds_is_refused_before_allocation(self):
        self.too_large(self.ranks(2, "--workload", "fsdp70b", "--shrink", "none", "--output", self.output))

    def test_a_limit_of_the_process_counts(self):
        limit = 3 << 30

        def lower():
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

        self.too_large(self.alone("--workload", "ddp8b", "--shrink", "none", "--layers", 2, "--output", self.output,
                                  preexec_fn=lower))


class Streams(FaultCase):
    def goes_on(self, **settings):
        run = self.alone(*tiny_run(self.output), **settings)
        self.assertEqual(run.code, 0, run)
        self.assertEqual(results.state(self.output)[0], 1)
        self.assertGreater(results.all_readable(self.output), 10)
        return run

    def test_stdout_closed(self):
        self.goes_on(preexec_fn=lambda: os.close(1))

    def test_what_is_closed_is_not_taken_by_another_file(self):
        run = Run([BINARY, *tiny_run(self.output, "--inject", "sleep:1500:step=1")], cwd=self.folder,
                  preexec_fn=lambda: (os.close(1), os.close(2)))
        self.assertTrue(run.until(self.output.exists, 15), "it does not begin")
        self.assertEqual([os.readlink(f"/proc/{run.process.pid}/fd/{stream}") for stream in (1, 2)], ["/dev/null"] * 2)
        self.assertEqual(self.checked(run.wait(20)).code, 0, run)

    def test_stdout_and_stderr_closed(self):
        self.goes_on(preexec_fn=lambda: (os.close(1), os.close(2)))

    def test_stdout_that_nobody_reads(self):
        reader, writer = os.pipe()
        os.close(reader)
        self.addCleanup(os.close, writer)
        self.goes_on(stdout=writer)

    def test_stdout_full(self):
        with open("/dev/full", "wb") as full:
            self.assertIn("could not be printed", self.goes_on(stdout=full).stderr)

    def test_a_terminal_without_colours(self):
        leader, follower = os.openpty()
        self.addCleanup(os.close, leader)
        run = Run([BINARY, *tiny_run(self.output)], cwd=self.folder, stderr=follower,
                  env={"NO_COLOR": "1", "TERM": "dumb"})
        os.close(follower)
        run.wait(20)
        self.assertEqual(run.code, 0, run)
        shown = b""
        try:
            while more := os.read(leader, 4096):
                shown += more
        except OSError:  # the end of a terminal
            pass
        self.assertNotIn(b"\x1b", shown)
        self.assertNotIn(b"\r", shown.replace(b"\r\n", b"\n"))


if __name__ == "__main__":
    unittest.main()
