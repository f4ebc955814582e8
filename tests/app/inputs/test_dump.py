"""--weights, --tokens and --dump on the program as a user starts it: what goes in by one comes out by the other.

The branches of both layers add nothing (o_proj and down_proj are zero), so that numpy says in a line what the logits
must be; the gradients are held against finite differences of the dumped loss.
"""

import json
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import unittest

import h5py
import numpy as np

BINARY = os.environ["DUMP_BINARY"]
MPIEXEC = os.environ["DUMP_MPIEXEC"]
V, H, F, L, HEADS, KV = 19, 16, 24, 2, 4, 2
D = H // HEADS
CONFIG = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": H, "intermediate_size": F,
          "num_hidden_layers": L, "num_attention_heads": HEADS, "num_key_value_heads": KV, "vocab_size": V,
          "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "max_position_embeddings": 64, "tie_word_embeddings": False}
LINES = [[3, 1, 4, 1, 5, 9], [2, 6, 5, 3, 5, 8], [9, 7, 9, 3, 2, 18], [0, 11, 12, 13, 14, 15]]


def random_weights():
    random = np.random.default_rng(1)
    shapes = {"model.embed_tokens.weight": (V, H), "lm_head.weight": (V, H), "model.norm.weight": (H,)}
    for layer in range(L):
        at = f"model.layers.{layer}."
        shapes |= {at + "self_attn.q_proj.weight": (HEADS * D, H), at + "self_attn.k_proj.weight": (KV * D, H),
                   at + "self_attn.v_proj.weight": (KV * D, H), at + "self_attn.o_proj.weight": (H, HEADS * D),
                   at + "mlp.gate_proj.weight": (F, H), at + "mlp.up_proj.weight": (F, H),
                   at + "mlp.down_proj.weight": (H, F), at + "input_layernorm.weight": (H,),
                   at + "post_attention_layernorm.weight": (H,)}
    # A few bits each, so that bf16 and fp16 hold the same numbers as fp32.
    return {name: (random.integers(-8, 8, shape) / 16).astype(np.float32) for name, shape in shapes.items()}


def stored(values, dtype):
    if dtype == "BF16":
        return (values.view(np.uint32) >> 16).astype(np.uint16).tobytes()
    return values.astype(np.float16 if dtype == "F16" else np.float32).tobytes()


def write_safetensors(path, weights, dtype="F32"):
    header, data = {}, b""
    for name, values in weights.items():
        more = stored(values, dtype)
        header[name] = {"dtype": dtype, "shape": list(values.shape), "data_offsets": [len(data), len(data) + len(more)]}
        data += more
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def logits_without_branches(weights, tokens):
    stream = weights["model.embed_tokens.weight"].astype(float)[tokens]
    normed = stream / np.sqrt((stream**2).mean(-1, keepdims=True) + 1e-5) * weights["model.norm.weight"]
    return normed @ weights["lm_head.weight"].astype(float).T


def cross_entropy(logits, targets):
    logits = logits.astype(float)
    chosen = np.take_along_axis(logits, targets[..., None].astype(int), -1)[..., 0]
    return float((np.log(np.exp(logits).sum(-1)) - chosen).mean())


