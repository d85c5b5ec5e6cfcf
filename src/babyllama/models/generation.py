"""Text that a model generates."""

from pathlib import Path

import torch

from babyllama.data.tokenizer import load_tokenizer
from babyllama.models.loading import load_model


def continuations(
    folder: Path, prompt: str, *, n: int, seed: int, max_new_tokens: int
) -> list[str]:
    """`n` continuations of a prompt, sampled from the model's distribution.

    Raises:
        InputError: as `load_model` and `load_tokenizer`.
    """
    model, tokenizer = load_model(folder), load_tokenizer(folder)
    ids = tokenizer.encode(prompt, add_special_tokens=False)
    if model.config.bos_token_id is not None:
        ids = [model.config.bos_token_id, *ids]
    torch.manual_seed(seed)
    drawn = model.generate(
        torch.tensor([ids]),
        attention_mask=torch.ones(1, len(ids), dtype=torch.int64),
        do_sample=True,
        num_return_sequences=n,
        max_new_tokens=max_new_tokens,
        pad_token_id=tokenizer.pad_token_id,
    )
    # Under the `lines` layout a new line is a special token; it is shown as a space.
    return [tokenizer.decode(row, skip_special_tokens=True).strip() for row in drawn]
