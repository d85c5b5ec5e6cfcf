"""The whole recipe, its shipped instances, and the points in which its parts must agree."""

import copy
from collections.abc import Iterator

import pytest
from pydantic import BaseModel, ValidationError
from raw_recipes import MINI, changed, refusal

from babyllama import recipe as recipes
from babyllama.errors import InputError
from babyllama.recipe import PretrainingRecipe, Recipe, built_in_recipes, load_recipe, parse


def models() -> list[type[BaseModel]]:
    """Every model that a recipe can hold, or another module of the package."""

    def below(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
        for child in model.__subclasses__():
            yield child
            yield from below(child)

    # Stages describe themselves by models of their own, which no recipe holds.
    home = f"{recipes.__name__}."
    return [model for model in below(recipes.Frozen) if model.__module__.startswith(home)]


def models_in(annotation):
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return True
    return any(models_in(each) for each in getattr(annotation, "__args__", ()))


def test_every_model_of_a_recipe_is_found_here():
    assert {Recipe, recipes.AdamW, recipes.TopKSignal, recipes.LlamaShape} <= set(models())


@pytest.mark.parametrize("model", models(), ids=lambda model: model.__name__)
def test_every_field_is_described(model):
    for name, field in model.model_fields.items():
        is_tag = name in ("kind", "model_type")
        assert is_tag or models_in(field.annotation) or field.description, (
            f"{model.__name__}.{name}"
        )


def test_strict_small_is_the_papers_table():
    recipe = load_recipe("strict-small")
    llama, gpt2 = recipe.teachers["llama"], recipe.teachers["gpt2"]
    student = recipe.distilled["distilled"]

    assert (recipe.tokenizer.vocab_size, recipe.tokenizer.min_frequency) == (16_000, 2)
    assert recipe.tokens.layout == "stream"
    assert recipe.corpus.rules == "paper"

    shape = llama.model
    assert (shape.num_hidden_layers, shape.num_attention_heads) == (24, 8)
    assert (shape.hidden_size, shape.intermediate_size) == (1024, 3072)
    shape = gpt2.model
    assert (shape.n_layer, shape.n_head, shape.n_embd, shape.n_inner) == (24, 16, 1536, 6144)
    shape = student.model
    assert (shape.num_hidden_layers, shape.num_attention_heads) == (16, 8)
    assert (shape.hidden_size, shape.intermediate_size) == (512, 1024)
    assert not shape.tie_word_embeddings
    assert llama.model.max_position_embeddings == gpt2.model.n_positions == 256
    assert shape.max_position_embeddings == 256

    def schedule(training):
        return (
            training.learning_rate,
            training.warmup_steps,
            training.batch_size,
            training.epochs,
            training.optimizer.weight_decay,
        )

    assert schedule(llama.training) == (3e-4, 300, 128, 4, 0.0)
    assert schedule(gpt2.training) == (2.5e-4, 300, 128, 4, 0.0)
    assert schedule(student.training) == (2.5e-4, 200, 32, 6, 0.1)
    for training in (llama.training, gpt2.training, student.training):
        assert (training.window, training.max_dev_windows) == (128, 8192)
        assert (training.optimizer.beta1, training.optimizer.beta2, training.clip_norm) == (
            0.9,
            0.999,
            1.0,
        )

    assert (student.alpha, student.temperature, student.reduction) == (0.5, 2.0, "window_sum")


@pytest.mark.parametrize("name", built_in_recipes())
def test_a_twin_is_pretrained_as_its_student_is(name):
    recipe = load_recipe(name)
    student = recipe.distilled["distilled"]

    assert recipe.pretraining("twin") == recipe.pretraining("distilled")
    assert recipe.pretraining("twin") == PretrainingRecipe(
        model=student.model, training=student.training
    )
    llama = recipe.teachers["llama"]
    assert recipe.pretraining("llama") == PretrainingRecipe(
        model=llama.model, training=llama.training
    )


def test_a_model_that_a_recipe_lacks_is_named_with_the_nearest():
    with pytest.raises(InputError, match="recipe mini has no model 'distiled'") as caught:
        load_recipe("mini").pretraining("distiled")

    assert "llama, gpt2, distilled, twin" in caught.value.why
    assert caught.value.mend == "Did you mean distilled?"


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("manifest", "is reserved"),
        ("ensemble", "is reserved"),
        ("tokens", "is reserved"),
        ("a.partial", "ends with .partial"),
        ("a/b", "holds a path separator"),
        ("a" * 101, "is 101 bytes long"),
        ("", "a name is empty"),
    ],
)
@pytest.mark.parametrize("role", ["teachers", "students"])
def test_a_model_with_a_name_that_a_run_uses_itself_is_refused(role, name, fault):
    model = {"path": "models/old"} if role == "teachers" else MINI[role]["distilled"]
    error = refusal({**MINI, role: {**MINI[role], name: model}})
    assert error.what.startswith(f"mine.yaml: {role}.{name}: ")
    assert fault in error.what.lower()


