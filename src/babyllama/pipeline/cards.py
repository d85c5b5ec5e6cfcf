"""GPUs whose peak speed is known, for plans for a machine that is not here."""

from collections.abc import Mapping

# Dense peak in bfloat16 with sums in float32, FLOP/s without sparsity; of SXM cards where there are
# several. Within 4% of the tables of other projects and of data bases of cards, where these mean
# sums in float32. Not compared with the vendors' data sheets, and measured on no card.
CARDS: Mapping[str, float] = {
    "rtx3090": 71e12, "rtx4090": 165e12, "rtx5090": 209e12, "l4": 121e12, "a10": 125e12,
    "l40s": 362e12, "a100": 312e12, "h100": 989e12, "h200": 989e12, "b200": 2250e12,
    "mi300x": 1307e12,
}  # fmt: skip
