"""Runs scalebench as a user does, and looks at what is left of it: exit code, lines, files, processes."""

import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import uuid

BINARY = os.environ["FAULTS_BINARY"]
MPIEXEC = os.environ["FAULTS_MPIEXEC"]
TINY = ("--workload", "fsdp70b", "--model", "tiny-llama", "--shrink", "none", "--seq", "64", "--threads", "1",
        "--min-iterations", "1", "--max-iterations", "3", "--max-seconds", "20", "--timeout", "3")
LIMIT = 3  # s: the --timeout above
TOKEN = "FAULTS_TOKEN"


def tiny_run(output, *arguments):
    """The arguments of a small run; each of its options gives way to the same one in `arguments`."""
    pairs = [pair for pair in zip(TINY[::2], TINY[1::2]) if pair[0] not in arguments]
    return [*(word for pair in pairs for word in pair), "--output", str(output), *map(str, arguments)]


def environment(token, extra):
    """Ours without what would steer a run; `extra` may take variables away by None."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("SCALEBENCH_", "OMPI_COMM", "PMIX_", "PMI_", "SLURM_", "OMP_"))}
    kept.update({"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", TOKEN: token})
    kept.update(extra or {})
    return {name: value for name, value in kept.items() if value is not None}


def processes_with(token):
    found = []
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and f"{TOKEN}={token}".encode() in pathlib.Path("/proc", entry, "environ").read_bytes():
                found.append(int(entry))
        except OSError:
            pass  # gone meanwhile, or somebody else's
    return found


class Run:
    """A command on its way. Whatever happens, none of its processes outlives it."""

    def __init__(self, command, env=None, cwd=None, **settings):
        self.token = uuid.uuid4().hex
        self.begin = time.monotonic()
        self.out, self.err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            command, env=environment(self.token, env), cwd=cwd, start_new_session=True, stdin=subprocess.DEVNULL,
            **{"stdout": self.out, "stderr": self.err, **settings})

    def wait(self, most):
        """Until it ends, at most so many seconds."""
        try:
            self.code = self.process.wait(timeout=most)
        except subprocess.TimeoutExpired:
            self.code = None
        self.seconds = time.monotonic() - self.begin
        deadline = time.monotonic() + 5  # of a launcher that has left already
        while processes_with(self.token) and time.monotonic() < deadline and self.code is not None:
            time.sleep(0.05)
        self.orphans = processes_with(self.token)
        for process in self.orphans:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        self.stdout, self.stderr = self.text(self.out), self.text(self.err)
        self.errors = [line for line in self.stderr.splitlines() if "scalebench: error:" in line]
        return self

    def until(self, sign, most):
        """Waits until `sign()` holds; False if the run ends or the time is over before."""
        deadline = time.monotonic() + most
        while time.monotonic() < deadline and self.process.poll() is None:
            if sign():
                return True
            time.sleep(0.02)
        return False

    @staticmethod
    def text(file):
        file.seek(0)
        with file:
            return file.read().decode(errors="replace")

    def __str__(self):
        return f"exit code {self.code} after {self.seconds:.1f} s\n{self.stdout}\n{self.stderr}"


def under_mpirun(ranks, *arguments, flags=()):
    return [MPIEXEC, *flags, "--oversubscribe", "--bind-to", "none", "-np", str(ranks), BINARY, *map(str, arguments)]


class FaultCase(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="scalebench-faults-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.output = self.folder / "out.h5"

    def alone(self, *arguments, most=20, **settings):
        return self.checked(Run([BINARY, *map(str, arguments)], cwd=self.folder, **settings).wait(most))

    def ranks(self, count, *arguments, most=30, **settings):
        return self.checked(Run(under_mpirun(count, *arguments), cwd=self.folder, **settings).wait(most))

    def tiny(self, count, *arguments, **settings):
        return self.ranks(count, *tiny_run(self.output, *arguments), **settings)

    def checked(self, run):
        """What holds of every run, however it ends."""
        self.assertIsNotNone(run.code, f"it does not end\n{run}")
        self.assertEqual(run.orphans, [], f"processes outlive the run\n{run}")
        self.assertNotRegex(run.stdout + run.stderr, "[\x1b\r]", "terminal codes in a log")
        self.assertEqual([p for p in self.folder.rglob("*") if p.name.endswith(".tmp")], [], "temporaries are left")
        return run

    def refused(self, run, code, *parts, within=5):
        """One line says why, in one way: problem (why) suggestion."""
        self.assertEqual(run.code, code, run)
        self.assertEqual(len(run.errors), 1, run)
        self.assertRegex(run.errors[0], r"^scalebench: error: .+ \(.+\);? .+", run)
        for part in parts:
            self.assertRegex(run.errors[0], part)
        self.assertLess(run.seconds, within, run)

    @staticmethod
    def digest(path):
        return hashlib.sha256(path.read_bytes()).hexdigest()