class Dump(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="scalebench-dump-"))
        self.addCleanup(shutil.rmtree, self.folder)
        (self.folder / "config.json").write_text(json.dumps(CONFIG))
        self.tokens = self.folder / "tokens.txt"
        self.tokens.write_text("".join(" ".join(map(str, line)) + "\n" for line in LINES))
        self.weights = random_weights()
        write_safetensors(self.folder / "model.safetensors", self.weights)

    def start(self, ranks, *more, workload="fsdp70b", force=True):
        command = [MPIEXEC, "--oversubscribe", "--bind-to", "none", "-np", str(ranks), BINARY, "--workload", workload,
                   "--model", self.folder / "config.json", "--weights", self.folder, "--tokens", self.tokens, "--dump", self.folder / "dump.h5", "--output",
                   self.folder / "out.h5", *["--force"] * force, "--dtype", "fp32", "--threads", "1", "--max-iterations", "2",
                   "--global-batch", "4", *more]
        settings = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
        return subprocess.run(list(map(str, command)), env={**os.environ, **settings}, capture_output=True, text=True,
                              timeout=120)

    def dump(self, ranks=1, *more, **settings):
        run = self.start(ranks, *more, **settings)
        self.assertEqual(run.returncode, 0, run.stderr)
        with h5py.File(self.folder / "dump.h5") as file:
            result = {name: file[name][()] for name in ("tokens", "targets", "logits", "loss")}
            result["gradients"] = {name: values[()] for name, values in file["gradients"].items()}
        with h5py.File(self.folder / "out.h5") as file:
            result["first_loss"] = file["points/000/loss"][0]
            self.assertEqual((file["environment"].attrs["weights"], file["environment"].attrs["tokens"]),
                             (str(self.folder), str(self.tokens)))
            # What the dump holds is no memory of the step.
            self.assertEqual(file["points/000/memory_allocated"][...].max(), file["summary/memory_estimate"][0])
        return result

    def assert_same(self, one, other):
        np.testing.assert_array_equal(one["tokens"], other["tokens"])
        np.testing.assert_allclose(one["logits"], other["logits"], rtol=1e-5, atol=1e-5)
        self.assertAlmostEqual(one["loss"], other["loss"], places=5)
        for name, values in other["gradients"].items():
            np.testing.assert_allclose(one["gradients"][name], values, atol=1e-6, err_msg=name)

    def test_names_shapes_types_and_the_ids_of_the_file(self):
        dump = self.dump()
        self.assertEqual({name: values.shape for name, values in dump["gradients"].items()},
                         {name: values.shape for name, values in self.weights.items()})
        lines = np.array(LINES)
        np.testing.assert_array_equal(dump["tokens"], lines[:, :-1])
        np.testing.assert_array_equal(dump["targets"], lines[:, 1:])
        self.assertEqual((dump["tokens"].dtype, dump["logits"].dtype), ("i4", "f4"))
        self.assertEqual(dump["logits"].shape, (4, 5, V))
        self.assertAlmostEqual(dump["loss"], cross_entropy(dump["logits"], dump["targets"]), places=5)
        self.assertAlmostEqual(dump["first_loss"], dump["loss"], places=5)  # the dump changed nothing

    def test_logits_of_a_model_whose_layers_add_nothing(self):
        for name in self.weights:
            if "o_proj" in name or "down_proj" in name:
                self.weights[name][:] = 0
        write_safetensors(self.folder / "model.safetensors", self.weights)
        dump = self.dump()
        np.testing.assert_allclose(dump["logits"], logits_without_branches(self.weights, dump["tokens"]), rtol=1e-4,
                                   atol=1e-4)

    def test_gradients_are_differences_of_the_loss(self):
        gradients = self.dump()["gradients"]
        for name in ("model.layers.1.mlp.up_proj.weight", "model.layers.0.self_attn.k_proj.weight",
                     "model.embed_tokens.weight", "model.layers.0.input_layernorm.weight"):
            with self.subTest(name):
                place = np.unravel_index(np.abs(gradients[name]).argmax(), gradients[name].shape)
                losses = []
                for step in (-1, 1):
                    weights = {n: values.copy() for n, values in self.weights.items()}
                    weights[name][place] += step / 64
                    write_safetensors(self.folder / "model.safetensors", weights)
                    losses.append(self.dump()["loss"])
                self.assertAlmostEqual((losses[1] - losses[0]) * 32 / gradients[name][place], 1, delta=0.03)

    def test_ranks_plans_types_and_indices_give_the_same(self):
        alone = self.dump()
        for ranks, micro_batch, workload in ((2, 1, "fsdp70b"), (2, 2, "fsdp70b"), (4, 1, "ddp8b"), (2, 1, "ddp8b")):
            with self.subTest(ranks=ranks, micro_batch=micro_batch, workload=workload):
                self.assert_same(self.dump(ranks, "--micro-batch", micro_batch, workload=workload), alone)
        for dtype in ("BF16", "F16"):
            with self.subTest(dtype):
                write_safetensors(self.folder / "model.safetensors", self.weights, dtype)
                self.assert_same(self.dump(), alone)
        (self.folder / "model.safetensors").unlink()
        names = list(self.weights)
        index = {}
        for number, part in enumerate((names[:5], names[5:])):
            write_safetensors(self.folder / f"{number}.safetensors", {name: self.weights[name] for name in part})
            index |= {name: f"{number}.safetensors" for name in part}
        (self.folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
        self.assert_same(self.dump(2), alone)

    def test_binary_ids(self):
        alone = self.dump()
        self.tokens = self.folder / "tokens.bin"
        self.tokens.write_bytes(np.array(LINES, "<i4").tobytes())
        self.assert_same(self.dump(1, "--seq", "5"), alone)

    def refused(self, run, code, *parts):
        errors = [line for line in run.stderr.splitlines() if "error:" in line and "scalebench" in line]
        self.assertEqual(run.returncode, code, run.stderr)
        self.assertEqual(len(errors), 1, run.stderr)
        for part in parts:
            self.assertIn(part, errors[0])

    def test_bad_input_is_said_once(self):
        self.tokens.write_text("1 2 19\n")
        self.refused(self.start(2), 2, "tokens.txt:1", "'19' is no token id")
        self.tokens.write_text("1 " * 66 + "\n")
        self.refused(self.start(2), 2, "sequences of 66 ids", "made for 64 tokens")
        self.tokens.write_text("1 2 3\n")
        whole = (self.folder / "model.safetensors").read_bytes()
        (self.folder / "model.safetensors").write_bytes(whole[:-1])
        self.refused(self.start(2), 2, "model.safetensors", "the file is cut short")
        (self.folder / "model.safetensors").write_bytes(whole)
        (self.folder / "dump.h5").write_bytes(b"mine")
        self.refused(self.start(2, force=False), 6, "dump.h5 exists", "--force replaces it")
        self.assertEqual((self.folder / "dump.h5").read_bytes(), b"mine")


if __name__ == "__main__":
    unittest.main()
