"""Models in the formats of other programs, each compared with what the program computes."""

import importlib.util
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch

from babyllama.console import print_status
from babyllama.data.foreign_files import read_object
from babyllama.data.tokenizer import load_tokenizer
from babyllama.errors import InputError
from babyllama.models.ensemble import load_ensemble
from babyllama.models.loading import configuration_of, load_model
from babyllama.models.vocabulary import shared_vocabulary
from babyllama.publish.export.about import About, about, about_ensemble
from babyllama.publish.export.gguf_tokenizer import read_gguf_tokenizer, refuse_differences
from babyllama.publish.export.gguf_weights import GgufType, refuse_unknown_architecture
from babyllama.publish.export.placing import placed
from babyllama.publish.export.texts import texts_to_check
from babyllama.recipe import EQUAL_WEIGHTS, Mixing
from babyllama.runs.files import write_json

if TYPE_CHECKING:
    from babyllama.models.ensemble import Ensemble

Format = Literal["gguf", "onnx"]
_PACKAGES = {"gguf": ("gguf",), "onnx": ("onnx", "onnxscript")}
_TOKENIZER = "tokenizer.json"
_COPIED = (
    _TOKENIZER, "tokenizer_config.json", "special_tokens_map.json", "generation_config.json",
)  # fmt: skip


def refuse_missing_packages(to: Format) -> None:
    """Check that the libraries that write a format are installed.

    Raises:
        InputError: names the extra.
    """
    for name in _PACKAGES[to]:
        if importlib.util.find_spec(name) is None:
            raise InputError(
                f"--to {to} needs {name}, which is not installed",
                why="It is an optional dependency.",
                mend="Run: pip install 'babyllama[export]'",
            )


def export_gguf(
    folder: Path,
    out: Path,
    *,
    kind: GgufType = "f32",
    allow_different_text: bool = False,
    text: Path | None = None,
) -> list[str]:
    """Write a model folder as one GGUF file, and compare it with the model in llama.cpp.

    Args:
        out: must not exist.
        kind: the type of the matrices.
        allow_different_text: whether llama.cpp may give other tokens for a text than the tokenizer.
        text: lines to compare token ids on: see `texts_to_check`.

    Returns:
        what was compared, in sentences.

    Raises:
        InputError: an architecture or tokenizer that llama.cpp cannot reproduce; what `load_model`
            raises; a file that differs from the model, which is not kept.
    """
    from babyllama.publish.export.check_gguf import check_gguf
    from babyllama.publish.export.gguf_file import write_gguf

    refuse_missing_packages("gguf")
    refuse_unknown_architecture(folder, configuration_of(folder))
    texts = texts_to_check(folder, text)
    model = load_model(folder)
    tokenizer = read_gguf_tokenizer(folder, shared_vocabulary(model.config, load_tokenizer(folder)))
    if allow_different_text:
        for each in tokenizer.differences:
            print_status(f"  llama.cpp gives other tokens: {each}", style="yellow")
    else:
        refuse_differences(folder, tokenizer)
    parameters = sum(each.numel() for each in model.parameters())
    with placed(out) as beside:
        write_gguf(beside, model, tokenizer, about(folder, parameters), kind=kind)
        return check_gguf(
            beside, folder, model, tokenizer, texts,
            kind=kind, allow_different_text=allow_different_text,
        )  # fmt: skip


def export_onnx(
    folders: Sequence[Path],
    out: Path,
    *,
    mixing: Mixing = EQUAL_WEIGHTS,
    text: Path | None = None,
) -> list[str]:
    """Write a model, or several as their ensemble, as one ONNX graph, and compare it.

    Args:
        out: `NAME.onnx`, for the graph alone, or a folder, for `onnx/model.onnx` with the tokenizer
            and, of a single model, its configuration beside. It must not exist.
        mixing: how several models are averaged.
        text: as for `export_gguf`.

    Returns:
        what was compared and what the graph takes, in sentences.

    Raises:
        InputError: what `load_ensemble` raises; a graph that differs from the models, which is not
            kept; a graph too large for one file.
    """
    from babyllama.publish.export.check_onnx import check_onnx
    from babyllama.publish.export.onnx_graph import LARGEST_FILE, OPSET, weight_bytes, write_onnx

    refuse_missing_packages("onnx")
    texts = texts_to_check(folders[0], text)
    ensemble = load_ensemble(folders, device=torch.device("cpu"), mixing=mixing)
    is_file = out.suffix == ".onnx"
    if is_file and weight_bytes(ensemble) > LARGEST_FILE:
        raise InputError(
            f"{out} would be larger than 2 GB, the most that one ONNX file holds",
            mend=f"Name a folder, for example {out.with_suffix('')}: the weights go into a second "
            "file.",
        )
    described = _described(folders, ensemble)
    with placed(out) as beside:
        path = beside if is_file else beside / "onnx" / "model.onnx"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_onnx(path, ensemble, described)
        if not is_file:
            _copy_configuration(folders, beside)
        tokenizer = None if is_file else beside / _TOKENIZER
        found = check_onnx(path, folders[0], ensemble, texts, tokenizer=tokenizer)
    return [*found, f"opset {OPSET}; batch and sequence have any size; no cache"]


def _described(folders: Sequence[Path], ensemble: "Ensemble") -> About:
    if len(folders) > 1:
        return about_ensemble(folders, ensemble.mixture.mean_of)
    return about(folders[0], sum(each.numel() for each in ensemble.models[0].parameters()))


def _copy_configuration(folders: Sequence[Path], out: Path) -> None:
    """Copy the tokenizer, and a single model's configuration without the path in it."""
    for name in _COPIED:
        if (folders[0] / name).is_file() and (len(folders) == 1 or "token" in name):
            shutil.copyfile(folders[0] / name, out / name)
    if len(folders) == 1:
        config = read_object(folders[0] / "config.json")
        config.pop("_name_or_path", None)
        write_json(out / "config.json", config)
