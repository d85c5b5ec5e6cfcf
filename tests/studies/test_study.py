"""A study is a YAML file; its mistakes are named with their lines, and before any work."""

import pytest

from babyllama.errors import InputError
from babyllama.studies.cells import trials_of
from babyllama.studies.study import built_in_studies, load_study, study_yaml

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
        ("[1, 2]", "[]", "mine.yaml:4: vary is empty"),
        ("seeds: 2", "seeds: 300", "600 trials, more than max_trials 200"),
        ("compare: [{ours: temperature=1, theirs: temperature=2}]", "compare: []", "compare"),
        ("name: mine", "name: a/b", "becomes a folder"),
    ],
)
def test_a_mistake_is_refused(read, old, new, says):
    with pytest.raises(InputError) as caught:
        read(TEXT.replace(old, new))
    assert says in f"{caught.value.what} {caught.value.why}".lower()


def test_two_cells_of_one_name_are_refused(read):
    vary = "vary: [{name: a}, {name: A}]\n"
    with pytest.raises(InputError, match="Two cells are named 'a'"):
        read(TEXT.replace("vary:\n  students.distilled.temperature: [1, 2]\n", vary))


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
    study = read(TEXT + "set: {seed: 5, corpus.words: 9}\n", settings=["corpus.words=2000"])
    assert study.set == {"seed": 5, "corpus.words": 2000}
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
