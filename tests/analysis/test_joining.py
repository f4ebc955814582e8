"""Files that do not belong in one curve: the message names the attribute and the flag."""

import unittest

from make_result import training
from plotting import PlotTest


class Joining(PlotTest):
    def pair(self, first=(), second=()):
        """Two runs of one rank and of two ranks that differ as said."""
        one = training(self.path("one.h5"), (1,), (8.0,), **dict(first))
        return one, training(self.path("two.h5"), (2,), (4.4,), **dict(second))

    def refused(self, attribute, remedy, first=(), second=()):
        files = self.pair(first, second)
        said = self.refuses("scaling", *files)
        self.assertIn("one.h5", said)
        self.assertIn("two.h5", said)
        self.assertIn(f"({attribute} is ", said)
        self.assertIn(f"run the second again with {remedy}", said)

    def test_what_scaling_varies_joins(self):
        self.draws("scaling", *self.pair({"plan": {"dp": 1, "accumulation": 8, "ranks": 1}},
                                         {"plan": {"dp": 2, "accumulation": 4, "ranks": 2}}))

    def test_workload(self):
        self.refused("workload", "--workload ddp8b", {"root": {"workload": "ddp8b"}})

    def test_model(self):
        self.refused("model/name", "--model llama3-8b", {"model": {"name": "llama3-8b"}})

    def test_shrunk(self):
        self.refused("shrunk", f"--shrink {self.path('one.h5')}", {}, {"root": {"shrunk": "8 of 80 layers"}})

    def test_shrunk_beside_whole(self):
        self.refused("shrunk", "--shrink none", {"root": {"shrunk": ""}})

    def test_shrunk_model_that_is_not_the_same(self):
        self.refused("model/layers", f"--shrink {self.path('one.h5')}", {}, {"model": {"layers": 8}})

    def test_plan(self):
        for name, here, there, remedy in (
                ("dtype", "bf16", "fp32", "--dtype bf16"), ("tp", 1, 2, "--tp 1"), ("seq", 256, 512, "--seq 256"),
                ("micro_batch", 1, 2, "--micro-batch 1"), ("shard", "none", "parameters", "--shard none"),
                ("overlap", 0, 1, "--no-overlap"), ("overlap", "no", "yes", "--no-overlap"),
                ("overlap", 1, 0, "without --no-overlap"),
                ("reshard_after_forward", 1, 0, "--reshard-after-forward yes")):
            self.refused(f"plan/{name}", remedy, {"plan": {name: here}}, {"plan": {name: there}})

    def test_absent_attribute_differs(self):
        self.refused("plan/recompute", "--recompute full", {}, {"plan": {"recompute": None}})

    def test_attribute_that_an_older_minor_version_did_not_know(self):
        self.draws("scaling", *self.pair({"root": {"schema_version": "1.1"}}, {"plan": {"recompute": None}}))

    def test_scaling(self):
        self.refused("scaling", "--scaling weak", {"root": {"scaling": "weak"}}, {"root": {"scaling": "strong"}})

    def test_scaling_behind_a_run_without(self):
        files = self.pair({"root": {"scaling": "weak"}}, {"root": {"scaling": "strong"}})
        plain = training(self.path("plain.h5"), (1,), (8.0,), root={"scaling": "none"}, plan={"scaling": "none"})
        self.assertIn("--scaling weak", self.refuses("scaling", plain, *files))

    def test_strong_holds_the_global_batch(self):
        self.refused("plan/global_batch", "--global-batch 8", {"plan": {"dp": 1}},
                     {"plan": {"dp": 2, "global_batch": 16}})

    def test_weak_holds_the_batch_per_rank(self):
        weak = {"scaling": "weak"}
        one = {"root": weak, "plan": {"dp": 1, "global_batch": 2, **weak}}
        self.draws("scaling", *self.pair(one, {"root": weak, "plan": {"dp": 2, "global_batch": 4, **weak}}), out="ok.png")
        self.refused("plan/global_batch per dp rank", "--global-batch 4", one,
                     {"root": weak, "plan": {"dp": 2, "global_batch": 8, **weak}})

    def test_placement(self):
        self.refused("placement", "the placement of that run", {}, {"root": {"placement": "spread"}})

    def test_device(self):
        with_device = lambda name, **rest: {**rest, "environment": {"device": name}}
        self.refused("device", "--device cpu", with_device("cpu"), with_device("cuda"))
        predicted = with_device("sim:h100", root={"kind": "predicted"}, columns={"threads": None})
        self.draws("scaling", *self.pair(with_device("cpu"), predicted))

    def test_threads(self):
        self.refused("summary/threads", "--threads 2", {"columns": {"threads": [2]}}, {"columns": {"threads": [1]}})

    def test_hostile_attribute_in_a_message(self):
        said = self.refuses("scaling", *self.pair({}, {"plan": {"dtype": "\x1b[31m\u202e" + "W" * 9000}}))
        self.assertNotIn("\x1b", said)
        self.assertNotIn("\u202e", said)
        self.assertLess(len(said), 1500)

    def test_batch_that_is_no_number(self):
        for value in ("8", float("nan"), 0, -1):
            self.draws("scaling", *self.pair({"plan": {"global_batch": value}}, {"plan": {"global_batch": value}}))


if __name__ == "__main__":
    unittest.main()
