"""Architectures and their sizes, spelt as in Hugging Face configurations."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from babyllama.recipe.base import Frozen, divisor_of


class LlamaShape(Frozen):
    """A LLaMA: rotary positions, RMSNorm, SwiGLU."""

    model_type: Literal["llama"]
    hidden_size: int = Field(gt=0, description="Width of the residual stream.")
    intermediate_size: int = Field(gt=0, description="Width of the SwiGLU layer.")
    num_hidden_layers: int = Field(gt=0, description="Number of blocks.")
    num_attention_heads: int = Field(gt=0, description="Attention heads; divides hidden_size.")
    max_position_embeddings: int = Field(256, gt=0, description="Longest input in tokens.")
    tie_word_embeddings: bool = Field(False, description="Use the input embedding as output head.")
    attention_dropout: float = Field(0.0, ge=0, lt=1, description="Dropout on attention weights.")

    @field_validator("num_attention_heads")
    @classmethod
    def _heads_divide_width(cls, heads: int, info: Any) -> int:
        return divisor_of("hidden_size", heads, info.data)


class GPT2Shape(Frozen):
    """A GPT-2: learned positions, LayerNorm, GELU, tied embeddings."""

    model_type: Literal["gpt2"]
    n_embd: int = Field(gt=0, description="Width of the residual stream.")
    n_inner: int = Field(gt=0, description="Width of the feed-forward layer.")
    n_layer: int = Field(gt=0, description="Number of blocks.")
    n_head: int = Field(gt=0, description="Attention heads; divides n_embd.")
    n_positions: int = Field(256, gt=0, description="Longest input in tokens.")
    resid_pdrop: float = Field(0.0, ge=0, lt=1, description="Dropout on the residual stream.")
    embd_pdrop: float = Field(0.0, ge=0, lt=1, description="Dropout on the embeddings.")
    attn_pdrop: float = Field(0.0, ge=0, lt=1, description="Dropout on attention weights.")

    @field_validator("n_head")
    @classmethod
    def _heads_divide_width(cls, heads: int, info: Any) -> int:
        return divisor_of("n_embd", heads, info.data)


class OtherShape(Frozen):
    """Any other causal architecture of transformers, with its own configuration keys."""

    model_type: Literal["other"]
    architecture: str = Field(description="Its `model_type` in transformers.")
    settings: dict[str, int | float | bool | str] = Field(
        default_factory=dict, description="Keys of that architecture's configuration."
    )


Shape = Annotated[LlamaShape | GPT2Shape | OtherShape, Field(discriminator="model_type")]
