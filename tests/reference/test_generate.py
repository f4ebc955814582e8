"""The ids that the program generates, against those of PyTorch's transformers (generated.h5 of generation.py).

    test_generate.py SCALEBENCH MPIEXEC

    mpirun -np R scalebench --workload decode_qwen3_8b --model CASE/config.json --weights CASE --prompt-tokens FILE
        --output-tokens 16 --ignore-eos --dtype D --kv-dtype D --tp T --batch B --concurrency C --output RESULT.h5

An id is compared where the best logit is further above the second than the tolerance, and all before it in its answer
were. In bf16, where many are not, what follows such an id is asked for by a prompt of its own, so that every clear id is
compared once.

A start of the program measures the machine first, 2 s on a rank: so each case runs once, and all of the product by hand.
"""

import dataclasses
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import h5py
import numpy as np

import plain

PROGRAM, MPIEXEC = (sys.argv.pop(1), sys.argv.pop(1)) if len(sys.argv) > 2 else ("scalebench", "mpirun")
FOLDER = pathlib.Path(__file__).parent
CASES = sorted(path.parent.name for path in FOLDER.glob("*/generated.h5"))
STEPS = 16
# In logits. The least gap of all cases is 0.021: in fp32 all ids are compared. PyTorch itself, in bf16 throughout, draws
# another id at gaps of up to 0.29 (of the cases compared in bf16: 0.10).
TOLERANCE = {"fp32": 1e-3, "bf16": 0.3}
LEAST_COMPARED = {"fp32": 80, "bf16": 43}  # of the 80 ids of a case


@dataclasses.dataclass
class Request:
    prompt: list  # of ids
    ids: list     # that must follow, as far as they are clear


def requests_of(case, tolerance):
    """The stored prompts and, of each answer, what a forward can be sure of: it begins anew behind what is not clear."""
    prompts = [list(map(int, line.split())) for line in (FOLDER / case / "prompts.txt").read_text().splitlines()]
    requests = []
    with h5py.File(FOLDER / case / "generated.h5") as file:
        for prompt, ids, gaps in zip(prompts, file["ids"][:].tolist(), file["gap"][:]):
            ends = [-1, *np.flatnonzero(gaps <= tolerance).tolist(), len(ids)]
            requests += [Request(prompt + ids[:before + 1], ids[before + 1:end])
                         for before, end in zip(ends, ends[1:]) if end > before + 1]
    return requests


def run(case, requests, tp, dtype, folder, ranks=0, flags=()):
    prompts = pathlib.Path(folder, "prompts.txt")
    prompts.write_text("".join(" ".join(map(str, request.prompt)) + "\n" for request in requests))
    command = ["--workload", "decode_qwen3_8b", "--model", FOLDER / case / "config.json", "--weights", FOLDER / case,
               "--prompt-tokens", prompts, "--output-tokens", STEPS, "--ignore-eos", "--dtype", dtype,
               "--kv-dtype", dtype, "--tp", tp, "--threads", 1, "--output", pathlib.Path(folder, "out.h5"), *flags]
    return subprocess.run([MPIEXEC, "--oversubscribe", "--bind-to", "none", "-np", str(ranks or tp), PROGRAM,
                           *map(str, command)], capture_output=True, text=True, timeout=120, check=False)


def degrees_of(case):
    """1 to 4, where query heads and feed-forward divide, and the key-value heads divide or are replicated."""
    config = json.loads((FOLDER / case / "config.json").read_text())
    heads = config.get("num_attention_heads") or config["n_head"]
    kv_heads = config.get("num_key_value_heads", heads)
    feed_forward = config.get("intermediate_size") or config.get("n_inner") or 4 * config["n_embd"]
    return [tp for tp in (1, 2, 3, 4)
            if heads % tp == 0 and feed_forward % tp == 0 and (kv_heads % tp == 0 or tp % kv_heads == 0)]


class Generate(unittest.TestCase):
    maxDiff = None

    def check(self, case, tp, at_once, dtype="fp32", ranks=0, flags=()):
        """`at_once`: sequences in one step, and requests under way."""
        requests = requests_of(case, TOLERANCE[dtype])
        flags = ("--batch", at_once, "--concurrency", at_once, *flags)
        with self.subTest(case=case, tp=tp, dtype=dtype, flags=flags), tempfile.TemporaryDirectory() as folder:
            self.assertGreaterEqual(sum(len(request.ids) for request in requests), LEAST_COMPARED[dtype])
            process = run(case, requests, tp, dtype, folder, ranks, flags)
            self.assertEqual(process.returncode, 0, process.stderr)
            with h5py.File(pathlib.Path(folder, "out.h5")) as file:
                self.compare(requests, file["points/000/tokens/request"][:], file["points/000/tokens/id"][:])
                if "--kv-memory" in flags:
                    self.assertGreater(file["points/000/requests/preemptions"][:].sum(), 0)

    def compare(self, requests, numbers, ids):
        self.assertEqual(np.bincount(numbers, minlength=len(requests)).tolist(), [STEPS] * len(requests))
        found = [ids[numbers == number].tolist()[:len(request.ids)] for number, request in enumerate(requests)]
        self.assertEqual(found, [request.ids for request in requests])

    def test_the_references_are_what_plain_arithmetic_says(self):
        for case in plain.CASES:
            self.assertLess(plain.largest_error(case), 1e-4, case)

    def test_all_cases_and_degrees_are_there(self):
        self.assertEqual(len(CASES), 15)
        self.assertEqual({case: degrees_of(case) for case in ("grouped", "awkward", "thirds", "gpt2", "llama3_1")},
                         {"grouped": [1, 2, 4], "awkward": [1], "thirds": [1, 3], "gpt2": [1, 2, 4], "llama3_1": [1, 2]})

    def test_every_case_cut_over_ranks(self):
        """Alone and batched in turn. On 4 ranks: key-value heads cut, replicated, and replicated with their biases."""
        for number, case in enumerate(CASES):
            degrees = degrees_of(case)
            self.check(case, degrees[-1] if case in ("gpt2", "grouped", "qwen2") else degrees[:2][-1], 1 if number % 2 else 5)

    def every_case_under_every_degree(self):
        """All of it, by hand: test_generate.py SCALEBENCH MPIEXEC Generate.every_case_under_every_degree"""
        for case in CASES:
            for tp in degrees_of(case):
                for at_once in (1, 5):
                    for dtype in TOLERANCE:
                        self.check(case, tp, at_once, dtype)
                        self.check(case, tp, at_once, dtype, flags=("--prefill-chunk", 3))

    def test_prompts_in_chunks_on_one_rank(self):
        """A chunk ends where no prompt does, and one step mixes chunks and decode."""
        for case, at_once in (("mistral_window", 5), ("gpt2", 3), ("qwen3", 2)):
            self.check(case, 1, at_once, flags=("--prefill-chunk", 4))

    def test_a_cache_too_small_for_all_requests(self):
        """Requests of up to three blocks (of 16 positions, fp32) where there are five: one gives way, and is computed anew."""
        for case, block in (("llama3_2", 2 * 2 * 2 * 16 * 16 * 4), ("gpt2", 2 * 2 * 4 * 16 * 8 * 4)):
            self.check(case, 1, 5, flags=("--kv-memory", 5 * block))

    def test_replicas(self):
        self.check("linear", 1, 2, ranks=2, flags=("--dp", 2))

    def test_bf16_is_near(self):
        for case, tp, at_once in (("llama3", 1, 4), ("qwen3", 1, 8), ("llama3_1", 2, 8)):
            self.check(case, tp, at_once, dtype="bf16")


if __name__ == "__main__":
    unittest.main()
