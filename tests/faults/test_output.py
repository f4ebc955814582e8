"""No result is ever overwritten or half-written: cases 42-46 of the fault table."""

import os
import shutil
import subprocess
import unittest

from harness import BINARY, FaultCase, Run, tiny_run, under_mpirun
import results

# A mount of our own, that goes with its last process; as a user, within a user namespace.
UNSHARED = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]


def mounts_work():
    command = [*UNSHARED, "sh", "-c", "mount -t tmpfs -o size=64k none /mnt"]
    return shutil.which("unshare") is not None and subprocess.run(command, capture_output=True, check=False).returncode == 0


class Place(FaultCase):
    def refused_place(self, path, *parts):
        self.refused(self.alone(*tiny_run(path)), 6, *parts)

    def test_a_folder_that_is_missing(self):
        self.refused_place(self.folder / "none" / "out.h5", "none")

    def test_a_folder_that_is_a_file(self):
        (self.folder / "file").write_text("kept")
        self.refused_place(self.folder / "file" / "out.h5")
        self.assertEqual((self.folder / "file").read_text(), "kept")

    def test_an_output_that_is_a_folder(self):
        self.output.mkdir()
        self.refused_place(self.output, "folder")

    def test_an_output_that_links_to_itself(self):
        self.output.symlink_to(self.output)
        self.refused_place(self.output, "symbolic links")

    def test_a_folder_without_permission(self):
        self.refused_place("/sys/scalebench.h5", "/sys")

    def test_under_mpirun_one_rank_speaks(self):
        self.refused(self.ranks(2, *tiny_run(self.folder / "none" / "out.h5")), 6)


class Existing(FaultCase):
    def test_an_existing_result_is_refused_untouched(self):
        self.assertEqual(self.tiny(1).code, 0)
        before = self.digest(self.output)
        self.refused(self.tiny(1), 6, "--append", "--force")
        self.assertEqual(self.digest(self.output), before)

    def test_force_keeps_the_old_result_until_there_is_a_new_point(self):
        self.assertEqual(self.tiny(1).code, 0)
        before = self.digest(self.output)
        self.refused(self.tiny(1, "--force", "--model", "llama3-70b"), 3)  # fits nowhere
        self.assertEqual(self.digest(self.output), before)
        killed = self.tiny(1, "--force", "--inject", "kill:rank=0,step=1")
        self.assertNotEqual(killed.code, 0)
        self.assertEqual(self.digest(self.output), before)
        self.assertEqual(self.tiny(1, "--force").code, 0)
        self.assertNotEqual(self.digest(self.output), before)

    def test_what_is_no_result_is_untouched(self):
        for content in (b"no HDF5 at all", b"", b"\x89HDF\r\n\x1a\n" + b"\0" * 100):
            for flag in ((), ("--append",)):
                with self.subTest(content=content[:8], flag=flag):
                    self.output.write_bytes(content)
                    self.refused(self.tiny(1, *flag), 6, "out.h5")
                    self.assertEqual(self.output.read_bytes(), content)

    def test_force_replaces_results_alone(self):
        self.output.write_bytes(b"1 2 3\n")  # a user's tokens, say
        self.refused(self.tiny(1, "--force"), 6, "is no HDF5 file")
        self.refused(self.tiny(1, "--force", "--dump", "./out.h5"), 2, "name one file")
        self.assertEqual(self.output.read_bytes(), b"1 2 3\n")

    def test_appending_what_does_not_belong_is_refused_untouched(self):
        self.assertEqual(self.tiny(1).code, 0)
        before = self.digest(self.output)
        self.refused(self.tiny(1, "--append", "--seq", 128), 6)
        self.assertEqual(self.digest(self.output), before)

    def test_two_runs_at_once(self):
        first = Run(under_mpirun(1, *tiny_run(self.output, "--inject", "sleep:2500:step=1")), cwd=self.folder)
        self.assertTrue(first.until(self.output.exists, 15), "it does not begin")
        for flag in ((), ("--force",), ("--append",)):
            self.refused(self.alone(*tiny_run(self.output, *flag)), 6, "process")
        self.checked(first.wait(20))
        self.assertEqual(first.code, 0, first)
        self.assertEqual(results.state(self.output), (1, "complete", [1]))
        self.assertEqual([p.name for p in self.folder.iterdir()], ["out.h5"])


class StartUp(FaultCase):
    def test_it_is_timed_from_the_start_of_the_process(self):
        for late in (0, 1):  # s that pass in the process before the program begins
            self.output.unlink(missing_ok=True)
            command = ["sh", "-c", 'sleep "$0"; exec "$@"', str(late), BINARY, *tiny_run(self.output)]
            run = self.checked(Run(command, cwd=self.folder).wait(20))
            self.assertEqual(run.code, 0, str(run))
            startup = results.environment(self.output, "startup_seconds")
            self.assertGreater(startup, late)
            self.assertLess(startup, run.seconds)
            self.assertIn("start-up took", run.stderr)


@unittest.skipUnless(mounts_work(), "a small file system cannot be mounted here")
class FullDisk(FaultCase):
    def on_small_disk(self, kilobytes, *flags):
        """Runs on a file system of its own, and copies out what is there at the end."""
        disk, copy = self.folder / "disk", self.folder / "copy"
        disk.mkdir()
        script = (f'mount -t tmpfs -o size={kilobytes}k none "{disk}"; cp -p "{self.output}" "{disk}" 2>/dev/null; '
                  f'"$@"; code=$?; cp -rp "{disk}" "{copy}"; exit $code')
        run = Run([*UNSHARED, "sh", "-c", script, "sh", BINARY, *tiny_run(disk / "out.h5", *flags)],
                  cwd=self.folder).wait(30)
        self.checked(run)
        return run, sorted(p.name for p in copy.iterdir() if p.suffix == ".h5" or p.suffix == ".tmp"), copy / "out.h5"

    def test_a_disk_that_fills_up_keeps_what_was_there(self):
        self.assertEqual(self.tiny(1).code, 0)
        kilobytes = self.output.stat().st_size // 1024
        run, left, file = self.on_small_disk(2 * kilobytes, "--append")
        self.refused(run, 6, "out.h5", within=15)
        self.assertEqual(left, ["out.h5"])
        self.assertEqual(results.state(file), (1, "complete", [1]))
        self.assertEqual(self.digest(file), self.digest(self.output))

    def test_a_disk_that_is_full_from_the_start(self):
        run, left, _ = self.on_small_disk(4)
        self.refused(run, 6, "out.h5", within=15)
        self.assertEqual(left, [])


if __name__ == "__main__":
    unittest.main()
