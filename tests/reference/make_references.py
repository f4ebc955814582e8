"""Tiny random models of every family with what PyTorch's transformers computes of them: logits, loss, gradients, three steps.

    python tests/reference/make_references.py [CASE ...]

Run by hand, where torch 2.15, transformers 5, safetensors and h5py are installed; test_reference.py compares with the
files, which are stored. A folder a case: config.json, weights (one case in three files with an index, one in bf16),
tokens.txt (a sequence a line, inputs and targets: T + 1 ids) and reference.h5, laid out as `--dump` lays it out
(/tokens, /logits, /loss, /gradients/NAME of the first step), with /steps/loss and /steps/gradient_norm beside it;
prompts.txt and generated.h5 of generation.py.
All is computed in fp32 with eager attention. The optimizer is that of OptimizerSettings in src/spec/plan.hpp.
"""

import copy
import dataclasses
import json
import pathlib
import shutil
import sys

import h5py
import torch
import torch.nn.functional as F
import transformers

from generation import write_generated

FOLDER = pathlib.Path(__file__).parent
STEPS, BATCH = 3, 2
LEARNING_RATE, BETAS, EPSILON, WEIGHT_DECAY, CLIP = 1e-3, (0.9, 0.95), 1e-8, 0.1, 1.0
LLAMA3_1 = {"rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 128}


@dataclasses.dataclass
class Case:
    sequence: int = 32
    layers: int = 2
    hidden: int = 32
    feed_forward: int = 48
    heads: int = 4
    kv_heads: int = 4
    head_dim: int = 8
    vocabulary: int = 64
    theta: float = 500000.0
    scaling: dict = dataclasses.field(default_factory=dict)
    tied: bool = False
    older: bool = False  # the spelling of config.json up to transformers 4
    shard: str = ""      # largest file of the weights
    dtype: torch.dtype = torch.float32  # of the stored weights
    family: str = "Llama"               # of the class in transformers
    more: dict = dataclasses.field(default_factory=dict)  # fields of the family

    def config(self):
        if self.family == "GPT2":
            return transformers.GPT2Config(
                vocab_size=self.vocabulary, n_embd=self.hidden, n_inner=self.feed_forward, n_layer=self.layers,
                n_head=self.heads, n_positions=64, bos_token_id=None, eos_token_id=None, resid_pdrop=0.0,
                embd_pdrop=0.0, attn_pdrop=0.0, attn_implementation="eager", **self.more)
        rope = {"rope_type": "default", **self.scaling, "rope_theta": self.theta}
        return getattr(transformers, self.family + "Config")(
            vocab_size=self.vocabulary, hidden_size=self.hidden, intermediate_size=self.feed_forward,
            num_hidden_layers=self.layers, num_attention_heads=self.heads, rms_norm_eps=1e-5,
            num_key_value_heads=self.kv_heads, head_dim=self.head_dim, max_position_embeddings=256,
            rope_parameters=rope, tie_word_embeddings=self.tied, attn_implementation="eager", **self.more)

    def make(self):
        name = "GPT2LMHeadModel" if self.family == "GPT2" else self.family + "ForCausalLM"
        return getattr(transformers, name)(self.config())


# At theta 1000 and 16 per head, frequencies of all three ranges of Llama 3.1's scaling turn visibly within 40 tokens.
CASES = {
    "llama3": Case(),
    "llama3_1": Case(sequence=40, heads=2, kv_heads=1, head_dim=16, theta=1000.0, scaling=LLAMA3_1, older=True),
    "llama3_2": Case(sequence=40, heads=4, kv_heads=2, head_dim=16, theta=1000.0, scaling=LLAMA3_1, tied=True),
    "linear": Case(layers=1, theta=10000.0, scaling={"rope_type": "linear", "factor": 4.0}, older=True),
    "tied": Case(tied=True),
    "grouped": Case(heads=8, kv_heads=2, head_dim=4, dtype=torch.bfloat16),
    "head_dim": Case(layers=1, heads=2, kv_heads=1, head_dim=24),
    "awkward": Case(sequence=37, hidden=36, feed_forward=50, heads=6, kv_heads=3, head_dim=6, vocabulary=67,
                    shard="36KB"),
    "qwen2": Case(family="Qwen2", heads=4, kv_heads=2, theta=1000.0),
    "qwen3": Case(family="Qwen3", heads=4, kv_heads=2, head_dim=12, theta=1000.0),
    "mistral_window": Case(family="Mistral", sequence=40, kv_heads=2, theta=1000.0, more={"sliding_window": 7}),
    "mistral": Case(family="Mistral", kv_heads=2, more={"sliding_window": None}, older=True),
    "thirds": Case(family="Qwen2", hidden=36, heads=6, kv_heads=3, head_dim=6, vocabulary=67, theta=1000.0),
    "gpt2": Case(family="GPT2", feed_forward=None),
    "gpt2_untied": Case(family="GPT2", sequence=37, hidden=36, feed_forward=50, heads=6, vocabulary=67,
                        more={"tie_word_embeddings": False}),
}


def model_of(case):
    """Weights large enough that every part of the model matters to every gradient."""
    model = case.make().float()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            inputs = parameter.shape[0 if case.family == "GPT2" and "lm_head" not in name else -1]
            if name.endswith("bias"):
                parameter.normal_(0.0, 0.3)
            elif parameter.dim() == 1:
                parameter.normal_(1.0, 0.2)
            else:
                table = any(part in name for part in ("embed", "wte", "wpe"))
                parameter.normal_(0.0, 0.5 if table else 1.5 / inputs ** 0.5)
            parameter.copy_(parameter.to(case.dtype).float())
    return model


def loss_of(model, ids):
    """The logits, and the mean cross entropy of all targets."""
    logits = model(input_ids=ids[:, :-1], use_cache=False).logits
    return logits, F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())


