"""Our folders give the same ids and logits in older releases of transformers.

Each release runs in a process of its own. `make test` installs those of RELEASES into
.venv/transformers; BABYLLAMA_TRANSFORMERS names another folder with one folder for each release.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from babyllama.data import tokenizer as tokenizer_module
from babyllama.data.tokenizer import load_tokenizer
from babyllama.data.tokenizer_folder import save_tokenizer
from babyllama.models.build import new_model, positions_of
from babyllama.models.loading import load_model
from babyllama.models.older_releases import name_for_older_releases
from babyllama.models.tensor_files import save_model_folder
from babyllama.recipe import OtherShape

RELEASES = ["4.51.3", "4.57.6"]
INSTALLED = Path(os.environ.get("BABYLLAMA_TRANSFORMERS") or Path(sys.prefix) / "transformers")
FOUND = [folder.name for folder in INSTALLED.glob("*") if (folder / "transformers").is_dir()]
TEXTS = ["The cat sees a dog.\nAnd  then", "ﬁne é½ <s> x", " leading space", "don't 日本 🦊", ""]
LLAMA = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
         "num_attention_heads": 2, "max_position_embeddings": 64,
         "initializer_range": 0.2}  # fmt: skip
GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64, "initializer_range": 0.2}


def other(architecture, **settings):
    return OtherShape(model_type="other", architecture=architecture, settings=settings)


SHAPES = {
    "llama": other("llama", **LLAMA, rope_theta=500.0),
    "llama-tied": other("llama", **LLAMA, tie_word_embeddings=True),
    "gpt2": other("gpt2", **GPT2),
    "gpt2-untied": other("gpt2", **GPT2, tie_word_embeddings=False),
    "gpt_neox": other("gpt_neox", **LLAMA, rotary_emb_base=500.0, rotary_pct=0.5),
    "gemma3": other("gemma3_text", **LLAMA, num_key_value_heads=1, head_dim=16, sliding_window=8,
                    rope_theta=500.0, rope_local_base_freq=50.0),
}  # fmt: skip

# What a release makes of the folders; run by it alone, so it imports nothing of ours.
READ = """
import sys
from pathlib import Path
import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

tokens, texts, out = torch.load(sys.argv[1])
found = {"release": transformers.__version__}
for folder in map(Path, sys.argv[2:]):
    library = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    inputs = library(texts[0], return_tensors="pt")
    ids = library(texts)["input_ids"]
    with torch.no_grad():
        found[folder.name] = {
            "ids": ids,
            "decoded": [library.decode(each) for each in ids],
            "logits": model(tokens).logits,
            "of a text": model(**inputs).logits,
            "next": model.generate(**inputs, max_new_tokens=2, do_sample=False),
            "longest": library.model_max_length,
            "tokens": [
                [getattr(each, f"{role}_token_id") for role in ("pad", "bos", "eos")]
                for each in (library, model.config, model.generation_config)
            ],
        }
torch.save(found, out)
"""


@pytest.fixture(scope="module")
def folders(tokenizer, tmp_path_factory):
    """A model of each shape; those of lines know <s> and </s>, that of a stream does not."""
    place = tmp_path_factory.mktemp("models")
    library = load_tokenizer(tokenizer)
    for name, shape in SHAPES.items():
        model = new_model(shape, len(library), seed=1, separators=name != "gpt2")
        save_model_folder(model, place / name)
        save_tokenizer(library, place / name, positions=positions_of(model.config))
    return place


def tokens_of(name):
    """Ids of <pad>, <s> and </s>, as far as the model knows them."""
    return [0, None, None] if name == "gpt2" else [0, 1, 2]


def saved(folder, name="config.json"):
    return json.loads((folder / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("release", sorted({*RELEASES, *FOUND}))
def test_a_release_reads_the_same_ids_and_computes_the_same_logits(release, folders, tmp_path):
    if release not in FOUND:
        pytest.skip(f"{INSTALLED} holds no transformers {release}; make test installs it")
    tokens = torch.randint(3, 300, (1, 60), generator=torch.Generator().manual_seed(0))
    torch.save((tokens, TEXTS, str(tmp_path / "found")), tmp_path / "asked")
    names = [name for name in SHAPES if not (name == "gemma3" and release < "4.50")]
    environment = {**os.environ, "PYTHONPATH": str(INSTALLED / release), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", READ, tmp_path / "asked", *(folders / name for name in names)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = torch.load(tmp_path / "found")
    assert found.pop("release") == release
    assert list(found) == names

    for name, read in found.items():
        library, model = load_tokenizer(folders / name), load_model(folders / name)
        ids = library(TEXTS)["input_ids"]
        assert read["ids"][0] == ids[0]
        theirs = AutoTokenizer.from_pretrained(folders / name)  # it takes "<s>" for the token
        assert read["ids"] == theirs(TEXTS)["input_ids"]
        assert read["decoded"] == [library.decode(each) for each in read["ids"]]
        assert read["longest"] == 64
        assert read["tokens"] == [
            [0, 1, 2],
            *[[0, None, None] if name == "gpt2" else [0, 1, 2]] * 2,
        ]
        torch.testing.assert_close(read["logits"], model(tokens).logits, rtol=0, atol=1e-3)
        inputs = torch.tensor([ids[0]])
        torch.testing.assert_close(read["of a text"], model(inputs).logits, rtol=0, atol=1e-3)
        assert read["next"].tolist() == model.generate(inputs, max_new_tokens=2).tolist()


def test_a_model_names_for_older_releases_what_the_newest_leaves_out(folders):
    config = saved(folders / "llama")
    assert (config["rope_theta"], config["rope_parameters"]["rope_theta"]) == (500.0, 500.0)
    assert config["torch_dtype"] == config["dtype"] == "float32"
    neox, gemma = saved(folders / "gpt_neox"), saved(folders / "gemma3")
    assert (neox["rotary_emb_base"], neox["rotary_pct"]) == (500.0, 0.5)
    assert (gemma["rope_theta"], gemma["rope_local_base_freq"]) == (500.0, 50.0)
    for name in SHAPES:
        for file in ("config.json", "generation_config.json"):
            config = saved(folders / name, file)
            found = [config[f"{role}_token_id"] for role in ("pad", "bos", "eos")]
            assert found == tokens_of(name)


def test_a_scaled_rotation_is_named_for_older_releases(tmp_path):
    rotation = {"rope_type": "linear", "factor": 4.0, "rope_theta": 500.0}
    config = {"model_type": "llama", "rope_parameters": rotation}
    (tmp_path / "config.json").write_text(json.dumps(config))
    name_for_older_releases(tmp_path)
    config = saved(tmp_path)
    assert config["rope_scaling"] == {"rope_type": "linear", "factor": 4.0}
    assert config["rope_theta"] == 500.0


def test_the_newest_release_loads_our_folders_without_a_word(folders, monkeypatch):
    said = []
    monkeypatch.setattr(tokenizer_module, "print_status", said.append)
    for name in SHAPES:
        theirs = AutoModelForCausalLM.from_pretrained(folders / name).state_dict()
        ours = load_model(folders / name).state_dict()
        assert all(torch.equal(value, theirs[key]) for key, value in ours.items())
        assert load_tokenizer(folders / name).model_max_length == 64
    assert said == []
