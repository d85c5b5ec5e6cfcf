"""Models are published to a stand-in hub, and are there with every byte that others need."""

import getpass
import json
import socket
from pathlib import Path

import pytest
from huggingface_hub import snapshot_download
from small_folders import finished
from submissions import STEPS
from transformers import AutoModelForCausalLM, AutoTokenizer

from babyllama.errors import InputError
from babyllama.publish.hub import planned_models, publish_models
from babyllama.runs.sealed import edited_card_files

NAME = "tester/tiny"


def published(run, repo="tiny", *, confirm=lambda other: pytest.fail(other), **options):
    return list(publish_models(run, repo, confirm=confirm, **options))


def files_of(hub, name=NAME):
    """By branch, everything but the hub's own file."""
    found = hub.repositories[name]
    files = {branch: found.files(branch) for branch in found.branches}
    return {
        branch: {path: data for path, data in each.items() if path != ".gitattributes"}
        for branch, each in files.items()
    }


def planned_bytes(run, **options):
    """What is to be there, by the plan: by branch and path."""
    [(_, contents)] = planned_models(run, NAME, **options)
    return {
        branch: {
            path: each.source if isinstance(each.source, bytes) else each.source.read_bytes()
            for path, each in files.items()
        }
        for branch, files in contents.branches.items()
    }


def test_others_load_the_model_and_its_checkpoints_by_their_names(hub, run, tmp_path):
    assert published(run) == [f"{hub.endpoint}/{NAME}"]
    home = run / "students" / "distilled"
    for revision, folder in {"main": home, **{step: home / step for step in STEPS}}.items():
        place = snapshot_download(NAME, revision=revision, local_dir=tmp_path / revision)
        AutoModelForCausalLM.from_pretrained(place)
        AutoTokenizer.from_pretrained(place)
        weights = Path(place) / "model.safetensors"
        assert weights.read_bytes() == (folder / weights.name).read_bytes()


def test_main_has_card_scores_and_report_and_branches_have_models_alone(hub, small):
    published(small)
    files = files_of(hub)
    assert files["main"].keys() == {
        "README.md", "config.json", "model.safetensors", "tokenizer.json",
        "report/figures/loss.svg", "report/index.html", "report/report.md",
    }  # fmt: skip
    assert files["chck_1M"] == {"model.safetensors": b"weights at chck_1M"}
    assert files["chck_2M"] == {"model.safetensors": b"weights at chck_2M"}
    card = files["main"]["README.md"].decode()
    assert f'name = "{NAME}"' in card
    assert "revision='chck_1M'" in card
    assert "](report/report.md)" in card
    assert "| grammar   |  70.0 |" in card


def test_every_model_gets_a_repository_of_its_own(hub, small):
    addresses = published(small, "lab/tiny", model="all", is_private=True)
    names = [f"lab/tiny-{name}" for name in ("llama", "gpt2", "distilled", "twin")]
    assert addresses == [f"{hub.endpoint}/{name}" for name in names]
    assert all(hub.repositories[name].private for name in names)
    assert "It is the twin" in files_of(hub, "lab/tiny-twin")["main"]["README.md"].decode()


def test_a_plan_asks_nobody_and_is_what_is_uploaded(hub, small):
    wanted = planned_bytes(small)
    assert hub.requests == []
    published(small)
    assert files_of(hub) == wanted


def test_an_interruption_of_a_second_version_goes_on_as_well(hub, small):
    """A new branch holds the old `main` until its first commit: that is nobody's content."""
    old = hub.create(NAME, files={"model.safetensors": b"old", "README.md": b"mine"})
    hub.answers[f"POST /api/models/{NAME}/commit/chck_1M"] = (400, "stopped by the test")
    with pytest.raises(InputError, match="stopped by the test"):
        published(small, confirm=lambda _: True)
    assert old.files("chck_1M")["README.md"] == b"mine"
    hub.answers.clear()
    published(small)
    assert files_of(hub) == planned_bytes(small)


