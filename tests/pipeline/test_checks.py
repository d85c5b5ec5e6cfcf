"""What would fail later is refused first."""

import json

import pytest
from random_models import random_model

from babyllama.data.tokenizer import load_tokenizer
from babyllama.errors import InputError
from babyllama.pipeline import planning
from babyllama.pipeline.checks import check_before_run, check_before_training
from babyllama.pipeline.text_stages import gathered_stage
from babyllama.recipe import Recipe
from babyllama.runs.artefact import complete
from babyllama.runs.manifests import digest, write_manifest


def refused(recipe, folder, **options):
    with pytest.raises(InputError) as caught:
        check_before_run(recipe, folder, **options)
    return str(caught.value)


def test_a_run_that_can_finish_is_not_refused(tiny_recipe, tmp_path):
    check_before_run(tiny_recipe, tmp_path)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"corpus__source": {"kind": "folder", "path": "/nowhere"}}, "nowhere"),
        (
            {"corpus__source": {"kind": "table", "path": "/nowhere.csv"}},
            "nowhere.csv does not exist",
        ),
        ({"evaluation__benchmarks": {"mine": "/nowhere.jsonl"}}, "nowhere.jsonl"),
        ({"evaluation__benchmarks": {"blmp": "/nowhere"}}, "blmp"),
        ({"students__distilled__training__window": 65}, "64"),
        (
            {"teachers__llama__model": {"model_type": "other", "architecture": "lama"}},
            "lama",
        ),
        (
            {
                "tokens": {"documents": "separate"},
                "teachers__llama__model": {
                    "model_type": "other",
                    "architecture": "mistral",
                    "settings": {
                        "hidden_size": 16,
                        "num_attention_heads": 2,
                        "head_dim": 8,
                        "sliding_window": 8,
                    },
                },
            },
            "llama: mistral cannot read the documents of a window separately",
        ),
        ({"teachers__gpt2__training__trackers": ["aim"]}, "teachers.gpt2: "),
        (
            {"students__distilled__training__order": {"by": "file", "file": "/nowhere.txt"}},
            "students.distilled: training.order.file: /nowhere.txt is not a file",
        ),
        (
            {"teachers__llama__training__order": {"by": "domain", "domains": ["story"]}},
            "teachers.llama: training.order.domains: 'story' is not a domain of the text",
        ),
    ],
)
def test_what_would_fail_later_is_named(changed, tmp_path, parts, message):
    assert message in refused(changed(**parts), tmp_path)


def test_text_that_cannot_be_read_is_named(changed, tmp_path):
    (tmp_path / "talk.txt").write_bytes(b"\xff\xfe\x00")
    recipe = changed(corpus__source={"kind": "folder", "path": str(tmp_path)})
    assert "talk.txt" in refused(recipe, tmp_path / "run")


def test_domains_are_those_of_the_gathered_text_unless_its_settings_changed(changed, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f'{{"text": "Text {n}.", "of": "tales"}}\n' for n in range(40)))
    source = {"kind": "table", "path": str(path)}
    order = {"by": "domain", "domains": ["tales"]}
    parts = {"corpus__source": source, "teachers__llama__training__order": order}
    complete(gathered_stage(changed(**parts).corpus.source, tmp_path / "run" / "source"))
    assert "'tales' is not a domain of the text" in refused(changed(**parts), tmp_path / "run")
    recipe = changed(**parts | {"corpus__source": source | {"domain": "of"}})
    planned = check_before_run(recipe, tmp_path / "run")
    assert not planned.counted
    assert check_before_run(changed(corpus__source=source), tmp_path / "run").counted


def test_a_batch_that_the_processes_cannot_share_is_refused_naming_the_model(tiny_recipe, tmp_path):
    assert "teachers.llama: training.batch_size" in refused(tiny_recipe, tmp_path, processes=3)