def optimizer_of(model):
    """No parameter is spared the weight decay, norms and embeddings neither: as scalebench does."""
    return torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, betas=BETAS, eps=EPSILON, weight_decay=WEIGHT_DECAY)


def write_reference(file, model, ids):
    optimizer = optimizer_of(model)
    losses, norms = [], []
    for step in range(STEPS):
        batch = ids[step * BATCH:(step + 1) * BATCH]
        optimizer.zero_grad()
        logits, loss = loss_of(model, batch)
        loss.backward()
        if step == 0:
            file["tokens"] = batch[:, :-1].int().numpy()
            file["logits"] = logits.detach().numpy()
            file["loss"] = loss.item()
            for name, parameter in model.named_parameters():
                file[f"gradients/{name}"] = parameter.grad.numpy()
        losses.append(loss.item())
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP).item())
        optimizer.step()
    file["steps/loss"], file["steps/gradient_norm"] = losses, norms


def write_config(folder, case):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    if case.older:
        rope = config.pop("rope_parameters")
        config["rope_theta"] = rope.pop("rope_theta")
        config["rope_scaling"] = rope
        config["torch_dtype"] = config.pop("dtype")
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def make(name, case):
    torch.manual_seed(sum(map(ord, name)))
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    model = model_of(case)
    ids = torch.randint(case.vocabulary, (STEPS * BATCH, case.sequence + 1))
    stored = copy.deepcopy(model).to(case.dtype)  # a copy: the frequencies of the rotary embedding would be rounded too
    stored.save_pretrained(folder, **({"max_shard_size": case.shard} if case.shard else {}))
    (folder / "generation_config.json").unlink()
    write_config(folder, case)
    (folder / "tokens.txt").write_text("".join(" ".join(map(str, row)) + "\n" for row in ids.tolist()))
    write_generated(folder, model, case.vocabulary, sum(map(ord, name)))
    with h5py.File(folder / "reference.h5", "w") as file:
        write_reference(file, model, ids)
    print(name, sum(p.numel() for p in model.parameters()), "parameters,",
          sum(f.stat().st_size for f in folder.iterdir()), "bytes")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name in sys.argv[1:] or CASES:
        make(name, CASES[name])
