"""One module knows the paths of a run, and they are those of design.md."""

import ast
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import babyllama
from babyllama.errors import InputError
from babyllama.pipeline.stages import stages
from babyllama.recipe import FolderSource, OnlineSignal, Recipe, TableSource, names, to_yaml
from babyllama.runs.artefact import partial_folder
from babyllama.runs.layout import (
    Layout,
    default_folder,
    predictions_folder,
    resume_command,
    run_of,
    scores_file,
)


def test_the_paths_of_a_run_are_those_that_are_documented(tiny_recipe):
    run = Layout(Path("r"))
    found = [
        run.recipe, run.minimal_pairs, run.teacher("llama"), run.student("twin"), run.signal,
        run.scores("twin"), run.predictions("twin"), run.page,
        run.point("twin", "chck_1M", "blimp"), run.acquisition("twin"),
    ]  # fmt: skip
    assert [path.as_posix() for path in found] == [
        "r/recipe.yaml", "r/source/minimal_pairs", "r/teachers/llama", "r/students/twin",
        "r/signal", "r/evaluation/twin.json", "r/evaluation/predictions/twin",
        "r/report/index.html", "r/curves/twin/chck_1M/blimp.json",
        "r/curves/twin/acquisition.json",
    ]  # fmt: skip
    assert default_folder("mini") == Path("runs/mini")
    assert list(run.models(tiny_recipe)) == ["llama", "gpt2", "distilled", "twin"]
    assert scores_file(run.evaluation, "twin") == run.scores("twin")
    assert predictions_folder(run.evaluation, "twin") == run.predictions("twin")


@pytest.mark.parametrize("is_stored", [True, False])
@pytest.mark.parametrize(
    ("source", "is_made"),
    [
        (None, True),
        (FolderSource(kind="folder", path="text"), False),
        (FolderSource(kind="folder", path="text.zip"), True),
        (TableSource(kind="table", path="a.csv"), True),
    ],
)
def test_stages_have_the_names_order_and_folders_of_the_pipeline(
    tiny_recipe, tmp_path, is_stored, source, is_made
):
    recipe: Recipe = tiny_recipe
    if not is_stored:
        recipe = recipe.model_copy(update={"signal": OnlineSignal(kind="online")})
    if source is not None:
        corpus = recipe.corpus.model_copy(update={"source": source})
        recipe = recipe.model_copy(update={"corpus": corpus})
    made = {stage.name: stage.out for stage in stages(recipe, tmp_path)}
    assert list(Layout(tmp_path).stages(recipe).items()) == list(made.items())
    assert (names.SIGNAL in made, names.SOURCE in made) == (is_stored, is_made)


def test_a_folder_without_a_recipe_is_refused_with_a_command_that_works(tiny_recipe, tmp_path):
    with pytest.raises(InputError, match="is not a run: it has no recipe") as refused:
        Layout(tmp_path).load_recipe("babyllama curves runs/mini")
    assert "babyllama curves runs/mini" in refused.value.mend
    Layout(tmp_path).recipe.write_text(to_yaml(tiny_recipe), encoding="utf-8")
    assert Layout(tmp_path).load_recipe("") == tiny_recipe


def test_the_run_of_a_folder_is_the_nearest_above_with_a_recipe(tmp_path, monkeypatch):
    out = tmp_path / "run" / "teachers" / "llama"
    out.mkdir(parents=True)
    assert run_of(out) == tmp_path / "run" / "teachers"
    (tmp_path / "run" / "recipe.yaml").write_text("")
    assert run_of(out) == tmp_path / "run"
    monkeypatch.chdir(out.parent)
    assert run_of(Path("llama")) == tmp_path / "run"


words = ["a", "A", "b", *names.RESERVED, "final", "acquisition", "chck_1M"]
ends = ["", ".partial", ".replaced", ".json", ".key", ".JSON", ".jsonl", "-1"]
model_names = [
    name for name in map("".join, product(words, ends)) if not names.model_name_fault(name)
]


# Recipes refuse two names that differ only in case (tests/recipe/test_names.py).
@given(
    models=st.lists(st.sampled_from(model_names), min_size=2, max_size=4, unique_by=str.casefold)
)
def test_no_two_models_that_a_recipe_accepts_share_a_file_on_any_file_system(models):
    run = Layout(Path("r"))
    partial = partial_folder(run.evaluation)
    taken = [partial / "manifest.json", partial / "work.json", run.evaluation / "manifest.json"]
    taken += [run.scores(names.ENSEMBLE), run.predictions(names.ENSEMBLE)]
    for name in models:
        for folder in (run.teacher(name), run.student(name)):
            replaced = folder.with_name(f"{name}.replaced")
            taken += [folder, partial_folder(folder), replaced]
        taken += [scores_file(partial, name), partial / f"{name}.key"]
        taken += [run.scores(name), run.predictions(name), run.curves / name]
    paths = [path.as_posix().casefold() for path in taken]
    assert len(set(paths)) == len(paths)
    inputs = [names.CORPUS, names.TOKENS, names.EVALUATION, names.CURVES, *models]
    assert len({name.casefold() for name in inputs}) == len(inputs)


def test_no_other_module_spells_out_a_path_of_a_run():
    """Strings that are joined to a path with `/`, or name a file of a run.

    Of formatted strings the end counts: `.bin` is a token stream.
    """
    package = Path(babyllama.__file__).parent
    own = {"runs/layout.py", "recipe/names.py"}
    own |= {"data/synthetic/writing.py"}  # its .jsonl files are data for a benchmark
    files = {"recipe.yaml", "training.jsonl", "tokens.json", "stats.json", "fidelity.json"}
    copies = []
    for module in sorted(package.rglob("*.py")):
        if module.relative_to(package).as_posix() in own:
            continue
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            joined = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
            right = node.right if isinstance(node, ast.BinOp) and joined else node
            last = right.values[-1] if joined and isinstance(right, ast.JoinedStr) else right
            text = last.value if isinstance(last, ast.Constant) else None
            if text in files or (joined and text in {*names.RESERVED, ".bin", ".jsonl"}):
                copies.append(f"{module.relative_to(package)}:{right.lineno}: {text}")
    assert copies == []


def test_the_command_that_resumes_a_run_can_be_pasted():
    assert resume_command(Path("-my runs/it's"), "--set", "seed=1") == (
        """babyllama run './-my runs/it'"'"'s' --set seed=1"""
    )
    # `babyllama run mini` is the built-in recipe, whatever folder is called so.
    assert resume_command(Path("mini")) == "babyllama run ./mini"
