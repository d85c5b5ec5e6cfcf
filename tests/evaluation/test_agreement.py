"""The same log-likelihoods and the same decisions as lm-evaluation-harness and minicons."""

import gzip
import json

import numpy as np
import pytest
import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from minicons.scorer import IncrementalLMScorer, MaskedLMScorer
from plain_likelihoods import assert_near
from random_models import random_model, variant

from babyllama.data.tokenizer import load_tokenizer
from babyllama.evaluation.likelihood.rules import rules_named
from babyllama.evaluation.likelihood.scorer import likelihoods, load_scorer, log_likelihoods
from babyllama.evaluation.likelihood.texts import Text

CPU = torch.device("cpu")
PAIRS = [
    ("The cat sees a dog.", "The cat see a dog."),
    ("Anna gives Ben two red apples.", "Anna gives Ben two red apple."),
    ("Where is the ball?", "Where are the ball?"),
    ("The children have never seen any snow.", "The children have ever seen any snow."),
    ("The dog behind the cats sees Anna.", "The dog behind the cats see Anna."),
    ("A dog sees itself.", "A dog sees themselves."),
    ("Is it behind the house?\nIt is.", "Is it behind the house?\nIt are."),
    ("Le café est là: 5 €, «naïve» …", "Le café est la: 5 €, «naive» …"),
    ("Snow, snow and no end of snow!", "Snow, snow and no end to snow!"),
    ("It.", "It is behind the old house that the two children have never seen."),
    ("ﬁne snow", "fine snow"),  # NFKC: the same tokens, a tie
]
TOKENIZERS = {
    "ours": {},
    "without BOS": {"bos_token": None},
    "no space of its own": {"adds_space": False},
    "adds BOS itself": {"adds_bos": True, "adds_space": False},
}


@pytest.fixture(scope="module")
def models(tokenizer, tmp_path_factory):
    """A folder for each kind of decoder and of tokenizer, made when asked for."""
    made = {}

    def folder(kind, name):
        if (kind, name) not in made:
            out = tmp_path_factory.mktemp("random") / kind
            made[kind, name] = random_model(kind, variant(tokenizer, **TOKENIZERS[name]), out)
        return made[kind, name]

    return folder


@pytest.fixture(scope="module")
def blimp(data):
    """Five real pairs of each paradigm."""
    pairs = []
    for file in sorted((data / "benchmarks" / "blimp").glob("*.jsonl.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        pairs += [(row["sentence_good"], row["sentence_bad"]) for row in rows[::200]]
    return pairs


def ours(folder, pairs, name="2024"):
    scorer = load_scorer([folder], rules_named(name), device=CPU)
    return log_likelihoods(scorer, [text for pair in pairs for text in pair]).reshape(-1, 2)


def harness(folder, pairs, **settings):
    """What lm-evaluation-harness gives as a multiple choice after an empty context."""
    model = HFLM(str(folder), device="cpu", dtype="float32", batch_size=16, **settings)
    requests = [
        Instance("loglikelihood", {}, ("", f" {text}"), 0) for pair in pairs for text in pair
    ]
    found = model.loglikelihood(requests, disable_tqdm=True)
    return np.array([value for value, _ in found]).reshape(-1, 2)


def minicons(folder, pairs, *, before):
    """What minicons gives; it scores all tokens but the first."""
    scorer = IncrementalLMScorer(str(folder), "cpu", dtype=torch.float32)
    texts = [before + text for pair in pairs for text in pair]
    found = []
    for start in range(0, len(texts), 32):
        found += scorer.sequence_score(texts[start : start + 32], lambda each: each.sum().item())
    return np.array(found).reshape(-1, 2)


def assert_agree(one, other):
    assert_near(one, other)
    ties = one[:, 0] == one[:, 1]
    assert ties.mean() < 0.5
    np.testing.assert_array_equal(
        (one[:, 0] > one[:, 1])[~ties], (other[:, 0] > other[:, 1])[~ties]
    )


@pytest.mark.parametrize("tokens", TOKENIZERS)
@pytest.mark.parametrize("kind", ["llama", "gpt2"])
class TestDecoders:
    def test_2024_agrees_with_the_harness(self, models, kind, tokens):
        folder = models(kind, tokens)
        assert_agree(ours(folder, PAIRS), harness(folder, PAIRS))

    def test_2024_agrees_with_minicons(self, models, kind, tokens):
        folder = models(kind, tokens)
        before = "" if tokens == "adds BOS itself" else load_tokenizer(folder).bos_token or "</s>"
        assert_agree(ours(folder, PAIRS), minicons(folder, PAIRS, before=f"{before} "))

    def test_2023_agrees_with_the_harness_that_starts_from_eos(self, models, kind, tokens):
        folder = models(kind, tokens)
        peer = harness(folder, PAIRS, prefix_token_id=load_tokenizer(folder).eos_token_id)
        assert_agree(ours(folder, PAIRS, "2023"), peer)

    def test_2025_agrees_with_minicons(self, models, kind, tokens):
        folder = models(kind, tokens)
        assert_agree(ours(folder, PAIRS, "2025"), minicons(folder, PAIRS, before=""))


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_on_real_pairs_as_well(models, blimp, kind):
    folder = models(kind, "ours")
    assert len(blimp) == 335
    found = ours(folder, blimp)
    assert_agree(found, harness(folder, blimp))
    assert_agree(found, minicons(folder, blimp, before="<s> "))


@pytest.fixture(scope="module")
def masked(tokenizer, tmp_path_factory):
    """A masked model, its tokenizer with <s> and </s> around a text."""
    out = tmp_path_factory.mktemp("random") / "roberta"
    return random_model("roberta", variant(tokenizer, masks=True), out)


def minicons_masked(folder, texts, reduction=torch.sum, metric="original"):
    """What minicons gives; encoded for it, as it calls what transformers 5 no longer has."""
    scorer = MaskedLMScorer(str(folder), "cpu")
    found = []
    for start in range(0, len(texts), 8):
        encoded = scorer.tokenizer(texts[start : start + 8], padding=True)
        found += scorer.sequence_score(
            encoded, lambda each: reduction(each).item(), PLL_metric=metric
        )
    return np.array(found)


def agree_masked(folder, pairs, masking, metric):
    scorer = load_scorer([folder], rules_named("2025"), device=CPU, masking=masking)
    texts = [text for pair in pairs for text in pair]
    found = log_likelihoods(scorer, texts).reshape(-1, 2)
    assert_agree(found, minicons_masked(folder, texts, metric=metric).reshape(-1, 2))


@pytest.mark.parametrize(
    ("masking", "metric"), [("original", "original"), ("within_word", "within_word_l2r")]
)
class TestMaskedModels:
    def test_agree_with_minicons(self, masked, masking, metric):
        agree_masked(masked, PAIRS, masking, metric)

    def test_agree_on_real_pairs(self, masked, blimp, masking, metric):
        agree_masked(masked, blimp[::8], masking, metric)


def test_2024_averages_over_tokens_after_eos_as_minicons_does(masked):
    scorer = load_scorer([masked], rules_named("2024"), device=CPU)
    texts = [text for pair in PAIRS for text in pair]
    found = likelihoods(scorer, [Text(text) for text in texts]).averaged().sums()
    peer = minicons_masked(masked, [f"</s> {text}" for text in texts], torch.mean)
    assert_near(found, peer)
