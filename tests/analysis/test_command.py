"""The command: bad files, hostile texts, output and options."""

import os
import subprocess
import sys
import unittest

import numpy as np

import make_result
from make_result import collective, decode, decode_row, training
from plotting import PlotTest

HOSTILE = "$\\frac{1}{$ _x \x00\x1b[31m\u202e <script>alert(1)</script> ../../x =cmd() \u65e5\u672c & " + "W" * 5000


class Files(PlotTest):
    def test_bad_files_do_not_stop_the_others(self):
        good = training(self.path("good.h5"))
        open(self.path("empty.h5"), "w").close()
        with open(self.path("text.h5"), "w") as file:
            file.write("no HDF5" * 100)
        newer = training(self.path("newer.h5"), root={"schema_version": "2.0"})
        bad = [self.path("empty.h5"), self.path("text.h5"), newer, self.path("absent.h5")]
        for command in ("scaling", "breakdown"):
            said = self.draws(command, bad[0], bad[1], good, bad[2], bad[3], code=2, out=f"{command}.png")
            for path in bad:
                self.assertRegex(said, f"(?m)^scalebench-plot: error: {path} ")
            self.assertEqual(said.count("error:"), 4)

    def test_only_bad_files(self):
        open(self.path("empty.h5"), "w").close()
        self.refuses("busbw", self.path("empty.h5"))

    def test_hostile_texts(self):
        texts = HOSTILE.replace("\x00", "")  # HDF5 ends a text there
        every = {"root": {name: texts for name in ("workload", "shrunk", "placement", "command", "run_id")},
                 "model": {"name": texts, "layers": texts}, "plan": {name: texts for name in make_result.PLAN}}
        path = training(self.path("$a^{_b.h5"), (1, 2), (8.0, 4.4), columns={"sweep": [texts, "_" + texts]}, **every)
        before = sorted(os.listdir(self.folder))
        for command in ("scaling", "breakdown"):
            for ending in ("png", "svg"):
                said = self.draws(command, path, out=f"{command}.{ending}")
                self.assertNotIn("\x1b", said)
            with open(self.path(f"{command}.svg")) as file:
                self.assertNotIn("<script>", file.read())
        made = {"scaling.png", "scaling.svg", "breakdown.png", "breakdown.svg"}
        self.assertEqual(set(os.listdir(self.folder)), made | set(before))

    def test_hostile_decode(self):
        texts = HOSTILE.replace("\x00", "")
        every = {"root": {name: texts for name in ("workload", "shrunk", "device")}, "model": {"name": texts},
                 "plan": {name: texts for name in make_result.DECODE_PLAN}}
        path = decode(self.path("_a.h5"), [decode_row(tp, tp) for tp in (1, 2)], **every)
        for command in ("pareto", "scaling", "breakdown"):
            said = self.draws(command, path, out="plot.svg")
            self.assertNotIn("\x1b", said)
            with open(self.path("plot.svg")) as file:
                self.assertNotIn("<script>", file.read())

    def test_hostile_collective(self):
        path = collective(self.path("_a.h5"), workload="_$x$" + HOSTILE.replace("\x00", ""))
        self.draws("busbw", path, out="plot.svg")

    def test_texts_that_are_not_utf8(self):
        path = training(self.path("a.h5"), root={"shrunk": np.bytes_(b"\xff\xfe broken")})
        self.draws("scaling", path, out="plot.svg")

    def test_name_with_space_and_umlaut(self):
        self.draws("scaling", training(self.path("gr\u00f6\u00dfe 1.h5")), out="ausgabe \u00e4.png")


class Output(PlotTest):
    def test_missing_folder(self):
        path = training(self.path("a.h5"))
        self.assertIn("cannot be written", self.refuses("scaling", path, out="none/plot.png", code=6))
        self.assertFalse(os.path.exists(self.path("none")))

    def test_folder_in_the_way(self):
        path = training(self.path("a.h5"))
        os.mkdir(self.path("plot.png"))
        code, printed, said = self.run_plot("scaling", path, "-o", self.path("plot.png"))
        self.assertEqual((code, printed), (6, ""), said)
        self.assertEqual(sorted(os.listdir(self.folder)), ["a.h5", "plot.png"])  # no temporary file left

    def test_unknown_ending(self):
        path = training(self.path("a.h5"))
        self.assertIn(".png nor in .svg", self.refuses("scaling", path, out="plot.jpg"))

    def test_input_as_output(self):
        path = training(self.path("a.png"))
        size = os.path.getsize(path)
        code, _, said = self.run_plot("scaling", path, "-o", path)
        self.assertEqual(code, 2, said)
        self.assertEqual(os.path.getsize(path), size)

    def test_an_old_plot_is_replaced(self):
        with open(self.path("plot.png"), "w") as file:
            file.write("old")
        self.draws("scaling", training(self.path("a.h5")))

    def test_same_input_gives_the_same_svg(self):
        path, drawings = training(self.path("a.h5")), []
        for name in ("1.svg", "2.svg"):
            self.draws("scaling", path, out=name)
            with open(self.path(name)) as file:
                drawings.append(file.read())
        self.assertEqual(*drawings)


class CommandLine(PlotTest):
    def test_later_commands(self):
        for command in ("compare", "report", "trace"):
            self.assertIn(f"{command} is not in this version", self.refuses(command, "a.h5"))

    def test_bad_usage(self):
        for arguments in ((), ("scalin", "a.h5", "-o", "x.png"), ("scaling", "-o", "x.png"), ("scaling", "a.h5"),
                          ("scaling", "a.h5", "--out", "x.png")):
            code, printed, said = self.run_plot(*arguments)
            self.assertEqual((code, printed), (2, ""))
            self.assertTrue(said.startswith("scalebench-plot: error: "), said)

    def test_module(self):
        path = training(self.path("a.h5"))
        done = subprocess.run([sys.executable, "-m", "scalebench_analysis", "scaling", path, "-o", self.path("x.svg")],
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, self.path("x.svg") + "\n", ""))

    def test_a_crash_of_the_library_does_not_stop_the_others(self):
        good, bad = training(self.path("good.h5")), training(self.path("bad.h5"), (1, 2), (8.0, 4.4))
        with open(bad, "r+b") as file:
            data = file.read()
            for place in range(600, len(data), 97):
                file.seek(place)
                file.write(b"\xa5")
        said = self.draws("scaling", good, bad, code=2)
        self.assertIn(f"error: {bad} ", said)


if __name__ == "__main__":
    unittest.main()