@pytest.mark.parametrize("name", ["../../evil", "x" * 300, "a\0b", "", "-"])
def test_a_benchmark_with_a_name_that_is_no_file_name_is_refused(name):
    error = refusal(changed("evaluation.benchmarks", {name: "pairs.jsonl"}))
    assert error.what.startswith("mine.yaml: evaluation.benchmarks.")


def test_benchmarks_that_differ_only_in_case_are_refused():
    error = refusal(changed("evaluation.benchmarks", {"pairs": "a", "Pairs": "b"}))
    assert error.what.startswith("mine.yaml: evaluation.benchmarks is ")
    assert error.why == "Names 'pairs' and 'Pairs' differ only in case."


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("llama", "teachers.llama and students.llama have the same name"),
        ("GPT2", "teachers.gpt2 and students.GPT2 differ only in case"),
        ("Twin", "students.twin and students.Twin differ only in case"),
    ],
)
def test_two_models_of_one_name_are_refused(name, what):
    error = refusal(changed(f"students.{name}", MINI["students"]["distilled"]))
    assert error.what == f"mine.yaml: {what}"


@pytest.mark.parametrize("of", ["nobody", "twin", "llama"])
def test_a_twin_of_nothing_is_refused(of):
    error = refusal(changed("students.twin.of", of))

    assert error.what == f"mine.yaml: students.twin.of is '{of}'"
    assert error.why == "It must name a student that has teachers: distilled."


def test_students_of_two_windows_share_no_stored_signal_but_may_share_an_online_one():
    other = copy.deepcopy(MINI["students"]["distilled"])
    other["training"]["window"] = 64
    tree = changed("students.other", other)

    assert refusal(tree).what == (
        "mine.yaml: students.other.training.window is 64, students.distilled.training.window is 32"
    )
    tree["signal"] = {"kind": "online"}
    assert len(parse(Recipe, tree, "mine.yaml").distilled) == 2


TOPK = {"kind": "topk", "k": 5, "temperatures": [1.0, 2.0]}


@pytest.mark.parametrize(
    ("signal", "student", "message"),
    [
        ({"kind": "hidden", "weights": [1.0]}, {}, "signal.weights has 1 for 2 teachers"),
        ({"kind": "online", "weights": [1.0]}, {}, "signal.weights has 1 for 2 teachers"),
        ({"kind": "hidden"}, {"weights": [1.0]}, "distilled.weights has 1 for 2 teachers"),
        (TOPK, {"temperature": 3.0}, "temperature is 3\n  The signal is stored only for "
                                     "signal.temperatures: 1, 2."),
        (TOPK, {"weights": [0.5, 0.5]}, "distilled.weights cannot be used with a topk signal"),
    ],
)  # fmt: skip
def test_signals_that_do_not_serve_their_students_are_refused(signal, student, message):
    tree = changed("signal", signal)
    tree["students"]["distilled"] |= student
    assert message in str(refusal(tree))


def test_jittered_windows_need_teachers_beside_the_student():
    tree = changed("signal", {"kind": "hidden"})
    tree["students"]["distilled"]["training"]["windows"] = {"kind": "jittered"}
    error = refusal(tree)
    assert error.what == "mine.yaml: students.distilled.training.windows is jittered"
    assert error.mend == "Use fixed or shifted windows, or signal.kind online."
    tree["signal"] = {"kind": "online"}
    parse(Recipe, tree, "mine.yaml")


def test_parts_that_contradict_each_other_are_refused_without_yaml_as_well():
    tree = changed("students.twin.of", "nobody")
    tree["signal"]["weights"] = [1.0]
    with pytest.raises(ValidationError) as caught:
        Recipe.model_validate(tree)
    assert "students.twin.of is 'nobody'" in str(caught.value)
    assert "signal.weights has 1 for 2 teachers" in str(caught.value)


def test_a_benchmark_cannot_replace_the_one_that_comes_with_a_synthetic_corpus():
    tree = changed("evaluation.benchmarks", {"Grammar": "pairs.jsonl"})
    what = "evaluation.benchmarks.Grammar has the name of the corpus's own benchmark"
    assert refusal(tree).what == f"mine.yaml: {what}"
    tree["corpus"]["source"] = {"kind": "folder", "path": "texts"}
    assert list(parse(Recipe, tree, "mine.yaml").evaluation.benchmarks) == ["Grammar"]


def test_two_teachers_that_would_be_the_same_model_are_refused_and_may_have_other_seeds():
    tree = changed("name", "like")
    tree["teachers"]["second"] = dict(tree["teachers"]["llama"])
    error = refusal(tree)
    assert error.what == "mine.yaml: teachers.second is the same model as teachers.llama"
    assert error.mend == "Train it with another seed: teachers.second.seed_offset=1000"
    path = {"path": "models/old"}
    assert refusal(changed("teachers", {"old": path, "again": path})).what == (
        "mine.yaml: teachers.again is the same model as teachers.old"
    )
    tree["teachers"]["second"]["seed_offset"] = 1000
    recipe = parse(Recipe, tree, "mine.yaml")
    seeds = {name: recipe.seed_of(name) - recipe.seed for name in recipe.trained}
    assert seeds == dict.fromkeys(recipe.trained, 0) | {"second": 1000}
    assert recipe.pretraining("second") == recipe.pretraining("llama")
