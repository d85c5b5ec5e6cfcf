"""What trials share follows from their recipes, before anything is made."""

from collections import Counter

from babyllama.studies.cells import trials_of
from babyllama.studies.store import shared_by


def made(study, folder):
    """Everything that a study makes, by its folder in the store."""
    every = (made for trial in trials_of(study, folder) for made in shared_by(trial, folder))
    return {each.folder: each.name.partition("/")[0] for each in every}


def counts(study, folder):
    return Counter(made(study, folder).values())


def test_only_what_a_change_decides_is_made_again(small_study, tmp_path):
    once = {"corpus": 1, "tokenizer": 1, "tokens": 1}
    assert counts(small_study(), tmp_path) == {
        **once, "teachers": 4, "signal": 2, "students": 6, "scores": 14,
    }  # fmt: skip
    # Dev text is scored in the shortest window of a trial, so all its models are scored again.
    windows = {"students.distilled.training.window": [16, 8]}
    assert counts(small_study(vary=windows), tmp_path) == {
        **once, "teachers": 4, "signal": 4, "students": 8, "scores": 24,
    }  # fmt: skip
    text = {"corpus.rules": ["paper", "thorough"]}
    assert counts(small_study(vary=text), tmp_path)["teachers"] == 8


def test_another_text_in_the_same_folder_has_another_address(small_study, tmp_path):
    def addresses(text):
        raw = tmp_path / text
        raw.mkdir()
        (raw / "talk.txt").write_text(f"{text}\n" * 200, encoding="utf-8")
        study = small_study(set={"corpus.source.path": str(raw)})
        return set(made(study, tmp_path))

    assert not addresses("One line.") & addresses("Other line.")
