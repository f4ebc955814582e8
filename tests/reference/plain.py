"""Decode of a Llama or Mistral in float64, from numpy alone: a cache of keys and values, a position at a time.

    python tests/reference/plain.py

Written from the formulas, not after transformers: that it finds the stored logits shows that those are of the right
positions, under the window too. test_generate.py runs it.
"""

import json
import pathlib

import h5py
import numpy as np

FOLDER = pathlib.Path(__file__).parent
CASES = ("llama3", "tied", "head_dim", "mistral", "mistral_window")


def weights_of(folder):
    data = (folder / "model.safetensors").read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    return {name: np.frombuffer(data[8 + size:], "<f4", np.prod(entry["shape"]), entry["data_offsets"][0])
            .reshape(entry["shape"]).astype(np.float64) for name, entry in header.items()}


def rms_norm(x, weight, epsilon):
    return x / np.sqrt(np.mean(x * x) + epsilon) * weight


def rope(x, position, theta):
    """x [heads, D], turned by position; pairs are half a head apart."""
    half = x.shape[-1] // 2
    angle = position * theta ** (-np.arange(half) / half)
    first, second = x[:, :half], x[:, half:]
    return np.concatenate((first * np.cos(angle) - second * np.sin(angle),
                           second * np.cos(angle) + first * np.sin(angle)), -1)


class Decoder:
    def __init__(self, folder):
        self.config, self.weights, self.cache = json.loads((folder / "config.json").read_text()), weights_of(folder), {}
        rope_fields = self.config.get("rope_parameters") or self.config
        self.theta, self.position = rope_fields["rope_theta"], 0
        self.head_dim, self.window = self.config["head_dim"], self.config.get("sliding_window") or 1 << 30

    def attention(self, layer, x):
        query, key, value = ((self.weights[f"{layer}.self_attn.{part}_proj.weight"] @ x).reshape(-1, self.head_dim)
                             for part in "qkv")
        seen = self.cache.setdefault(layer, [])
        seen.append((rope(key, self.position, self.theta), value))
        seen[:] = seen[-self.window:]
        group = len(query) // len(key)
        keys, values = (np.repeat(np.stack(part), group, 1) for part in zip(*seen))  # [T, heads, D]
        scores = np.einsum("hd,thd->ht", rope(query, self.position, self.theta), keys) / self.head_dim ** 0.5
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = np.einsum("ht,thd->hd", scores / scores.sum(-1, keepdims=True), values).ravel()
        return self.weights[f"{layer}.self_attn.o_proj.weight"] @ mixed

    def feed_forward(self, layer, x):
        gate, up, down = (self.weights[f"{layer}.mlp.{part}_proj.weight"] for part in ("gate", "up", "down"))
        gated = gate @ x
        return down @ (gated / (1 + np.exp(-gated)) * (up @ x))

    def step(self, token):
        """The logits behind `token`, at the next position."""
        table, epsilon = self.weights["model.embed_tokens.weight"], self.config["rms_norm_eps"]
        x = table[token]
        for number in range(self.config["num_hidden_layers"]):
            layer = f"model.layers.{number}"
            x = x + self.attention(layer, rms_norm(x, self.weights[f"{layer}.input_layernorm.weight"], epsilon))
            x = x + self.feed_forward(layer, rms_norm(x, self.weights[f"{layer}.post_attention_layernorm.weight"], epsilon))
        self.position += 1
        return self.weights.get("lm_head.weight", table) @ rms_norm(x, self.weights["model.norm.weight"], epsilon)


def largest_error(case):
    """Of the logits of all that was generated."""
    errors = []
    prompts = [list(map(int, line.split())) for line in (FOLDER / case / "prompts.txt").read_text().splitlines()]
    with h5py.File(FOLDER / case / "generated.h5") as wanted:
        for prompt, ids, logits in zip(prompts, wanted["ids"][:].tolist(), wanted["logits"][:]):
            decoder = Decoder(FOLDER / case)
            found = [decoder.step(token) for token in prompt + ids[:-1]][len(prompt) - 1:]
            errors.append(np.abs(np.stack(found) - logits).max())
    return max(errors)


if __name__ == "__main__":
    for case in CASES:
        print(case, f"{largest_error(case):.1e}")
