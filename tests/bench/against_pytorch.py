"""scalebench and PyTorch in turn on this machine, the same model, batch, recomputation and optimizer.

    python tests/bench/against_pytorch.py train  --scalebench build/cuda/scalebench --layers 8 --seq 4096 --dtype bf16
    python tests/bench/against_pytorch.py decode --scalebench build/cuda/scalebench --tokens 256

Run by hand, where PyTorch >= 2.6 is installed; on a GPU unless --device cpu. One rank. Training is ddp8b's on a
full-width slice (--layers) of --model: torch.compile, scaled_dot_product_attention, fused AdamW and clipping; in bf16
parameters, gradients and moments are fp32 and products run under autocast, as scalebench keeps them (--states bf16:
all of PyTorch's in bf16, which moves half of the bytes). Decode is decode_qwen3_8b's: one sequence, greedy, against a
static cache, compiled with CUDA graphs (mode "reduce-overhead"; "default" on a CPU); its time is the median step.
Each round measures one, then the other; the last line is the ratio of the medians.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import torch
from torch import nn

from pytorch_model import Model, shape_of

DTYPES = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16}


def finished(device):
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def compiled(function, args, mode):
    return function if args.eager else torch.compile(function, mode=mode if args.device == "cuda" else "default")


class Training:
    def __init__(self, args):
        self.args, self.shape = args, shape_of(args.model, args.layers)
        self.shape.recompute = args.recompute == "full"
        states = DTYPES[args.dtype] if args.states == "bf16" else torch.float32
        self.model = Model(self.shape).to(args.device, states)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
        self.forward = compiled(self.model, args, None)
        cast = DTYPES[args.dtype] if args.states == "fp32" else torch.float32
        self.autocast = torch.autocast(args.device, cast, enabled=cast != torch.float32)
        self.angles = self.model.angles(torch.arange(args.seq, device=args.device), DTYPES[args.dtype])
        self.ids = torch.randint(self.shape.vocabulary, (args.micro_batch, args.seq + 1), device=args.device)

    def step(self):
        self.optimizer.zero_grad()
        with self.autocast:
            loss = self.forward(self.ids[:, :-1], self.ids[:, 1:], *self.angles)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()

    def measure(self):
        """The mean of a block of steps that follow each other freely: s."""
        begin = finished(self.args.device)
        for _ in range(self.args.steps):
            self.step()
        return (finished(self.args.device) - begin) / self.args.steps

    def flags(self):
        a = self.args
        return ["--workload", "ddp8b", "--model", a.model, "--layers", str(a.layers), "--seq", str(a.seq),
                "--micro-batch", str(a.micro_batch), "--dtype", a.dtype, "--recompute", a.recompute,
                "--min-iterations", str(a.steps), "--max-iterations", str(max(a.steps, 20))]

    def time_of(self, point):
        return point["step_time"]

    def describe(self, seconds):
        return f"{self.shape.training_flops(self.args.micro_batch, self.args.seq) / seconds * 1e-12:.2f} TFLOP/s"


class Decode:
    def __init__(self, args):
        self.args, self.shape = args, shape_of(args.model, args.layers)
        dtype = DTYPES[args.dtype]
        self.model = Model(self.shape).to(args.device, dtype).eval()
        self.next = compiled(self.model.decode, args, "reduce-overhead")
        positions = -(-(args.prompt + args.tokens) // 16) * 16
        self.caches = torch.zeros(self.shape.layers, 2, 1, self.shape.kv_heads, positions, self.shape.head,
                                  dtype=dtype, device=args.device)

    @torch.inference_mode()
    def measure(self):
        ids = torch.zeros(1, 1, dtype=torch.long, device=self.args.device)
        times = []
        for position in range(self.args.prompt, self.args.prompt + self.args.tokens):
            begin = finished(self.args.device)
            ids = self.next(ids, torch.tensor([position], device=self.args.device), self.caches).clone()
            times.append(finished(self.args.device) - begin)
        return statistics.median(times)

    def flags(self):
        a = self.args
        layers = ["--layers", str(a.layers)] if a.layers else []
        return ["--workload", "decode_qwen3_8b", "--model", a.model, *layers, "--dtype", a.dtype, "--batch", "1",
                "--requests", "2", "--concurrency", "1", "--input-tokens", str(a.prompt), "--output-tokens",
                str(a.tokens), "--ignore-eos"]

    def time_of(self, point):
        return point["itl_gap_p50"]

    def describe(self, seconds):
        read = self.shape.matrix_elements * DTYPES[self.args.dtype].itemsize
        return f"{read / seconds * 1e-9:.1f} GB/s of weights"


def run_scalebench(args, work):
    with tempfile.TemporaryDirectory() as folder:
        command = [args.scalebench, *work.flags(), "--device", args.device, "--shrink", "none", "--format", "json",
                   "--output", str(pathlib.Path(folder) / "out.h5")]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}")
    return work.time_of(json.loads(done.stdout)["points"][0])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("train", "decode"))
    parser.add_argument("--scalebench", default="build/cuda/scalebench")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--model", help="of the catalogue, or a config.json [llama3-8b, qwen3-8b]")
    parser.add_argument("--layers", type=int, help="[8 of training, all of decode]")
    parser.add_argument("--seq", type=int, default=4096)
    parser.add_argument("--micro-batch", type=int, default=1)
    parser.add_argument("--dtype", choices=DTYPES, default="bf16")
    parser.add_argument("--states", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--recompute", choices=("none", "full"), default="none")
    parser.add_argument("--prompt", type=int, default=128)
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--steps", type=int, default=10, help="of a block")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0, help="of a CPU")
    parser.add_argument("--eager", action="store_true", help="without torch.compile")
    args = parser.parse_args()
    args.model = args.model or {"train": "llama3-8b", "decode": "qwen3-8b"}[args.what]
    if args.what == "train":
        args.layers = args.layers or 8
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.dtype == "tf32":
        torch.set_float32_matmul_precision("high")
    torch.manual_seed(0)
    work = Training(args) if args.what == "train" else Decode(args)
    work.measure()  # compiles
    work.measure()
    theirs, ours = [], []
    for number in range(args.rounds):
        theirs.append(work.measure())
        if args.device == "cuda":
            torch.cuda.empty_cache()
        ours.append(run_scalebench(args, work))
        print(f"round {number}: PyTorch {theirs[-1] * 1e3:.3f} ms, scalebench {ours[-1] * 1e3:.3f} ms", flush=True)
    a, b = statistics.median(theirs), statistics.median(ours)
    print(f"{args.what} {args.model}, {args.layers or 'all'} layers, {args.dtype}, PyTorch {torch.__version__}: "
          f"{a * 1e3:.3f} ms ({work.describe(a)}); scalebench {b * 1e3:.3f} ms ({work.describe(b)}): {a / b:.3f} x")


if __name__ == "__main__":
    main()
