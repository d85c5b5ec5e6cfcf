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
from babyllama.evaluation.finetuning.encoding import encode
from babyllama.evaluation.finetuning.fitting import fit
from babyllama.evaluation.finetuning.settings import FinetuningSettings
from babyllama.evaluation.finetuning.tasks import TASKS

PLAIN = {"learning_rate": 3e-3, "batch_size": 8, "epochs": 2, "max_length": 64, "seed": 7}


def collator(folder):
    return DataCollatorWithPadding(load_tokenizer(folder))


def encoded(glue, folder, config, classes=2):
    """Training and validation rows; of three classes the second never occurs."""
    tokenizer = load_tokenizer(folder)
    found = []
    for path in (glue / "rte.train.jsonl", glue / "rte.valid.jsonl"):
        examples = read_examples(path, TASKS["rte"])
        rows = encode(examples, tokenizer, config, max_length=64, path=path).features
        found.append([{**row, "labels": row["labels"] * (classes - 1)} for row in rows])
    return found


def fitted(glue, folder, scratch, choosing=range(15), classes=2, **changes):
    settings = FinetuningSettings(**{**PLAIN, **changes})
    model = load_classifier(folder, labels=classes, settings=settings, seed=settings.seed)
    train, validation = encoded(glue, folder, model.config, classes)
    return fit(
        model, train, validation, list(choosing), settings=settings, classes=classes,
        collator=collator(folder), seed=settings.seed, scratch=scratch / "scratch", title="rte",
    )  # fmt: skip


def plain_script(glue, folder, out, classes, rate):
    """What a user of transformers writes: the last epoch's classes."""
    set_seed(7)
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=classes)
    train, validation = encoded(glue, folder, model.config, classes)
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(out), learning_rate=rate, num_train_epochs=2, seed=7,
            per_device_train_batch_size=8, report_to="none", disable_tqdm=True, use_cpu=True,
            save_strategy="no", logging_strategy="no", dataloader_pin_memory=False,
        ),
        data_collator=collator(folder),
        train_dataset=train,
    )  # fmt: skip
    trainer.train()
    return trainer.predict(validation).predictions.argmax(-1).tolist()


@pytest.mark.parametrize(
    ("kind", "classes", "rate"), [("llama", 2, 3e-3), ("gpt2", 2, 3e-3), ("roberta", 3, 1e-4)]
)
def test_a_plain_script_gives_the_same_classes(kind, classes, rate, glue, models, tmp_path):
    settings = {"choose_by": "f1", "evaluate_every": 100, "learning_rate": rate}
    found = fitted(glue, models[kind], tmp_path, classes=classes, **settings)
    assert found.chosen["step"] == found.updates == 16  # evaluated once, at the end
    expected = plain_script(glue, models[kind], tmp_path, classes, rate)
    assert len(set(expected)) > 1
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


def test_it_stops_after_patience_evaluations_without_improvement(glue, models, tmp_path):
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


def test_a_training_that_diverged_is_refused_with_advice_to_lower_the_rate(glue, models, tmp_path):
    settings = FinetuningSettings(**PLAIN)
    model = load_classifier(models["llama"], labels=2, settings=settings, seed=7)
    torch.nn.init.constant_(model.score.weight, float("nan"))
    train, validation = encoded(glue, models["llama"], model.config)
    with pytest.raises(InputError, match=r"rte: the model's logits are not finite[\s\S]*rate"):
        fit(
            model, train, validation, [0, 1], settings=settings, classes=2,
            collator=collator(models["llama"]),
            seed=7, scratch=tmp_path / "s", title="rte",
        )  # fmt: skip
