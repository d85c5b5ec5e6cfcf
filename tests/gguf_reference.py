"""A GGUF file read back and computed in the obvious way, by llama.cpp's names and conventions.

Token ids come from the vocabulary and merges in the file alone, logits from its tensors alone.
"""

import itertools

import numpy as np
import regex
from gguf import GGUFReader, TokenType
from gguf.quants import dequantize

GPT2_SPLIT = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


class ReadBack:
    """A file's fields and its tensors as float64."""

    def __init__(self, path):
        reader = GGUFReader(path)
        self.fields = {name: field.contents() for name, field in reader.fields.items()}
        self.types = {each.name: each.tensor_type.name for each in reader.tensors}
        self.tensors = {
            each.name: dequantize(each.data, each.tensor_type).astype(np.float64)
            for each in reader.tensors
        }
        self.kind = self.fields["general.architecture"]

    def size(self, name, default=None):
        return self.fields.get(f"{self.kind}.{name}", default)

    def ids(self, text):
        """Tokens of a text as it stands: no normaliser, no space before it."""
        known = {token: i for i, token in enumerate(self.fields["tokenizer.ggml.tokens"])}
        ranks = {pair: i for i, pair in enumerate(self.fields["tokenizer.ggml.merges"])}
        letters = _letters_of_bytes()
        found = []
        for piece in regex.findall(GPT2_SPLIT, text):
            parts = [letters[byte] for byte in piece.encode()]
            while len(parts) > 1:
                pairs = [ranks.get(f"{a} {b}", len(ranks)) for a, b in itertools.pairwise(parts)]
                at = int(np.argmin(pairs))
                if pairs[at] == len(ranks):
                    break
                parts[at : at + 2] = [parts[at] + parts[at + 1]]
            found += [known[part] for part in parts]
        return found

    def control(self):
        """Tokens that no text has."""
        kinds = self.fields["tokenizer.ggml.token_type"]
        return [i for i, kind in enumerate(kinds) if kind == TokenType.CONTROL]

    def logits(self, ids):
        """Logits at every position, (positions, vocab)."""
        x = self.tensors["token_embd.weight"][ids]
        if self.kind == "gpt2":
            x = x + self.tensors["position_embd.weight"][: len(ids)]
        for block in range(self.size("block_count")):
            x = x + self._attention(f"blk.{block}.", x)
            x = x + self._feed_forward(f"blk.{block}.", x)
        x = self._norm("output_norm", x)
        head = "output" if "output.weight" in self.tensors else "token_embd"
        return x @ self.tensors[f"{head}.weight"].T

    def _linear(self, name, x):
        return x @ self.tensors[f"{name}.weight"].T + self.tensors.get(f"{name}.bias", 0)

    def _norm(self, name, x):
        weight, bias = self.tensors[f"{name}.weight"], self.tensors.get(f"{name}.bias", 0)
        if self.kind == "gpt2":
            x = x - x.mean(-1, keepdims=True)
        epsilon = self.size("attention.layer_norm_epsilon", 0) or self.size(
            "attention.layer_norm_rms_epsilon"
        )
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + epsilon) * weight + bias

    def _attention(self, block, x):
        heads = self.size("attention.head_count")
        groups = self.size("attention.head_count_kv", heads)
        x = self._norm(f"{block}attn_norm", x)
        if self.kind == "gpt2":
            q, k, v = np.split(self._linear(f"{block}attn_qkv", x), 3, axis=-1)
        else:
            q, k, v = (self._linear(f"{block}attn_{name}", x) for name in "qkv")
        q, k, v = (
            each.reshape(len(x), count, -1).transpose(1, 0, 2)
            for each, count in ((q, heads), (k, groups), (v, groups))
        )
        if f"{block}attn_q_norm.weight" in self.tensors:
            q, k = self._norm(f"{block}attn_q_norm", q), self._norm(f"{block}attn_k_norm", k)
        if self.kind != "gpt2":
            q, k = self._rotated(q), self._rotated(k)
        k, v = (np.repeat(each, heads // groups, axis=0) for each in (k, v))
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1])
        scores[:, ~np.tri(len(x), dtype=bool)] = -np.inf
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = shares / shares.sum(-1, keepdims=True) @ v
        return self._linear(f"{block}attn_output", mixed.transpose(1, 0, 2).reshape(len(x), -1))

    def _rotated(self, x):
        """`llama` rotates neighbours in a head, the other architectures its two halves."""
        width = x.shape[-1]
        base = self.size("rope.freq_base")
        angles = np.arange(x.shape[1])[:, None] * base ** (-np.arange(0, width, 2) / width)
        if self.kind == "llama":
            one, two = x[..., 0::2], x[..., 1::2]
        else:
            one, two = np.split(x, 2, axis=-1)
        turned = (
            one * np.cos(angles) - two * np.sin(angles),
            one * np.sin(angles) + two * np.cos(angles),
        )
        if self.kind == "llama":
            return np.stack(turned, axis=-1).reshape(x.shape)
        return np.concatenate(turned, axis=-1)

    def _feed_forward(self, block, x):
        x = self._norm(f"{block}ffn_norm", x)
        up = self._linear(f"{block}ffn_up", x)
        if self.kind == "gpt2":
            inner = np.sqrt(2 / np.pi) * (up + 0.044715 * up**3)
            return self._linear(f"{block}ffn_down", up * (1 + np.tanh(inner)) / 2)
        gate = self._linear(f"{block}ffn_gate", x)
        return self._linear(f"{block}ffn_down", gate / (1 + np.exp(-gate)) * up)


def _letters_of_bytes():
    """The letter by which GPT-2 writes each byte: itself where it is visible, else one from 256."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = iter(range(256, 512))
    return [chr(byte if byte in visible else next(hidden)) for byte in range(256)]
