"""Our use of the Trainer is what a plain script of transformers does."""

import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
    set_seed,
)

from babyllama.data.tokenizer import load_tokenizer
from babyllama.errors import InputError
from babyllama.evaluation.finetuning.classifier import load_classifier
from babyllama.evaluation.finetuning.data import read_examples
from babyllama.evaluation.finetuning.encoding import Padding, encode
from babyllama.evaluation.finetuning.fitting import fit
from babyllama.evaluation.finetuning.settings import FinetuningSettings
from babyllama.evaluation.finetuning.tasks import TASKS

PLAIN = {"learning_rate": 3e-3, "batch_size": 8, "epochs": 2, "max_length": 64, "seed": 7}


def encoded(glue, folder, config):
    tokenizer = load_tokenizer(folder)
    return [
        encode(read_examples(path, TASKS["rte"]), tokenizer, config, max_length=64, path=path).rows
        for path in (glue / "rte.train.jsonl", glue / "rte.valid.jsonl")
    ]


def fitted(glue, folder, scratch, choosing=range(15), **changes):
    settings = FinetuningSettings(**{**PLAIN, **changes})
    model = load_classifier(folder, labels=2, settings=settings, seed=settings.seed)
    train, validation = encoded(glue, folder, model.config)
    return fit(
        model, train, validation, list(choosing), settings=settings, classes=2,
        padding=Padding(0), seed=settings.seed, scratch=scratch / "scratch", title="rte",
    )  # fmt: skip


def plain_script(glue, folder, out):
    """What a user of transformers writes: the last epoch's classes."""
    set_seed(7)
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=2)
    train, validation = encoded(glue, folder, model.config)
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(out), learning_rate=3e-3, num_train_epochs=2, seed=7,
            per_device_train_batch_size=8, report_to="none", disable_tqdm=True, use_cpu=True,
            save_strategy="no", logging_strategy="no", dataloader_pin_memory=False,
        ),
        data_collator=DataCollatorWithPadding(load_tokenizer(folder)),
        train_dataset=train,
    )  # fmt: skip
    trainer.train()
    return trainer.predict(validation).predictions.argmax(-1).tolist()


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_a_plain_script_gives_the_same_classes(kind, glue, models, tmp_path):
    found = fitted(glue, models[kind], tmp_path, choose_by="f1", evaluate_every=100)
    assert found.chosen["step"] == found.updates == 16  # looked at once, at the end
    expected = plain_script(glue, models[kind], tmp_path)
    assert len(set(expected)) == 2
    assert found.predictions == expected


def test_the_best_model_is_kept_not_the_last(glue, models, tmp_path):
    found = fitted(glue, models["llama"], tmp_path, epochs=3, evaluate_every=5)
    best = max(look["accuracy"] for look in found.looks)
    first = next(look for look in found.looks if look["accuracy"] == best)
    assert found.chosen == first
    assert [look["step"] for look in found.looks] == [5, 10, 15, 20, 24]
    truth = [row["labels"] for row in encoded(glue, models["llama"], None)[1]]
    right = [g == t for g, t in zip(found.predictions, truth, strict=True)]
    assert sum(right[:15]) / 15 == pytest.approx(best)
    assert not (tmp_path / "scratch").exists()


def test_it_stops_when_it_gets_no_better(glue, models, tmp_path):
    found = fitted(glue, models["llama"], tmp_path, epochs=9, patience=2, learning_rate=1e-12)
    assert len(found.looks) == 3
    assert found.updates == 24


@pytest.mark.parametrize(
    "changes",
    [
        {"schedule": {"kind": "cosine", "final": 0.1}, "warmup": 0.06, "head": "mlp"},
        {"schedule": {"kind": "linear", "final": 0.5}, "lora": {}},
    ],
    ids=["2025", "lora"],
)
def test_the_same_seed_gives_the_same_classes(changes, glue, models, tmp_path):
    one, other = (fitted(glue, models["gpt2"], tmp_path, epochs=1, **changes) for _ in range(2))
    assert one == other


def test_three_classes_and_a_masked_encoder(glue, models, tmp_path):
    settings = FinetuningSettings(**PLAIN)
    model = load_classifier(models["roberta"], labels=3, settings=settings, seed=7)
    train, validation = encoded(glue, models["roberta"], model.config)
    found = fit(
        model, [{**row, "labels": n % 3} for n, row in enumerate(train[:8])], validation, [0, 1],
        settings=settings, classes=3, padding=Padding(0), seed=7, scratch=tmp_path / "s", title="t",
    )  # fmt: skip
    assert set(found.predictions) <= {0, 1, 2}


def test_a_training_that_diverged_is_said_with_the_rate_to_lower(glue, models, tmp_path):
    settings = FinetuningSettings(**PLAIN)
    model = load_classifier(models["llama"], labels=2, settings=settings, seed=7)
    torch.nn.init.constant_(model.score.weight, float("nan"))
    train, validation = encoded(glue, models["llama"], model.config)
    with pytest.raises(InputError, match=r"rte: the model's logits are not numbers[\s\S]*rate"):
        fit(
            model, train, validation, [0, 1], settings=settings, classes=2, padding=Padding(0),
            seed=7, scratch=tmp_path / "s", title="rte",
        )  # fmt: skip