def test_what_is_complete_is_asked_for_and_not_written(hub, small):
    published(small)
    hub.repositories[NAME].commit("main", hub.repositories[NAME].branches["main"][0][1])
    hub.requests.clear()
    published(small)
    assert not [each for each in hub.requests if not each.startswith("GET")]


def test_nothing_is_uploaded_before_every_answer_is_given(hub, small):
    hub.create("tester/tiny-twin", files={"README.md": b"mine"})
    asked = []
    with pytest.raises(InputError, match="tester/tiny-twin is left as it is"):
        published(small, model="all", confirm=lambda other: bool(asked.append(other)))
    assert asked == ["tester/tiny-twin has other content: main/README.md (differs)"]
    assert list(hub.repositories) == ["tester/tiny-twin"]
    with pytest.raises(InputError, match="exists and is public"):
        published(small, model="all", is_private=True)
    assert list(hub.repositories) == ["tester/tiny-twin"]


def test_an_answer_overwrites_what_differs_and_keeps_the_rest(hub, small):
    hub.create(NAME, files={"README.md": b"mine", "notes.md": b"mine"})
    published(small, confirm=lambda _: True)
    main = files_of(hub)["main"]
    assert main.pop("notes.md") == b"mine"
    assert main == planned_bytes(small)["main"]


def test_no_byte_names_this_machine_or_its_user(hub, small, tmp_path, monkeypatch):
    person, host, token = "zaphodbx", "heartofgold", "hf_" + "Secret7" * 5
    home = tmp_path / "home" / person
    run = home / "runs" / "tiny"
    run.parent.mkdir(parents=True)
    small.rename(run)
    monkeypatch.setattr(getpass, "getuser", lambda: person)
    monkeypatch.setattr(socket, "gethostname", lambda: f"{host}.example.org")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("HF_TOKEN", "hf_good")
    text = (
        f"See {run}/evaluation, /home/{person}/x, C:\\Users\\{person}\\y and `/scratch/{person}`.\n"
        f"Trained by {person} on {host} with {token} and hf_good.\n"
    )
    student = run / "students" / "distilled"
    (student / "README.md").write_text(f"# mine\n\n{text}", encoding="utf-8")
    (student / ".eval_results").mkdir()
    (student / ".eval_results" / "mine.yaml").write_text(f"# {text}", encoding="utf-8")
    assert len(list(edited_card_files(student))) == 2
    folder = str(home / "data")
    config = {"config.json": json.dumps({"_name_or_path": folder})}
    finished(student, "distillation", **config)
    pages = {"index.html": text, "report.md": text, "figures/loss.svg": f"<svg>{text}</svg>"}
    finished(run / "report", "report", weights="", **pages)

    published(run)

    for path, data in files_of(hub)["main"].items():
        for secret in (person, host, token, "hf_good", str(tmp_path), "scratch"):
            assert secret.encode() not in data, path
    report = files_of(hub)["main"]["report/report.md"].decode()
    assert report.startswith("See PATH, PATH, PATH and `PATH`.")
    assert "Trained by USER on HOST with TOKEN and TOKEN." in report


@pytest.mark.parametrize(
    ("repo", "model", "message"),
    [
        ("tiny", "twim", "has no model twim"),
        ("tiny--x", None, "is not a name that the hub accepts"),
        ("https://huggingface.co/me/tiny", None, "is not a name that the hub accepts"),
        ("x" * 90, "all", "is not a name that the hub accepts"),
    ],
)
def test_what_cannot_be_published_is_refused_before_any_request(hub, small, repo, model, message):
    with pytest.raises(InputError, match=message):
        published(small, repo, model=model)
    assert hub.requests == []


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda home: (home / "manifest.json").unlink(), "distilled of .* is not trained yet"),
        (lambda home: (home / "model.safetensors").write_text("x"), "checksum mismatch"),
        (lambda home: (home / "chck_1M" / "model.safetensors").unlink(), "is missing"),
    ],
)
def test_an_untrained_or_damaged_model_is_not_published(hub, small, damage, message):
    damage(small / "students" / "distilled")
    for model in (None, "all"):
        with pytest.raises(InputError, match=message):
            published(small, model=model)
    assert hub.repositories == {}