def test_a_disk_too_full_is_refused(tiny_recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(planning, "free_disk", lambda _: 10)
    message = refused(tiny_recipe, tmp_path)
    assert "but its disk has 10 bytes free" in message
    assert "--set 'signal={kind: online}'" in message


def test_a_file_of_another_length_is_refused_before_any_model_is_trained(
    changed, tokens, tokenizer, tmp_path
):
    (tmp_path / "numbers.txt").write_text("1\n2\n3\n")
    order = {"by": "file", "file": str(tmp_path / "numbers.txt")}
    recipe = changed(students__distilled__training__order=order)
    with pytest.raises(InputError, match=r"^students\.distilled: .* has 3 numbers; the training"):
        check_before_training(recipe, tokens, tokenizer)


def test_a_model_that_cannot_order_the_windows_is_refused(changed, tokens, tokenizer, tmp_path):
    model = random_model("gpt2", load_tokenizer(tokenizer), tmp_path / "model")
    order = {"by": "model-loss", "model": str(model)}
    recipe = changed(students__distilled__training__order=order)
    check_before_run(recipe, tmp_path / "run")
    check_before_training(recipe, tokens, tokenizer)

    other = random_model("gpt2", load_tokenizer(tokenizer), model, n_positions=8)
    assert (
        "students.distilled: training.order.model has 8 positions, a window has 16 tokens"
        in refused(recipe, tmp_path / "run")
    )
    library = json.loads((other / "tokenizer.json").read_text("utf-8"))
    vocabulary = library["model"]["vocab"]
    one, two = list(vocabulary)[-2:]
    vocabulary[one], vocabulary[two] = vocabulary[two], vocabulary[one]
    random_model("gpt2", load_tokenizer(tokenizer), model)
    (model / "tokenizer.json").write_text(json.dumps(library), encoding="utf-8")
    message = r"^students\.distilled: training\.order\.model was trained"
    with pytest.raises(InputError, match=message):
        check_before_training(recipe, tokens, tokenizer)


def test_a_given_teacher_of_other_text_is_told_of(changed, tokens, tokenizer, tmp_path, capsys):
    model = random_model("gpt2", load_tokenizer(tokenizer), tmp_path / "model")
    recipe = changed(teachers__llama={"path": str(model)})
    content = {"stage": "pretraining", "version": 1, "recipe": {}, "seed": 0}
    content |= {"facts": {}, "wall_seconds": 1.0}
    for trained_on, told in ((None, False), (digest(tokens), False), ("0" * 64, True)):
        if trained_on is not None:
            inputs = {"inputs": {"tokens": trained_on}}
            write_manifest(model, content | inputs, leave_out=set())
        check_before_training(recipe, tokens, tokenizer)
        said = " ".join(capsys.readouterr().err.split())
        message = "teachers.llama was trained on other text than this run's"
        assert (message in said) == told


def test_sampled_text_of_less_than_two_windows_is_refused(changed, tokens, tokenizer):
    students = changed().model_dump(mode="json")["students"]
    part = {key: students["distilled"][key] for key in ("model", "training")}
    taught = part | {"kind": "sequences", "sampling": {"amount": 1e-5}}
    recipe = changed(students=students | {"taught": taught})
    with pytest.raises(InputError, match=r"^students\.taught: sampling\.amount is 1e-05: of "):
        check_before_training(recipe, tokens, tokenizer)


def test_trainings_are_planned_on_the_tokens_before_the_first_begins(changed, tokens, tokenizer):
    check_before_training(changed(), tokens, tokenizer)
    for part in ("teachers__gpt2", "students__distilled"):
        recipe = changed(**{f"{part}__training__warmup_steps": 10**6})
        with pytest.raises(InputError, match=rf"^{part.replace('__', '.')}: .*warmup_steps"):
            check_before_training(recipe, tokens, tokenizer)


@pytest.mark.parametrize("suite", ["own", "lambada"])
def test_a_text_too_long_for_a_model_is_found_before_any_is_trained(
    changed, tokens, tokenizer, tmp_path, suite
):
    long = ("the cat sees a dog " * 40).strip()
    line = {"own": {"sentence_good": long, "sentence_bad": "a dog"}, "lambada": {"text": long}}
    (tmp_path / "long.jsonl").write_text(json.dumps(line[suite]))
    recipe = changed(evaluation__benchmarks={suite: str(tmp_path / "long.jsonl")})
    with pytest.raises(InputError, match=rf"evaluation\.benchmarks\.{suite}: a text needs .* 64: "):
        check_before_training(recipe, tokens, tokenizer)


def test_a_teacher_with_fewer_positions_than_its_students_windows_is_refused(tiny_recipe, tmp_path):
    tree = tiny_recipe.model_dump(mode="json")
    first = tree["students"]["distilled"]
    second = first | {"teachers": ["distilled"]}
    second["model"] = first["model"] | {"max_position_embeddings": 128}
    second["training"] = first["training"] | {"window": 128}
    tree["students"]["second"] = second
    error = refused(Recipe.model_validate(tree), tmp_path)
    assert "distilled, which teaches students.second: training.window is 128, but" in str(error)
