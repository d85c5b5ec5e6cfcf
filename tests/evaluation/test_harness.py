"""The ensemble inside lm-evaluation-harness: our own scores, through its tasks and command line."""

import json
import sys

import numpy as np
import pytest
import torch
from lm_eval import __main__ as harness_command
from lm_eval import simple_evaluate
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from plain_likelihoods import assert_near
from random_models import POSITIONS, random_model, variant
from transformers import AutoModelForCausalLM
from typer.testing import CliRunner

from babyllama.cli import app
from babyllama.data.tokenizer_folder import save_tokenizer
from babyllama.errors import InputError
from babyllama.evaluation import harness
from babyllama.evaluation.harness import EnsembleLM
from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.likelihood.scorer import load_scorer, log_likelihoods
from babyllama.models.ensemble import load_ensemble
from babyllama.recipe import Mixing

CPU = torch.device("cpu")
PAIRS = [
    ("The cat sees a dog.", "The cat see a dog."),
    ("Anna gives Ben two red apples.", "Anna gives Ben two red apple."),
    ("Where is the ball?", "Where are the ball?"),
    ("The children have never seen any snow.", "The children have ever seen any snow."),
    ("A dog sees itself.", "A dog sees themselves."),
]
TASK = """
task: tiny_pairs
dataset_path: json
dataset_kwargs: {{data_files: {{test: {folder}/pairs.jsonl}}, cache_dir: {folder}/cache}}
test_split: test
output_type: multiple_choice
doc_to_text: ""
doc_to_target: 0
doc_to_choice: "{{{{[sentence_good, sentence_bad]}}}}"
metric_list: [{{metric: acc}}]
metadata: {{version: 1.0}}
"""


