"""One training step of scalebench-bench in PyTorch, against PyTorch's own best matrix product of that precision.

    python tests/bench/pytorch_step.py [--threads 1,2] [--dtype fp32,bf16]
    python tests/bench/pytorch_step.py --shard ddp,fsdp      # weak scaling, 2 ranks of one thread each over gloo, fp32

Run by hand, where PyTorch >= 2.5 is installed. In bf16 weights, gradients and moments are all bf16 (14 bytes a parameter
move in the optimizer), where scalebench keeps fp32 masters, gradients and moments (30 bytes).
"""
import argparse
import copy
import os
import statistics
import time

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn

LAYERS, HIDDEN, FEED_FORWARD, HEADS, KV_HEADS, VOCABULARY, TOKENS = 4, 1024, 2816, 8, 2, 2048, 512
HEAD = HIDDEN // HEADS


def rope(x, cos, sin):
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat((-b, a), -1) * sin


def heads_of(x):
    return x.view(1, TOKENS, -1, HEAD).transpose(1, 2)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.n1, self.n2 = nn.RMSNorm(HIDDEN, 1e-5), nn.RMSNorm(HIDDEN, 1e-5)
        self.q = nn.Linear(HIDDEN, HEADS * HEAD, bias=False)
        self.k = nn.Linear(HIDDEN, KV_HEADS * HEAD, bias=False)
        self.v = nn.Linear(HIDDEN, KV_HEADS * HEAD, bias=False)
        self.o = nn.Linear(HEADS * HEAD, HIDDEN, bias=False)
        self.g = nn.Linear(HIDDEN, FEED_FORWARD, bias=False)
        self.u = nn.Linear(HIDDEN, FEED_FORWARD, bias=False)
        self.d = nn.Linear(FEED_FORWARD, HIDDEN, bias=False)

    def forward(self, x, cos, sin):
        h = self.n1(x)
        q, k, v = heads_of(self.q(h)), heads_of(self.k(h)), heads_of(self.v(h))
        a = F.scaled_dot_product_attention(rope(q, cos, sin), rope(k, cos, sin), v, is_causal=True, enable_gqa=True)
        x = x + self.o(a.transpose(1, 2).reshape(1, TOKENS, -1))
        h = self.n2(x)
        return x + self.d(F.silu(self.g(h)) * self.u(h))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, HIDDEN)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = nn.RMSNorm(HIDDEN, 1e-5)
        self.head = nn.Linear(HIDDEN, VOCABULARY, bias=False)

    def forward(self, ids, targets, cos, sin):
        x = self.embed(ids)
        for layer in self.layers:
            x = layer(x, cos, sin)
        return F.cross_entropy(self.head(self.norm(x)).float().view(-1, VOCABULARY), targets.view(-1))


def peak(dtype):
    best = 0.0
    for n in (1024, 2048, 3072):
        a, b = torch.randn(n, n, dtype=dtype), torch.randn(n, n, dtype=dtype)
        for _ in range(6):
            start = time.perf_counter()
            a @ b
            best = max(best, 2 * n**3 / (time.perf_counter() - start))
    return best


class Training:
    def __init__(self, model, dtype=torch.float32):
        self.model = model
        self.optimizer = torch.optim.AdamW(
            model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
        angles = torch.outer(torch.arange(TOKENS), 500000.0 ** (-torch.arange(0, HEAD, 2) / HEAD)).repeat(1, 2)
        self.cos, self.sin = angles.cos().to(dtype), angles.sin().to(dtype)
        self.ids = torch.randint(VOCABULARY, (1, TOKENS + 1))

    def step(self):
        start = time.perf_counter()
        self.optimizer.zero_grad()
        self.model(self.ids[:, :-1], self.ids[:, 1:], self.cos, self.sin).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return time.perf_counter() - start


def measure(dtype, threads, steps=8):
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = Model().to(dtype)
    matrices = sum(p.numel() for n, p in model.named_parameters() if p.dim() == 2 and "embed" not in n)
    flops = 6 * matrices * TOKENS + 6 * LAYERS * TOKENS * TOKENS * HEADS * HEAD
    training = Training(model, dtype)
    times = [training.step() for _ in range(steps)]
    best, median = peak(dtype), statistics.median(times[2:])
    rates = f"{flops / median * 1e-9:.1f} of {best * 1e-9:.1f} GFLOP/s = {flops / median / best:.1%}"
    print(f"{threads} thread(s) {dtype}: step {median * 1e3:.1f} ms, {rates}", flush=True)


def sharded(model, how):
    if how == "ddp":
        return nn.parallel.DistributedDataParallel(model)
    from torch.distributed.fsdp import fully_shard
    for layer in model.layers:
        fully_shard(layer)
    return fully_shard(model)


def measure_rank(rank, how, rounds=6):
    """Rank 0's step alone and that of both ranks, in turn."""
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29517", GLOO_SOCKET_IFNAME="lo")
    dist.init_process_group("gloo", rank=rank, world_size=2)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = Model()
    alone = Training(copy.deepcopy(model)) if rank == 0 else None
    together = Training(sharded(model, how))
    one, both = [], []
    for _ in range(rounds + 1):
        dist.barrier()
        if alone:
            one.append(alone.step())
        dist.barrier()
        slowest = torch.tensor(together.step())
        dist.all_reduce(slowest, dist.ReduceOp.MAX)
        both.append(slowest.item())
    if rank == 0:
        a, b = statistics.median(one[1:]), statistics.median(both[1:])
        print(f"{how}, 2 ranks of 1 thread, fp32: {a * 1e3:.0f} ms alone, {b * 1e3:.0f} ms together = {a / b:.1%}",
              flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--dtype", default="fp32,bf16")
    parser.add_argument("--shard", default="")
    args = parser.parse_args()
    if args.shard:
        for how in args.shard.split(","):
            torch.multiprocessing.spawn(measure_rank, (how,), nprocs=2)
    else:
        for t in map(int, args.threads.split(",")):
            for d in args.dtype.split(","):
                measure({"fp32": torch.float32, "bf16": torch.bfloat16}[d], t)
