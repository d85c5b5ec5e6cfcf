"""`import babyllama`: light, complete, and the same line as the command line."""

import shutil
import subprocess
import sys

import pytest

import babyllama
from babyllama.errors import InputError
from babyllama.recipe import to_yaml
from babyllama.runs.layout import Layout
from babyllama.runs.manifests import digest, read_manifest
from babyllama.scores.measures import read_measures

PUBLIC = {
    "Ensemble", "Run", "Signal", "Study", "compare", "distillation_loss", "evaluate",
    "load_recipe", "run", "study",
}  # fmt: skip


# In a process of its own: here every call of the package is checked against its shapes.
MAKE_TWO_RUNS = """
import sys, babyllama
from typer.testing import CliRunner
from babyllama.cli import app

recipe, python, command = sys.argv[1:]
babyllama.run(babyllama.load_recipe(recipe), python)
done = CliRunner().invoke(app, ["run", recipe, "--run-dir", command])
assert done.exit_code == 0, done.output
"""


@pytest.fixture(scope="module")
def folders(tiny_recipe, tmp_path_factory):
    """One recipe's run twice: made by `babyllama.run` and by the command line."""
    folder = tmp_path_factory.mktemp("runs")
    recipe = folder / "tiny.yaml"
    recipe.write_text(to_yaml(tiny_recipe), encoding="utf-8")
    made = [folder / "python", folder / "command"]
    command = [sys.executable, "-c", MAKE_TWO_RUNS, str(recipe), *map(str, made)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture(scope="module")
def run(folders):
    """The run that Python made, opened."""
    return babyllama.Run(folders[0])


def test_every_public_name_is_documented_and_exported():
    assert set(babyllama.__all__) == PUBLIC
    assert set(dir(babyllama)) >= PUBLIC
    for name in PUBLIC:
        assert getattr(babyllama, name).__doc__, name
    with pytest.raises(AttributeError, match="distil"):
        _ = babyllama.distil


def test_importing_the_package_loads_nothing_heavy():
    code = (
        "import sys, babyllama; dir(babyllama); "
        "print([m for m in ('torch', 'transformers', 'numpy', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_opening_a_run_needs_no_torch(run):
    code = (
        f"import sys, babyllama; run = babyllama.Run({str(run.folder)!r}); "
        "babyllama.compare(run.models['twin'], run.models['distilled']); "
        "assert run.scores and run.curves; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_python_and_the_command_line_make_the_same_bytes(folders, tiny_recipe):
    ours, theirs = map(Layout, folders)
    for stage, made in ours.stages(tiny_recipe).items():
        if stage != "report":  # it repeats the folder's name, dates and seconds
            other = theirs.stages(tiny_recipe)[stage]
            assert digest(made) == digest(other), stage
            for fact in ("stage", "version", "recipe", "inputs", "seed"):
                assert read_manifest(made)[fact] == read_manifest(other)[fact], (stage, fact)
    sentences = [read_manifest(each.report)["facts"]["first_sentence"] for each in (ours, theirs)]
    assert sentences[0] == sentences[1]


def test_a_run_opens_its_models_scores_and_curves(run, tiny_recipe):
    assert [(each.name, each.role) for each in run.models.values()] == [
        ("llama", "teacher"), ("gpt2", "teacher"), ("ensemble", "ensemble"),
        ("distilled", "student"), ("twin", "twin"), ("untrained", "untrained"),
    ]  # fmt: skip
    twin = run.models["twin"]
    assert twin.load().num_parameters() == twin.facts["parameters"]
    assert len(twin.tokenizer()) == tiny_recipe.tokenizer.vocab_size
    assert run.report is not None
    assert run.report.is_file()
    with pytest.raises(ValueError, match=r"Ensemble\.load\(\*folders\)"):
        run.models["ensemble"].load()

    scores = {row["model"]: row for row in run.scores}
    grammar = twin.result.benchmarks["grammar"]
    assert scores["twin"]["score"] == grammar.score
    assert (scores["twin"]["low"], scores["twin"]["high"]) == tuple(grammar.interval)
    assert scores["twin"]["items"] == grammar.n

    dev = [r for r in run.curves if r["model"] == "twin" and r["split"] == "dev"]
    assert [row["epoch"] for row in dev] == [1, 2]
    assert min(row["cross_entropy"] for row in dev) == twin.facts["dev_cross_entropy"]


def test_rows_become_a_frame_where_pandas_is_installed(run, monkeypatch):
    frame = run.scores.frame()
    assert list(frame.columns) == list(run.scores[0])
    assert len(frame) == len(run.scores) == 6
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match="pandas, which is not installed") as refused:
        run.scores.frame()
    assert refused.value.mend == "Run: pip install 'babyllama[pandas]'"


def test_evaluate_scores_one_folder_or_an_ensemble(run, tmp_path):
    file = sorted((run.folder / "source" / "minimal_pairs").glob("*.jsonl"))[0]
    folders = {name: run.models[name].folder for name in ("llama", "gpt2")}
    one = babyllama.evaluate(folders["llama"], {"pairs": file})
    several = babyllama.evaluate(
        [str(each) for each in folders.values()], {"pairs": str(file)}, predictions=tmp_path
    )
    assert (one.model, several.model) == ("llama", "ensemble")
    for found in (one, several):
        kept = run.models[found.model].result.benchmarks["grammar"].subtasks[file.stem]
        assert found.benchmarks["pairs"].score == kept.score
        measures = read_measures(Layout(run.folder).measures(found.model))
        assert [each.name for each in found.measures] == [*measures]
        assert found.measures[0].value == pytest.approx(measures["cross_entropy"].value)
    assert (tmp_path / "pairs.jsonl").is_file()


def test_compare_takes_models_results_and_files(run):
    twin, student = run.models["twin"], run.models["distilled"]
    files = [Layout(run.folder).scores(name) for name in ("twin", "distilled")]
    ways = [(twin, student), (twin.result, student), files]
    found = [babyllama.compare(*way) for way in ways]
    scores = [each.result.benchmarks["grammar"].score for each in (twin, student)]
    for each in found:
        assert each.rows == found[0].rows
        assert each.rows[0]["difference"] == pytest.approx(scores[1] - scores[0])
        assert "distilled" in str(each)
        assert "twin" in str(each)


def test_a_run_that_is_there_opens_without_work(folders, tiny_recipe):
    before = read_manifest(folders[0] / "tokens")
    assert babyllama.run(tiny_recipe, str(folders[0])).folder == folders[0]
    assert read_manifest(folders[0] / "tokens") == before


def test_a_model_without_scores_does_not_compare(run, tmp_path):
    for name in ("recipe.yaml", "corpus"):
        copied = shutil.copytree if (run.folder / name).is_dir() else shutil.copy
        copied(run.folder / name, tmp_path / name)
    early = babyllama.Run(tmp_path)
    assert early.models["twin"].facts == {}
    assert early.scores == []
    with pytest.raises(InputError, match="twin has no scores"):
        babyllama.compare(early.models["twin"], run.models["twin"])


def test_what_is_not_a_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="is not a run"):
        babyllama.Run(tmp_path)


def test_an_ensemble_loads_from_folders(run):
    import torch

    folders = [run.models[name].folder for name in ("llama", "gpt2")]
    ids = torch.arange(5, 25).reshape(2, 10)
    with torch.no_grad():
        mean = sum(run.models[n].load()(ids).logits for n in ("llama", "gpt2")) / 2
    logits = babyllama.Ensemble.load(*folders).logits(ids)
    torch.testing.assert_close(logits, mean, rtol=1e-4, atol=1e-5)
