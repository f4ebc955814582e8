"""What the tests share: a folder of their own, and the command run inside this process."""

import contextlib
import io
import os
import tempfile
import unittest
import xml.etree.ElementTree

import matplotlib.image

from scalebench_analysis.cli import main


class PlotTest(unittest.TestCase):
    """A test that writes results and plots into a folder which is removed afterwards."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def run_plot(self, *arguments):
        """(exit code, stdout, stderr) of scalebench-plot."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = main([str(argument) for argument in arguments])
            except SystemExit as end:
                code = end.code
        return code, out.getvalue(), err.getvalue()

    def draws(self, *arguments, code=0, out="plot.png"):
        """stderr of a call that must draw `out`."""
        got, printed, said = self.run_plot(*arguments, "-o", self.path(out))
        self.assertEqual(got, code, said)
        self.assertEqual(printed, self.path(out) + "\n")
        self.assert_drawn(self.path(out))
        return said

    def refuses(self, *arguments, code=2, out="plot.png"):
        """stderr of a call that must draw nothing."""
        got, printed, said = self.run_plot(*arguments, "-o", self.path(out))
        self.assertEqual(got, code, said)
        self.assertEqual(printed, "")
        self.assertFalse(os.path.exists(self.path(out)))
        self.assertTrue(said.startswith("scalebench-plot: error: "), said)
        return said

    def assert_drawn(self, path):
        """The plot is an image with ink of several colours, or well-formed SVG."""
        if path.endswith(".svg"):
            root = xml.etree.ElementTree.parse(path).getroot()
            self.assertTrue(root.tag.endswith("svg"))
            self.assertGreater(len(list(root.iter())), 100)
            return
        pixels = matplotlib.image.imread(path)[..., :3]
        self.assertGreater(min(pixels.shape[:2]), 400)
        self.assertGreater((pixels < 0.9).any(axis=2).mean(), 0.01)
        self.assertGreater((abs(pixels[..., 0] - pixels[..., 2]) > 0.3).sum(), 200)  # not only grey
