import re
from pathlib import Path

import pytest
from raw_recipes import MINI

from babyllama.errors import InputError
from babyllama.recipe import load_recipe, to_yaml
from babyllama.recipe.combining import Layer, combine
from babyllama.recipe.raw_tree import read_yaml

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def mine(tmp_path):
    """Load a recipe of these lines, with settings."""

    def load(text, *settings):
        path = tmp_path / "mine.yaml"
        path.write_text(text, encoding="utf-8")
        return load_recipe(str(path), settings)

    return load


def combined(*texts, settings=()):
    layers = [Layer(*read_yaml(text, f"{n}.yaml")) for n, text in enumerate(texts)]
    return combine(layers, settings)


def tree(*texts, settings=()):
    return combined(*texts, settings=settings).tree


def test_a_recipe_without_any_of_them_is_what_it_was(mine):
    recipe = load_recipe("mini")
    assert mine(to_yaml(recipe)) == recipe


def test_mappings_are_merged_and_every_other_value_replaces_the_bases():
    base = "corpus: {source: {words: 5, dev_words: 7}}\nlist: [1, 2]\nnumber: 3\n"
    over = "corpus: {source: {words: 6}}\nlist: [4]\nnumber: null\n"
    expected = {"corpus": {"source": {"words": 6, "dev_words": 7}}, "list": [4], "number": None}
    assert tree(base, over) == expected


def test_another_kind_carries_no_field_of_the_old_kind_over():
    base = "signal: {kind: hidden, precision: int8}\nm: {model_type: gpt2, n_embd: 4}\n"
    over = "signal: {kind: topk, k: 3}\nm: {model_type: llama}\n"
    assert tree(base, over) == {"signal": {"kind": "topk", "k": 3}, "m": {"model_type": "llama"}}


def test_a_student_of_another_kind_keeps_its_model_and_training_only(monkeypatch):
    from babyllama.recipe import combining

    kinds = combining.student_kinds()
    monkeypatch.setattr(combining, "student_kinds", lambda: {**kinds, "new": kinds["distilled"]})
    base = "students: {a: {kind: distilled, model: {x: 1}, training: {epochs: 1}, alpha: 1}}\n"
    assert tree(base, "students: {a: {kind: new}}")["students"]["a"] == {
        "kind": "new", "model": {"x": 1}, "training": {"epochs": 1},
    }  # fmt: skip
    assert tree(base, "students: {a: {kind: twin, of: b}}")["students"]["a"] == {
        "kind": "twin", "of": "b",
    }  # fmt: skip


def test_an_entry_that_is_null_is_removed():
    base = "students: {a: {x: 1}, b: {x: 2}}\nevaluation: {benchmarks: {blimp: d, mine: e}}\n"
    over = "students: {b: null}\nevaluation: {benchmarks: {mine: null}}\n"
    assert tree(base, over) == {
        "students": {"a": {"x": 1}}, "evaluation": {"benchmarks": {"blimp": "d"}},
    }  # fmt: skip
    assert "b" not in tree(base, settings=["students.b=null"])["students"]


@pytest.mark.parametrize(
    ("over", "message", "mend"),
    [
        ("students: {twinn: null}", "1.yaml:1: students.twinn is null", "Did you mean twin?"),
        ("students:\n  c: {like: twi}", "1.yaml:2: students.c.like is 'twi'", "Did you mean twin?"),
        ("students: {c: {like: 3}}", "1.yaml:1: students.c.like is 3", ""),
        ("students: {c: {like: c}}", "students.c.like: c is like c", ""),
        ("students: {c: {like: d}, d: {like: c}}", "c is like d is like c", ""),
        ("defaults: 3", "1.yaml:1: defaults is 3", ""),
        ("defaults: {trainig: {}}", "defaults.trainig is not a default", "Did you mean training?"),
        ("defaults: {training: 3}", "defaults.training is 3", ""),
    ],
)
def test_a_mistake_is_named_with_its_line_and_the_nearest_name(over, message, mend):
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        combined("students: {twin: {kind: twin}}", over)
    assert caught.value.mend == mend


def test_a_model_may_be_like_another_and_differ_in_some_fields():
    text = "students:\n  a: {kind: distilled, training: {x: 1, y: 2}}\n"
    text += "  b: {like: a, training: {y: 3}}\n  c: {like: b, alpha: 1}\n"
    students = tree(text)["students"]
    assert students["b"] == {"kind": "distilled", "training": {"x": 1, "y": 3}}
    assert students["c"] == {"kind": "distilled", "training": {"x": 1, "y": 3}, "alpha": 1}


def test_a_model_that_is_like_a_changed_one_changes_too():
    base = "students:\n  a: {kind: distilled, training: {x: 1}}\n  b: {like: a}\n"
    assert tree(base, "students: {a: {training: {x: 5}}}")["students"]["b"]["training"] == {"x": 5}
    changed = tree(base, settings=["students.a.training.x=6", "students.b.alpha=1"])
    assert changed["students"]["b"] == {"kind": "distilled", "training": {"x": 6}, "alpha": 1}


