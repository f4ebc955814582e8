"""The decoder of Llama and Qwen3 in plain PyTorch, written as its users would write it for speed: fused attention, one
matrix for q, k, v and one for gate, up; nothing that torch.compile would have to break the graph for.
"""
import dataclasses
import json
import pathlib

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

CATALOGUE = pathlib.Path(__file__).parents[2] / "src/spec/catalogue/models"


@dataclasses.dataclass
class Shape:
    layers: int
    hidden: int
    feed_forward: int
    heads: int
    kv_heads: int
    head: int
    vocabulary: int
    theta: float = 500000.0
    epsilon: float = 1e-5
    head_norm: bool = False  # Qwen3
    recompute: bool = False  # each layer's forward again in the backward

    @property
    def matrix_elements(self):  # of the layers and the head: those that multiply
        qkv = self.hidden * self.head * (self.heads + 2 * self.kv_heads)
        layer = qkv + self.hidden * self.head * self.heads + 3 * self.hidden * self.feed_forward
        return self.layers * layer + self.hidden * self.vocabulary

    def training_flops(self, sequences, tokens):
        """`megatron`: three products a matrix, half the square of causal attention."""
        attention = 6 * self.layers * tokens * tokens * self.heads * self.head
        return sequences * (6 * self.matrix_elements * tokens + attention)


def shape_of(name, layers=None):
    """A model of the catalogue, or the path of a config.json."""
    path = CATALOGUE / f"{name}.json"
    c = json.loads((path if path.exists() else pathlib.Path(name)).read_text())
    return Shape(layers=layers or c["num_hidden_layers"], hidden=c["hidden_size"], feed_forward=c["intermediate_size"],
                 heads=c["num_attention_heads"], kv_heads=c["num_key_value_heads"],
                 head=c.get("head_dim") or c["hidden_size"] // c["num_attention_heads"], vocabulary=c["vocab_size"],
                 theta=c.get("rope_theta", 10000.0), epsilon=c["rms_norm_eps"], head_norm=c["model_type"] == "qwen3")


def rope(x, cos, sin):
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat((-b, a), -1) * sin


class Layer(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.s = s
        self.n1, self.n2 = nn.RMSNorm(s.hidden, s.epsilon), nn.RMSNorm(s.hidden, s.epsilon)
        self.qkv = nn.Linear(s.hidden, (s.heads + 2 * s.kv_heads) * s.head, bias=False)
        self.o = nn.Linear(s.heads * s.head, s.hidden, bias=False)
        self.gate_up = nn.Linear(s.hidden, 2 * s.feed_forward, bias=False)
        self.d = nn.Linear(s.feed_forward, s.hidden, bias=False)
        if s.head_norm:
            self.qn, self.kn = nn.RMSNorm(s.head, s.epsilon), nn.RMSNorm(s.head, s.epsilon)

    def heads_of(self, x, cos, sin):
        s = self.s
        qkv = self.qkv(self.n1(x)).view(x.shape[0], x.shape[1], -1, s.head)
        q, k, v = qkv.split((s.heads, s.kv_heads, s.kv_heads), 2)
        if s.head_norm:
            q, k = self.qn(q), self.kn(k)
        q, k, v = (t.transpose(1, 2) for t in (q, k, v))
        return rope(q, cos, sin), rope(k, cos, sin), v

    def rest(self, x, attended):
        x = x + self.o(attended.transpose(1, 2).reshape(x.shape[0], x.shape[1], -1))
        gate, up = self.gate_up(self.n2(x)).chunk(2, -1)
        return x + self.d(F.silu(gate) * up)

    def forward(self, x, cos, sin):
        q, k, v = self.heads_of(x, cos, sin)
        return self.rest(x, F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True))

    def decode(self, x, cos, sin, cache, position, visible):
        """One token a sequence; `cache` [2, B, K, positions, D] is written at `position`."""
        q, k, v = self.heads_of(x, cos, sin)
        cache[0].index_copy_(2, position, k)
        cache[1].index_copy_(2, position, v)
        return self.rest(x, F.scaled_dot_product_attention(q, cache[0], cache[1], attn_mask=visible, enable_gqa=True))


class Model(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.s = s
        self.embed = nn.Embedding(s.vocabulary, s.hidden)
        self.layers = nn.ModuleList(Layer(s) for _ in range(s.layers))
        self.norm = nn.RMSNorm(s.hidden, s.epsilon)
        self.head = nn.Linear(s.hidden, s.vocabulary, bias=False)

    def angles(self, positions, dtype):
        """cos, sin [positions, D]"""
        half = torch.arange(0, self.s.head, 2, device=positions.device)
        angles = torch.outer(positions.float(), self.s.theta ** (-half / self.s.head)).repeat(1, 2)
        return angles.cos().to(dtype), angles.sin().to(dtype)

    def forward(self, ids, targets, cos, sin):
        x = self.embed(ids)
        for layer in self.layers:
            x = checkpoint(layer, x, cos, sin, use_reentrant=False) if self.s.recompute else layer(x, cos, sin)
        return F.cross_entropy(self.head(self.norm(x)).float().flatten(0, 1), targets.flatten())

    def decode(self, ids, position, caches):
        """Greedy: the next ids [B, 1] after `ids` [B, 1], which stand at `position` [1]."""
        x = self.embed(ids)
        cos, sin = self.angles(position, x.dtype)
        visible = (torch.arange(caches.shape[4], device=ids.device) <= position)[None, None, None, :]
        for layer, cache in zip(self.layers, caches):
            x = layer.decode(x, cos, sin, cache, position, visible)
        return self.head(self.norm(x)).argmax(-1)
