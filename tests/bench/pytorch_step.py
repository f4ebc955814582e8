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
from torch import nn

from pytorch_model import Model, Shape

TOKENS = 512
SHAPE = Shape(layers=4, hidden=1024, feed_forward=2816, heads=8, kv_heads=2, head=128, vocabulary=2048)


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
        self.cos, self.sin = model.angles(torch.arange(TOKENS), dtype)
        self.ids = torch.randint(SHAPE.vocabulary, (1, TOKENS + 1))

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
    model = Model(SHAPE).to(dtype)
    flops = SHAPE.training_flops(1, TOKENS)
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
    model = Model(SHAPE)
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