def test_a_teacher_that_is_like_a_student_has_its_model_and_training():
    text = "teachers: {t: {like: a}}\nstudents: {a: {kind: distilled, model: {x: 1}, alpha: 1}}\n"
    assert tree(text)["teachers"]["t"] == {"model": {"x": 1}}
    text = "teachers: {t: {model: {x: 1}}}\nstudents: {a: {kind: distilled, like: t}}\n"
    assert tree(text)["students"]["a"] == {"kind": "distilled", "model": {"x": 1}}


def test_defaults_hold_for_every_model_but_a_twin_and_own_fields_win():
    text = (
        "defaults: {training: {epochs: 2, window: 8}}\n"
        "teachers: {t: {training: {epochs: 9}}, g: {path: old}}\n"
        "students: {a: {kind: distilled}, b: {kind: twin, of: a}, c: {like: a}}\n"
    )
    found = tree(text)
    assert found["teachers"] == {
        "t": {"training": {"epochs": 9, "window": 8}}, "g": {"path": "old"},
    }  # fmt: skip
    assert found["students"] == {
        "a": {"kind": "distilled", "training": {"epochs": 2, "window": 8}},
        "b": {"kind": "twin", "of": "a"},
        "c": {"kind": "distilled", "training": {"epochs": 2, "window": 8}},
    }


def test_defaults_override_what_the_base_wrote_for_a_model():
    base = "defaults: {training: {window: 8}}\nstudents:\n"
    base += "  a: {kind: distilled, training: {epochs: 9}}\n  b: {like: a, training: {clip: 1}}\n"
    base += "  c: {like: a, training: {epochs: 7}}\n"
    over = "defaults: {training: {epochs: 1}}\n"
    students = tree(base, over)["students"]
    assert [students[name]["training"]["epochs"] for name in "abc"] == [1, 1, 1]
    own = tree(base, over + "students: {a: {training: {epochs: 4}}}")["students"]
    assert [own[name]["training"]["epochs"] for name in "abc"] == [4, 4, 1]
    assert own["b"]["training"] == {"epochs": 4, "window": 8, "clip": 1}
    by_setting = tree(base, settings=["defaults.training.epochs=3"])["students"]
    assert [by_setting[name]["training"]["epochs"] for name in "abc"] == [3, 3, 3]


def test_a_default_of_the_model_holds_for_its_model_type_only():
    base = "teachers: {g: {model: {model_type: gpt2, n_layer: 3}}, l: {model: {model_type: llama}}}"
    over = "defaults: {model: {model_type: llama, layers: 1}}"
    teachers = tree(base, over)["teachers"]
    assert teachers["g"] == {"model": {"model_type": "gpt2", "n_layer": 3}}
    assert teachers["l"] == {"model": {"model_type": "llama", "layers": 1}}


def test_a_mistake_in_an_inherited_field_has_the_line_where_it_was_written(mine):
    with pytest.raises(InputError) as caught:
        mine(
            "extends: mini\n"
            "students:\n"
            "  cold: {like: distilled,\n"
            "    alpha: 1.5}\n"
            "  colder: {like: cold}\n"
            "defaults:\n"
            "  training: {epochs: 0}\n"
        )
    text = str(caught.value)
    assert "mine.yaml:4: students.cold.alpha is 1.5" in text
    assert "mine.yaml:4: students.colder.alpha is 1.5" in text
    assert "mine.yaml:7: teachers.llama.training.epochs is 0" in text
    with pytest.raises(InputError, match=r"--set .*: students.cold.alpha is 2"):
        mine("extends: mini\nstudents: {cold: {like: distilled}}", "students.cold.alpha=2")
    with pytest.raises(InputError, match=r"recipe mini:\d+: students.twin.of is 'distilled'"):
        mine("extends: mini\nstudents: {distilled: null}")


def test_settings_change_models_of_the_base_and_add_models_like_them(mine):
    recipe = mine(
        "extends: mini\nstudents: {cold: {like: distilled, temperature: 1}}",
        "students.cold.temperature=3",
        "students.hot.like=cold",
        "students.hot.alpha=0.3",
    )
    assert recipe.distilled["cold"].temperature == 3
    assert recipe.distilled["hot"] == recipe.distilled["cold"].model_copy(update={"alpha": 0.3})
    with pytest.raises(InputError, match="--set extends=laptop: extends cannot be set"):
        mine("extends: mini", "extends=laptop")


def test_a_misspelt_field_that_is_replaced_before_the_checks_is_known(mine):
    with pytest.raises(InputError) as caught:
        mine(to_yaml(load_recipe("mini")) + "extend: laptop\n")
    assert caught.value.mend == "Did you mean extends?"


def test_the_resolved_recipe_loads_as_itself(mine):
    recipe = mine("extends: mini\ndefaults: {training: {epochs: 2}}\nstudents: {twin: null}")
    assert list(recipe.students) == ["distilled"]
    assert recipe.teachers["gpt2"].training.epochs == 2
    assert recipe.seed == MINI["seed"]
    assert mine(to_yaml(recipe)) == recipe


def test_the_recipes_of_the_documentation_load(mine):
    page = (DOCS / "recipes.md").read_text("utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.S)
    assert len(blocks) > 1
    for text in blocks:
        assert mine(text).name == "mine"
