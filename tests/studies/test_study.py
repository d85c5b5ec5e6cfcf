"""A study is a YAML file; its mistakes are named with their lines, and before any work."""

import pytest

from babyllama.errors import InputError
from babyllama.studies.cells import trials_of
from babyllama.studies.study import (
    built_in_studies,
    default_folder_of,
    load_study,
    study_yaml,
)

GRID = "it must be a grid (fields, each with a list of values) or a list of named cells"
TEXT = """name: mine
question: Which?
recipe: mini
vary:
  students.distilled.temperature: [1, 2]
seeds: 2
compare: [{ours: temperature=1, theirs: temperature=2}]
"""


@pytest.fixture
def read(tmp_path):
    def load(text, **more):
        path = tmp_path / "mine.yaml"
        path.write_text(text, encoding="utf-8")
        return load_study(str(path), **more)

    return load


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("seeds: 2", "seeds: 1", "fewer than two seeds"),
        ("seeds: 2", "seeds: [3, 3]", "a seed is given twice"),
        ("seeds: 2", "seeds: [-1, 3]", "a seed is 0 or more"),
        ("seeds: 2", "seedz: 2", "mine.yaml:6: seedz is not a field"),
        ("[1, 2]", "[]", "mine.yaml:5: vary.students.distilled.temperature is empty"),
        (
            "seeds: 2",
            "seeds: 300",
            "mine.yaml: vary has students.distilled.temperature (2) = 2 cells: with 300 seeds they "
            "are 600 trials, more than max_trials 200",
        ),
        ("seeds: 2", "seeds: five", "seeds is 'five' it must be a number or a list of numbers"),
        ("seeds: 2", "seeds: 2\nmeasure: []", "measure is empty leave it out, or name a measure"),
        ("\n  students.distilled.temperature: [1, 2]", " 2", f"vary is 2 {GRID}"),
        ("\n  students.distilled.temperature: [1, 2]", " []", "leave it out, or name a cell"),
        (
            "\n  students.distilled.temperature: [1, 2]",
            " [{set: {a: 1}}]",
            "vary.0.name is missing",
        ),
        (
            "compare: [{ours: temperature=1, theirs: temperature=2}]",
            "compare: []",
            "compare is empty",
        ),
        ("name: mine", "name: a/b", "becomes a folder"),
    ],
)
def test_a_mistake_is_refused(read, old, new, says):
    with pytest.raises(InputError) as caught:
        read(TEXT.replace(old, new))
    assert says in f"{caught.value.what} {caught.value.why}".lower()


def refusal(read, text):
    with pytest.raises(InputError) as caught:
        read(text)
    return f"{caught.value}"


def test_two_cells_of_one_folder_are_refused(read):
    vary = "vary: [{name: a}, {name: A}]\n"
    grid = "vary:\n  students.distilled.temperature: [1, 2]\n"
    said = refusal(read, TEXT.replace(grid, vary))
    assert "Cells a and A would have one folder on some systems" in said
    assert "Two cells are named 'a'" in refusal(read, TEXT.replace(grid, vary.replace("A", "a")))


def test_a_comparison_that_is_no_list_or_expects_something_unknown_is_one_mistake(read):
    compare = "[{ours: temperature=1, theirs: temperature=2}]"
    said = refusal(read, TEXT.replace(compare, compare[1:-1]))
    assert "It must be a list: - {ours: ..., theirs: ...}." in said
    said = refusal(read, TEXT.replace("2}]", "2, expect: bigger}]"))
    assert "compare.0.expect is 'bigger'" in said
    assert "mistakes" not in said


def test_a_file_without_fields_is_refused_with_a_study_to_start_from(read):
    for text, says in (("", "mine.yaml: is empty"), ("- a\n", "mine.yaml: holds a list")):
        said = refusal(read, text)
        assert says in said
        assert "babyllama studies replication > mine.yaml" in said


def test_the_folder_of_a_study_stands_for_the_study(read, tmp_path):
    folder = tmp_path / "there"
    folder.mkdir()
    (folder / "study.yaml").write_text(study_yaml(read(TEXT)), encoding="utf-8")
    study = load_study(str(folder))
    assert study.name == "mine"
    assert default_folder_of(study, str(folder)) == folder
    assert default_folder_of(study, "mine.yaml").name == "mine"


def test_a_scale_that_is_not_found_is_refused_as_such(read):
    with pytest.raises(InputError, match="--scale: recipe 'minni' not found"):
        read(TEXT, scale="minni")


def test_a_written_study_is_read_back_as_it_was(read):
    study = read(TEXT)
    assert read(study_yaml(study)) == study


def test_scale_and_seeds_replace_those_of_the_file(read):
    found = read(TEXT, scale="laptop", seeds=4)
    assert (found.recipe, found.seed_list) == ("laptop", (0, 1, 2, 3))
    own = TEXT.replace("recipe: mini", "recipe: {extends: mini, tokenizer: {vocab_size: 900}}")
    assert read(own, scale="laptop").recipe == {
        "extends": "laptop",
        "tokenizer": {"vocab_size": 900},
    }


def test_an_unknown_study_is_named_with_the_nearest():
    with pytest.raises(InputError) as caught:
        load_study("replicate")
    assert "replication" in caught.value.mend


@pytest.mark.parametrize("name", built_in_studies())
def test_every_built_in_study_has_valid_trials_and_comparisons(name, tmp_path):
    from babyllama.studies.cells import trials_of
    from babyllama.studies.comparing import pairs_of

    study = load_study(name, seeds=2)
    trials = trials_of(study, tmp_path)
    assert len(trials) == 2 * study.count_of_cells
    pairs = list(pairs_of(study, {trial.cell: trial.recipe for trial in trials}))
    assert len(pairs) >= len(study.compare)


def test_a_setting_is_a_change_for_every_cell_and_not_of_what_they_differ_in(read):
    study = read(
        TEXT + "set: {corpus.words_seed: 5, corpus.words: 9}\n", settings=["corpus.words=2000"]
    )
    assert study.set == {"corpus.words_seed": 5, "corpus.words": 2000}
    assert study.origin_of("corpus.words") == "--set corpus.words"
    assert study.origin_of("corpus.words_seed").endswith("mine.yaml: set")
    for path in ("students.distilled.temperature=3", "students.distilled={}"):
        with pytest.raises(InputError, match=r"cells of the study mine differ in students\.dist"):
            read(TEXT, settings=[path])
    with pytest.raises(InputError, match=r"--set seed: is not key\.path=value"):
        read(TEXT, settings=["seed"])


@pytest.mark.parametrize("recipe", ["small.yaml", "{extends: small.yaml, seed: 3}"])
def test_the_recipe_is_a_file_beside_the_study_wherever_the_command_runs(read, tmp_path, recipe):
    base = "extends: mini\nname: small\ntokenizer: {vocab_size: 400}\n"
    (tmp_path / "small.yaml").write_text(base, encoding="utf-8")
    study = read(TEXT.replace("recipe: mini", f"recipe: {recipe}"))
    copy = tmp_path / "elsewhere" / "study.yaml"  # as the study's folder has it
    copy.parent.mkdir()
    copy.write_text(study_yaml(study), encoding="utf-8")
    (trial, *_) = trials_of(load_study(str(copy)), tmp_path)
    assert trial.recipe.tokenizer.vocab_size == 400
