"""GPUs that are absent, too few, too old or hidden: cases 14 to 17 of the fault table, over a stand-in for the driver."""

import os
import pathlib
import shutil
import socket
import unittest

from harness import BINARY, MPIEXEC, FaultCase, Run, tiny_run, under_mpirun
import results

MODULE = pathlib.Path(BINARY).with_name("scalebench_cuda.so")
DRIVER = os.environ["FAULTS_DRIVER"]  # the stand-in, called libcuda.so.1 in a folder of its own


class Gpus(FaultCase):
    def on(self, ranks, *arguments, gpus=0, **environment):
        """A run whose driver has so many GPUs."""
        env = {"LD_LIBRARY_PATH": str(pathlib.Path(DRIVER).parent) + ":" + os.environ.get("LD_LIBRARY_PATH", ""),
               "FAULTS_GPUS": str(gpus), **environment}
        return self.ranks(ranks, *tiny_run(self.output, *arguments), env=env)

    def without_driver(self, *arguments):
        return self.ranks(1, *tiny_run(self.output, *arguments))


@unittest.skipIf(shutil.which("nvidia-smi"), "this machine has a driver of its own")
class WithoutDriver(Gpus):
    def test_cuda_is_refused(self):
        self.refused(self.without_driver("--device", "cuda"), 3, "no NVIDIA driver is installed", "--device cpu")
        self.refused(self.without_driver("--comm", "nccl"), 3, "no NVIDIA driver is installed")
        self.refused(self.without_driver("--require-transport", "nvlink"), 3, "no NVIDIA driver is installed")

    def test_without_a_wish_the_cpu_is_taken_and_the_file_says_why(self):
        run = self.without_driver()
        self.assertEqual(run.code, 0, run)
        self.assertEqual(results.environment(self.output, "device"), "cpu")
        self.assertIn("no NVIDIA driver", results.environment(self.output, "device_reason"))
        self.assertEqual("on the CPU: no NVIDIA driver" in run.stderr, MODULE.exists(), run)


class WithDriver(Gpus):
    def test_a_driver_that_sees_nothing(self):
        self.refused(self.on(1, "--device", "cuda"), 3, r"see no GPU \(CUDA_VISIBLE_DEVICES\)")
        self.refused(self.on(1, "--device", "cuda", FAULTS_CUINIT="100"), 3, "the NVIDIA driver sees no GPU")
        self.refused(self.on(1, "--device", "cuda", FAULTS_CUINIT="34"), 3, "is the stub")
        self.refused(self.on(1, "--device", "cuda", FAULTS_CUINIT="999"), 3, "cuInit gives error 999")

    @unittest.skipIf(MODULE.exists(), "built with CUDA")
    def test_a_program_without_cuda(self):
        self.refused(self.on(2, "--device", "cuda", gpus=2), 3, "built without", "cmake --preset cuda")
        run = self.on(2, gpus=2)
        self.assertEqual(run.code, 0, run)
        self.assertIn("2 of 2 ranks see GPUs, but this program was built without CUDA", run.stderr)
        self.assertIn("built without CUDA", results.environment(self.output, "device_reason"))

    @unittest.skipUnless(MODULE.exists(), "built without CUDA")
    def test_a_driver_that_is_too_old(self):
        for device in ("auto", "cuda"):
            with self.subTest(device=device):
                run = self.on(2, "--device", device, gpus=2, FAULTS_CUDA="12040")
                self.refused(run, 3, "driver is too old", "CUDA 12.4", "--device cpu")

    @unittest.skipUnless(MODULE.exists(), "built without CUDA")
    def test_more_ranks_than_gpus(self):
        run = self.on(4, gpus=2)
        self.refused(run, 3, f"{socket.gethostname()}: 4 ranks, 2 GPUs", "--comm mpi", "--device cpu")

    @unittest.skipUnless(MODULE.exists(), "built without CUDA")
    def test_slices_of_a_gpu_and_nccl(self):
        run = self.on(2, gpus=1, FAULTS_GPU_OF_EACH="1", FAULTS_GPU_NAME="NVIDIA H100 80GB HBM3 MIG 1g.10gb")
        self.refused(run, 3, "MIG 1g.10gb", "--comm mpi")

    @unittest.skipUnless(MODULE.exists(), "built without CUDA")
    def test_a_rank_without_a_gpu_among_others(self):
        command = [MPIEXEC, "--oversubscribe", "--bind-to", "none"]
        for gpus in (2, 0):
            command += ["-np", "1", "-x", f"FAULTS_GPUS={gpus}", BINARY, *tiny_run(self.output), ":"]
        env = {"LD_LIBRARY_PATH": str(pathlib.Path(DRIVER).parent) + ":" + os.environ.get("LD_LIBRARY_PATH", "")}
        run = self.checked(Run(command[:-1], cwd=self.folder, env=env).wait(20))
        self.refused(run, 3, "a rank has no GPU, though others have", "rank 1")

    # The stand-in cannot compute: what follows the choice must end with one message, too.
    @unittest.skipUnless(MODULE.exists(), "built without CUDA")
    def test_a_gpu_that_does_not_answer(self):
        for ranks, more in ((1, ()), (2, ("--comm", "mpi"))):
            with self.subTest(ranks=ranks):
                run = self.on(ranks, *more, gpus=1)
                self.assertEqual(run.code, 3, run)
                self.assertEqual(len(run.errors), 1, run)


