"""Greedy generation of the models of make_references.py: prompts.txt and generated.h5 of a case.

An explicit loop: each id comes from a forward of its whole prefix, without cache, fp32, eager attention; none ends it.
/ids, /best, /gap [prompt, 16] hold what was drawn, its logit, and how far the second best is below; /logits
[prompt, 16, V]. transformers' own generate(), with its cache, has to give the same ids. Of many prompts drawn, one of
each length is kept: every gap at least MARGIN, so that no rounding in fp32 changes an id, and the liveliest answer,
since models with random biases (GPT-2) like to repeat themselves.
"""

import h5py
import torch

LENGTHS, STEPS = (1, 3, 7, 12, 19), 16
CANDIDATES, MARGIN = 512, 0.02


def greedy(model, prompts):
    """The logits [prompt, STEPS, V] at which the ids after prompts of one length are drawn."""
    ids, rows = prompts, []
    for _ in range(STEPS):
        rows.append(model(input_ids=ids, use_cache=False).logits[:, -1])
        ids = torch.cat((ids, rows[-1].argmax(-1, keepdim=True)), 1)
    return torch.stack(rows, 1)


def gaps_of(logits):
    best = logits.topk(2).values
    return best[..., 0] - best[..., 1]


def prompt_of(model, vocabulary, length, generator):
    drawn = torch.randint(vocabulary, (CANDIDATES, length), generator=generator)
    logits = greedy(model, drawn)
    clear = gaps_of(logits).amin(-1) >= MARGIN
    lively = torch.tensor([len(set(ids)) for ids in logits.argmax(-1).tolist()]) * clear
    return drawn[lively.argmax()]


def cached(model, prompt):
    """The ids that generate() gives with its cache."""
    answer = model.generate(prompt[None], attention_mask=torch.ones_like(prompt[None]), do_sample=False, use_cache=True,
                            max_new_tokens=STEPS, eos_token_id=None, pad_token_id=0)
    return answer[0, len(prompt):]


def write_generated(folder, model, vocabulary, seed):
    """Draws from a generator of its own: what else the case stores does not depend on it."""
    model.eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        prompts = [prompt_of(model, vocabulary, length, generator) for length in LENGTHS]
        logits = torch.cat([greedy(model, prompt[None]) for prompt in prompts])
        ids, gaps = logits.argmax(-1), gaps_of(logits)
        for prompt, answer in zip(prompts, ids):
            assert torch.equal(cached(model, prompt), answer), (folder.name, len(prompt))
    model.train()
    assert gaps.min() > MARGIN / 2, folder.name
    print(folder.name, "least gap", f"{gaps.min():.3f},", "different ids", [len(set(row)) for row in ids.tolist()])
    (folder / "prompts.txt").write_text("".join(" ".join(map(str, row.tolist())) + "\n" for row in prompts))
    with h5py.File(folder / "generated.h5", "w") as file:
        file["ids"], file["logits"] = ids.int().numpy(), logits.numpy()
        file["best"], file["gap"] = logits.amax(-1).numpy(), gaps.numpy()
