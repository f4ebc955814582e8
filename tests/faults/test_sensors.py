"""GPUs that are slowed, watched by nobody, or far from their ranks: cases 17 and 60 of the fault table. The GPUs are of
paper: stand-ins for the driver and for NVML, and a module that computes on the CPU."""

import ctypes
import math
import os
import pathlib
import shutil
import unittest

import h5py

from harness import BINARY, MPIEXEC, FaultCase, Run, tiny_run
import results
import two_sockets

PAIR, DRIVER = pathlib.Path(os.environ["FAULTS_PAIR"]), pathlib.Path(os.environ["FAULTS_DRIVER"])
LONG = ("--min-iterations", "1000000", "--max-iterations", "1000000", "--max-seconds", "4")
MIDWAY = 2  # s


def has_nvml():
    try:
        return bool(ctypes.CDLL("libnvidia-ml.so.1"))
    except OSError:
        return False


class Sensors(FaultCase):
    def setUp(self):
        super().setUp()
        self.program = pathlib.Path(shutil.copy(BINARY, self.folder / "scalebench"))
        (self.folder / PAIR.name).symlink_to(PAIR)

    def on_gpus(self, ranks, *arguments, libraries=DRIVER.parent, wrapped=(), **environment):
        env = {"LD_LIBRARY_PATH": f"{libraries}:{os.environ.get('LD_LIBRARY_PATH', '')}", "FAULTS_GPUS": str(ranks),
               **environment}
        run = self.checked(Run([MPIEXEC, "--oversubscribe", "--bind-to", "none", "-np", str(ranks), *map(str, wrapped),
                                str(self.program), *tiny_run(self.output, *arguments)], env=env,
                               cwd=self.folder).wait(40))
        self.assertEqual(run.code, 0, run)
        return run

    def point(self):
        """The summary's two columns, the figures of each rank, and the flags of the samples."""
        with h5py.File(self.output, "r") as file:
            group = file["points/000"]
            kinds, flags = group["iteration_kind"][()], group["throttled"][()]
            return (file["summary/energy_per_step"][0], file["summary/throttled"][0],
                    {name: values[()] for name, values in group["gpu"].items()}, flags[kinds == 1])

    def lines(self):
        return results.environment(self.output, "affinity").splitlines()

    def test_energy_and_slowed_samples(self):
        run = self.on_gpus(2, *LONG, FAULTS_WATTS="500", FAULTS_REASONS="4", FAULTS_SLOWED_AFTER=str(MIDWAY))
        energy, share, figures, flags = self.point()
        with h5py.File(self.output, "r") as file:
            step = file["summary/step_time_mean"][0]
        self.assertTrue(all(figures["energy_window"] >= 2), figures)
        self.assertAlmostEqual(energy / (2 * 500 * step), 1, delta=0.15)
        self.assertGreater(share, 0.05)
        self.assertLess(share, 0.95)
        self.assertEqual(list(flags[0]), [0, 0])
        self.assertEqual(list(flags[-1]), [1, 1])
        self.assertAlmostEqual(flags.max(axis=1).mean(), share)
        self.assertEqual(list(figures["throttle_reasons"]), [4, 4])
        self.assertEqual(list(figures["sm_clock_min"]), [1.98e9, 1.98e9])
        self.assertRegex(run.stdout, r"GPU .* J a step over all GPUs.*slowed in .* % of the steps \(power cap\)")
        self.assertEqual(results.environment(self.output, "driver"), "580.65.06")

    def test_what_nvml_does_not_know_is_unknown(self):
        self.on_gpus(1, FAULTS_UNKNOWN="energy,clock,errors")
        energy, share, figures, _ = self.point()
        self.assertEqual(share, 0)
        for value in (energy, *figures["energy_per_step"], *figures["sm_clock_min"], *figures["ecc_errors"]):
            self.assertTrue(math.isnan(value))
        self.assertEqual(list(figures["temperature_max"]), [61])

    def test_a_short_run_has_no_energy(self):
        self.on_gpus(1)
        self.assertTrue(math.isnan(self.point()[0]))

    def without_sensors(self, reason, **settings):
        run = self.on_gpus(1, **settings)
        self.assertRegex(results.environment(self.output, "gpu_sensors"), "^absent: " + reason)
        self.assertNotIn("J a step", run.stdout)
        with h5py.File(self.output, "r") as file:
            self.assertNotIn("energy_per_step", file["summary"])
            self.assertNotIn("gpu", file["points/000"])

    @unittest.skipIf(has_nvml(), "this machine has a driver of its own")
    def test_without_nvml_the_run_goes_on(self):
        shutil.copy(DRIVER, self.folder / DRIVER.name)
        self.without_sensors("libnvidia-ml.so.1 is not found", libraries=self.folder)

    def test_an_nvml_that_does_not_start(self):
        self.without_sensors("libnvidia-ml.so.1 does not start: nvmlInit gives error 9", FAULTS_NVMLINIT="9")

    def test_on_the_cpu_nothing_of_it_is_in_the_file(self):
        self.on_gpus(1, "--device", "cpu")
        with h5py.File(self.output, "r") as file:
            self.assertNotIn("affinity", file["environment"].attrs)
            self.assertNotIn("energy_per_step", file["summary"])
            self.assertNotIn("throttled", file["points/000"])

    def between_two_sockets(self, wrapped=()):
        topology = self.folder / "two.xml"
        topology.write_text(two_sockets.xml())
        return self.on_gpus(2, wrapped=("env", f"HWLOC_XMLFILE={topology}", "HWLOC_THISSYSTEM=1", *wrapped))

    @unittest.skipUnless({0, 1} <= os.sched_getaffinity(0), "cores 0 and 1 are not ours")
    def test_ranks_are_bound_near_their_gpus(self):
        run = self.between_two_sockets()
        self.assertEqual(self.lines(),
                         ["cores=0 bound=scalebench numa=0 gpu=0000:10:00.0 gpu_numa=0 nics=mlx5_0",
                          "cores=1 bound=scalebench numa=1 gpu=0000:20:00.0 gpu_numa=1 nics=mlx5_1"])
        self.assertNotIn("another NUMA node", run.stderr)

    @unittest.skipUnless({0, 1} <= os.sched_getaffinity(0), "cores 0 and 1 are not ours")
    def test_ranks_that_the_launcher_bound_far_away(self):
        swapped = self.folder / "swapped.sh"
        swapped.write_text('exec taskset -c $((1 - OMPI_COMM_WORLD_LOCAL_RANK)) "$@"\n')
        run = self.between_two_sockets(("sh", swapped))
        self.assertEqual([line.split()[:3] for line in self.lines()],
                         [["cores=1", "bound=launcher", "numa=1"], ["cores=0", "bound=launcher", "numa=0"]])
        warning = [line for line in run.stderr.splitlines() if "another NUMA node" in line]
        self.assertEqual(len(warning), 1, run)
        self.assertRegex(warning[0], r"2 of 2 ranks .*rank 0: cores 1 of node 1, GPU at node 0.*--bind-to none")


if __name__ == "__main__":
    unittest.main()