class WithModule(Gpus):
    """The stand-in for CUDA + NCCL beside a copy of the program: what surrounds them is real."""

    def on_paper(self, ranks, *arguments, **environment):
        folder = self.folder / "program"
        folder.mkdir(exist_ok=True)
        program = shutil.copy(BINARY, folder)
        shutil.copy(pathlib.Path(DRIVER).with_name("scalebench_cuda.so"), folder)
        command = [program if word == BINARY else word
                   for word in under_mpirun(ranks, *tiny_run(self.output, *arguments))]
        env = {"LD_LIBRARY_PATH": str(pathlib.Path(DRIVER).parent) + ":" + os.environ.get("LD_LIBRARY_PATH", ""),
               "FAULTS_GPUS": str(ranks), **environment}
        return self.checked(Run(command, cwd=self.folder, env=env).wait(60))

    def test_what_nccl_goes_through_is_told(self):
        run = self.on_paper(2, "--require-transport", "nvlink", FAULTS_TRANSPORT="nvlink")
        self.assertEqual(run.code, 0, run)
        self.assertNotIn("NCCL goes through", run.stderr)
        self.assertEqual(results.environment(self.output, "nccl_transports"), "nvlink")
        self.assertEqual(results.environment(self.output, "nccl_operations"), "AllReduce 1024 RING LL 2 7")

    def test_a_fall_to_sockets_is_warned_of(self):
        run = self.on_paper(2, "--scale", "1,2", FAULTS_TRANSPORT="socket")
        self.assertEqual(run.code, 0, run)
        self.assertEqual(run.stderr.count("warning: NCCL goes through the network (socket) within one node"), 1, run)

    def test_a_module_of_another_build(self):
        self.refused(self.on_paper(2, FAULTS_BUILD="0123abc"), 3, "not of this program's build", "0123abc")

    def test_another_transport_than_required(self):
        run = self.on_paper(2, "--require-transport", "nvlink", FAULTS_TRANSPORT="socket")
        self.assertEqual(run.code, 3, run)
        self.assertEqual(len(run.errors), 1, run)
        self.assertIn("--require-transport nvlink: socket is used", run.errors[0])
        self.assertEqual(results.state(self.output)[:2], (0, "failed"))
        self.assertEqual(results.environment(self.output, "nccl_transports"), "socket")

    def test_an_unknown_transport_is_not_the_required_one(self):
        run = self.on_paper(1, "--require-transport", "nvlink")
        self.assertEqual(run.code, 3, run)
        self.assertIn("is unknown (on paper)", run.errors[0])


if __name__ == "__main__":
    unittest.main()
