"""What the stages of the text read, and what their manifests record."""

from pathlib import Path

from babyllama.pipeline.stages import stages
from babyllama.pipeline.text_stages import corpus_stage, gathered_stage
from babyllama.recipe import CorpusRecipe, FolderSource, TableSource, load_recipe
from babyllama.runs import artefact


def line(*settings):
    return {stage.name: stage for stage in stages(load_recipe("mini", settings), Path("run"))}


def recorded(stage):
    return stage.key()["recipe"]


def test_the_path_of_a_corpus_is_not_recorded(tmp_path):
    def made(path):
        recipe = CorpusRecipe(source=FolderSource(kind="folder", path=path))
        return corpus_stage(path, recipe, tmp_path / "corpus")

    assert recorded(made(tmp_path / "a")) == recorded(made(tmp_path / "b"))


def test_a_file_that_is_renamed_is_cleaned_by_its_new_name_and_then_complete(tmp_path):
    def stage():
        recipe = CorpusRecipe(source=FolderSource(kind="folder", path=path))
        return corpus_stage(path, recipe, tmp_path / "corpus")

    path = tmp_path / "talk.txt"
    path.write_text("*MOT:\tyes !\n" * 40)
    artefact.complete(stage())
    assert stage().key()["recipe"]["domain"] is None  # as it always was

    path = path.rename(tmp_path / "childes.txt")
    artefact.complete(stage())

    assert (tmp_path / "corpus/train/childes.txt").read_text().startswith("yes!\n")
    assert not (tmp_path / "corpus/train/talk.txt").exists()
    assert artefact.status(stage()).state == "complete"


def test_the_name_and_the_columns_of_a_table_are_recorded_and_its_place_is_not():
    def made(path, **fields):
        source = TableSource(kind="table", path=path, **fields)
        return recorded(gathered_stage(source, Path("source")))

    assert made(Path("x/a.csv")) == made(Path("y/a.csv"), expected_words=5)
    assert made(Path("a.csv")) != made(Path("b.csv"))
    assert made(Path("a.csv")) != made(Path("a.csv"), column="body")


def test_a_source_with_a_seed_of_its_own_stays_when_the_recipes_seed_varies():
    own = [line("corpus.source.seed=5", f"seed={seed}")["source"].key() for seed in (1, 2)]
    assert own[0] == own[1] == line("seed=5")["source"].key()
    assert line("seed=1")["source"].key() != line("seed=2")["source"].key()


def test_the_words_of_a_corpus_are_recorded_only_if_they_were_asked_for():
    whole = recorded(line("corpus.words=null")["corpus"])
    assert whole.keys() == {"rules", "dev_fraction", "domain"}
    assert recorded(line("corpus.words=null", "corpus.words_seed=3")["corpus"]) == whole
    assert recorded(line("corpus.words=900", "seed=4")["corpus"])["words"] == 900


def test_only_text_that_the_named_rules_clean_has_a_new_version(tmp_path):
    path = tmp_path / "talk.txt"
    path.write_text("yes\n" * 40)

    def version(rules, language="en"):
        source = FolderSource(kind="folder", path=path)
        recipe = CorpusRecipe(source=source, rules=rules, language=language)
        return corpus_stage(path, recipe, tmp_path / "corpus").key()["version"]

    assert (version("thorough"), version("paper")) == (11, 1)
    assert line()["corpus"].key()["version"] == 1  # of the grammar: its text is the same


def test_the_language_counts_only_where_rules_look_at_it(tmp_path):
    def made(**settings):
        recipe = CorpusRecipe(source=FolderSource(kind="folder", path=tmp_path), **settings)
        return recorded(corpus_stage(tmp_path, recipe, tmp_path / "corpus"))

    assert made(language="de")["language"] == "de"
    assert "language" not in made(language="eng")
    assert made(rules="paper", language="de") == made(rules="paper")