@pytest.fixture(scope="module")
def folders(tokenizer, tmp_path_factory):
    """Two models of other kinds with one tokenizer, which is saved as a training saves it."""
    out = tmp_path_factory.mktemp("members")
    library = variant(tokenizer)
    models = [random_model(kind, library, out / kind, seed=1) for kind in ("llama", "gpt2")]
    for folder in models:
        save_tokenizer(library, folder, positions=POSITIONS)
    return models


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    """A folder with a task of minimal pairs."""
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "tiny.yaml").write_text(TASK.format(folder=folder), encoding="utf-8")
    rows = [json.dumps({"sentence_good": good, "sentence_bad": bad}) for good, bad in PAIRS]
    (folder / "pairs.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def joined(folders):
    return "+".join(map(str, folders))


def requests(kind, *arguments):
    return [Instance(kind, {}, each, number) for number, each in enumerate(arguments)]


def hf(folder):
    return HFLM(str(folder), device="cpu", dtype="float32", batch_size=3)


def ours(folders, **settings):
    scorer = load_scorer(folders, rules_named("2024"), device=CPU, mixing=Mixing(**settings))
    return log_likelihoods(scorer, [text for pair in PAIRS for text in pair]).reshape(-1, 2)


@pytest.mark.parametrize(
    ("chosen", "settings"),
    [
        ([0], {}),
        ([0, 1], {}),
        ([0, 1], {"mean_of": "probabilities"}),
        ([0, 1], {"weights": [0.7, 0.3]}),
        ([1, 0], {"mean_of": "probabilities", "weights": [0.9, 0.1]}),
    ],
)
def test_a_task_gets_our_own_scores_pair_by_pair(folders, task, chosen, settings):
    chosen = [folders[which] for which in chosen]
    model = EnsembleLM(joined(chosen), device="cpu", batch_size=3, **settings)
    results = simple_evaluate(
        model, tasks=["tiny_pairs"], bootstrap_iters=0,
        task_manager=TaskManager(include_path=str(task), include_defaults=False),
    )  # fmt: skip
    samples = results["samples"]["tiny_pairs"]
    found = np.array([[value for ((value, _),) in each["resps"]] for each in samples])
    expected = ours(chosen, **settings)
    assert_near(found, expected)
    right = expected[:, 0] > expected[:, 1]
    assert [each["acc"] for each in samples] == right.tolist()
    assert results["results"]["tiny_pairs"]["acc,none"] == right.mean()


@pytest.mark.parametrize("which", [0, 1], ids=["llama", "gpt2"])
def test_a_single_model_is_the_harness_own_hf_model(folders, which):
    peer, model = hf(folders[which]), EnsembleLM(str(folders[which]), device="cpu", batch_size=3)
    texts = [*(("", f" {text}") for pair in PAIRS for text in pair), ("The cat ", "sees a dog.")]
    one = model.loglikelihood(requests("loglikelihood", *texts), disable_tqdm=True)
    other = peer.loglikelihood(requests("loglikelihood", *texts), disable_tqdm=True)
    assert_near([v for v, _ in one], [v for v, _ in other])
    assert [greedy for _, greedy in one] == [greedy for _, greedy in other]

    long = [("The children have never seen any snow. " * 20,), ("Snow.",)]
    one = model.loglikelihood_rolling(requests("loglikelihood_rolling", *long), disable_tqdm=True)
    other = peer.loglikelihood_rolling(requests("loglikelihood_rolling", *long), disable_tqdm=True)
    assert_near(one, other)

    asked = [(start, {"until": ["\n"], "max_gen_toks": 12}) for start in ("The cat", "Where is it")]
    one = model.generate_until(requests("generate_until", *asked), disable_tqdm=True)
    assert one == peer.generate_until(requests("generate_until", *asked), disable_tqdm=True)
    assert all(one)


@pytest.mark.parametrize("mean_of", ["logits", "probabilities"])
def test_an_ensemble_generates_its_own_likeliest_tokens(folders, mean_of):
    """Several texts at once, padded on the left, against one whole pass a token."""
    ensemble = load_ensemble(folders, device=CPU, mixing=Mixing(mean_of=mean_of))
    model = EnsembleLM(list(map(str, folders)), device="cpu", batch_size=2, mean_of=mean_of)
    starts = ["The children have never", "A dog"]
    settings = {"until": ["\n"], "max_gen_toks": 10}
    found = model.generate_until(
        requests("generate_until", *((start, settings) for start in starts)), disable_tqdm=True
    )
    for start, text in zip(starts, found, strict=True):
        ids = model.tok_encode(start)
        for _ in range(10):
            states = ensemble.states(torch.tensor([ids]))[0, -1:]
            ids.append(int(ensemble.mixture.logits(states).argmax()))
            if ids[-1] == model.eot_token_id:
                break
        whole = model.tok_decode(ids[len(model.tok_encode(start)) :])
        assert text == whole.split("\n")[0]


def test_the_command_runs_a_task(folders, task, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "lm_eval.tasks.manager.__file__", str(task / "manager.py")
    )  # no other tasks
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")  # as the command does; put back after it
    done = CliRunner().invoke(app, [
        "lm-eval", "run", "--model", "babyllama-ensemble", "--tasks", "tiny_pairs",
        "--model_args", f"pretrained={joined(folders)},weights=0.7+0.3,mean_of=logits",
        "--output_path", str(tmp_path / "out.json"), "--device", "cpu",
    ])  # fmt: skip
    assert done.exit_code == 0, done.output
    (file,) = tmp_path.glob("out_*.json")
    expected = ours(folders, weights=[0.7, 0.3])
    found = json.loads(file.read_text("utf-8"))["results"]["tiny_pairs"]["acc,none"]
    assert found == (expected[:, 0] > expected[:, 1]).mean()


def test_an_unknown_task_is_named_with_those_that_are_close(monkeypatch):
    class Known:
        all_tasks = ("lambada_openai", "blimp", "lambada_standard")

    def fail():
        raise ValueError("Tasks not found: lambada_openaii, zzz")

    monkeypatch.setattr(harness, "TaskManager", Known)
    monkeypatch.setattr(harness_command, "cli_evaluate", fail)
    with pytest.raises(InputError, match="no task 'lambada_openaii', 'zzz'") as raised:
        harness.run_harness(["run"])
    assert raised.value.why == "Names that are close: lambada_openai."
    assert raised.value.mend == "List all: babyllama lm-eval ls tasks"


def test_the_command_shows_the_harness_own_help():
    done = CliRunner().invoke(app, ["lm-eval", "run", "--help"])
    assert done.exit_code == 0
    assert "--model_args" in done.output


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pretrained": "nowhere"}, "nowhere has no config.json"),
        ({"mean_of": "ranks"}, r"model_args: mean_of is 'ranks'[\s\S]*'probabilities'"),
        ({"dtype": "float8"}, r"model_args: dtype is 'float8'[\s\S]*'bfloat16'"),
        ({"weights": "0.7+x"}, r"weights=0\.7\+x: not numbers"),
        ({"device": "gpu"}, r"device gpu cannot be used[\s\S]*Choose cpu"),
        ({"weights": "0.7+0.7"}, r"0\.7 0\.7 sum to 1\.4"),
        ({"weights": 0.5}, "0.5 sum to 0.5"),
        ({"weights": 1.0}, "1 given for 2 models"),
    ],
)
def test_invalid_arguments_are_refused(folders, settings, message):
    with pytest.raises(InputError, match=message):
        EnsembleLM(**{"pretrained": joined(folders), "device": "cpu"} | settings)


def test_a_folder_with_a_plus_in_its_name_is_one_model(tokenizer, tmp_path):
    folder = random_model("gpt2", variant(tokenizer), tmp_path / "a+b")
    assert len(EnsembleLM(str(folder), device="cpu").model.members) == 1


def test_a_model_whose_cache_is_not_one_of_layers_cannot_generate(folders, monkeypatch):
    model = EnsembleLM(str(folders[0]), device="cpu").model
    monkeypatch.setattr(model.members[0].model, "forward", lambda input_ids: input_ids)
    with pytest.raises(InputError, match=r"ensembles with .* cannot generate text"):
        model.new_cache()


def test_without_the_harness_the_extra_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "babyllama.evaluation.harness")
    monkeypatch.setitem(sys.modules, "lm_eval.api.registry", None)
    with pytest.raises(InputError, match=r"pip install 'babyllama\[harness\]'"):
        import babyllama.evaluation.harness  # noqa: F401


def test_members_keep_their_own_weights(folders):
    """The harness ties and counts the weights of what it is given."""
    model = EnsembleLM(joined(folders), device="cpu").model
    own = [AutoModelForCausalLM.from_pretrained(folder) for folder in folders]
    assert model.num_parameters() == sum(each.num_parameters() for each in own)
