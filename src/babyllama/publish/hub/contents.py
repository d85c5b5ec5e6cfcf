"""What is published of a model: by branch the files, and what was cleaned or left out."""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from babyllama.errors import InputError
from babyllama.publish.choosing import published_files
from babyllama.publish.hub.privacy import Private, private_here
from babyllama.recipe import Given, Recipe, to_yaml
from babyllama.report.model_card import (
    SCORES,
    CardFacts,
    card_facts,
    eval_results_yaml,
    model_card,
    portable,
    with_scores_of_run,
)
from babyllama.runs.files import begin_git_blob, hash_file
from babyllama.runs.layout import CARD, REPORT_TEXT, TRACKERS, TRAINING_LOG, resume_command
from babyllama.runs.manifests import MANIFEST, read_manifest
from babyllama.runs.run import Model, Run
from babyllama.runs.sealed import edited_card_files
from babyllama.runs.undamaged import rebuild

MAIN = "main"
REPORT_IN_REPOSITORY = "report"
_PROSE = (".md", ".html", ".svg", ".yaml")
_CONFIGURATION = ".json"
_VOCABULARY = "tokenizer.json"  # its words are those of the training text
_LEFT_OUT = {
    MANIFEST: "the card says in words what the model was made from",
    TRAINING_LOG: "its curves are in the report",
    TRACKERS: "logs of other programs",
}


@dataclass(frozen=True)
class Upload:
    """A file of a repository: a file on this machine, or bytes that were made for it."""

    source: Path | bytes

    @cached_property
    def size(self) -> int:
        """Its bytes."""
        return len(self.source) if isinstance(self.source, bytes) else self.source.stat().st_size

    @cached_property
    def sha256(self) -> str:
        """As the hub identifies large files."""
        if isinstance(self.source, bytes):
            return hashlib.sha256(self.source).hexdigest()
        return hash_file(self.source)

    @cached_property
    def blob(self) -> str:
        """As git, and so the hub, identifies small files."""
        found = begin_git_blob(self.size)
        found.update(self.source if isinstance(self.source, bytes) else self.source.read_bytes())
        return found.hexdigest()


@dataclass(frozen=True)
class Contents:
    """A repository to be.

    Attributes:
        branches: by branch, the files by their paths; `main` is the first.
        remarks: what is left out, replaced or missing, in sentences.
    """

    branches: Mapping[str, Mapping[str, Upload]]
    remarks: tuple[str, ...] = ()


def contents_of(run: Run, model: Model, repository: str) -> Contents:
    """Everything that is published of a model: weights, tokenizer, card, scores, report, `chck_*`.

    Args:
        repository: by which the card says the model is loaded.

    Raises:
        InputError: a file is missing or differs from its manifest, or a file that cannot be cleaned
            names a folder of this machine.
    """
    home = run.layout.models(run.recipe)[model.name]
    facts = with_scores_of_run(card_facts(home), home)
    report = _report(run)
    found = {MAIN: _of_training(run, model, home, "")}
    found[MAIN] |= _card(facts, home, repository, report) | report
    found |= {step: _of_training(run, model, home, step) for step in facts.checkpoints}
    without_paths = portable(run.recipe, lambda _: Path("PATH"))
    private = private_here(_folders(run), to_yaml(without_paths) + repository)
    cleaned = {
        branch: {path: _cleaned(path, each, private) for path, each in files.items()}
        for branch, files in found.items()
    }
    changed = [
        f"Paths and names of this machine or its user are replaced in {branch}/{path}."
        for branch, files in cleaned.items()
        for path, each in files.items()
        if each is not found[branch][path]
    ]
    return Contents(cleaned, (*_remarks(run, home, report), *changed))


def _remarks(run: Run, home: Path, report: Collection[str]) -> Iterator[str]:
    """What is not published, and what a reader of the card would miss."""
    for name, why in _LEFT_OUT.items():
        if (home / name).exists():
            yield f"Left out: {name} ({why})."
    if not report:
        again = resume_command(run.folder)
        yield f"Left out: the report, which is not written yet. To write it: {again}"
    for path in edited_card_files(home):
        yield f"{path} is not by babyllama or was edited: it is published as it is."
    if run.recipe.card.license is None:
        again = resume_command(run.folder, "--set", "card.license=mit")
        yield (
            "The card states no licence, so nobody else may use the model. To state one, which "
            f"trains nothing again: {again}"
        )


def _folders(run: Run) -> list[Path]:
    """The folders whose full names are private: the run's, and those that its recipe names."""
    return [run.folder, Path.cwd(), *(path for path in _paths(run.recipe) if path.is_absolute())]


def _paths(recipe: Recipe) -> Iterator[Path]:
    yield from recipe.evaluation.benchmarks.values()
    tokenizer = [recipe.tokenizer] if isinstance(recipe.tokenizer, Given) else []
    for each in (recipe.corpus.source, *tokenizer, *recipe.given.values()):
        if each.local is not None:
            yield each.local


def _of_training(run: Run, model: Model, home: Path, revision: str) -> dict[str, Upload]:
    files = {}
    for name, record in published_files(model.manifest, revision).items():
        upload = _undamaged(run, home / name, record.get("sha256"))
        files[PurePosixPath(name).name] = upload
    return files


def _undamaged(run: Run, path: Path, sha256: str | None) -> Upload:
    if not path.is_file():
        raise InputError(
            f"{path} is missing", why="Its manifest lists it.", mend=rebuild(run.folder)
        )
    upload = Upload(path)
    if upload.sha256 != sha256:
        raise InputError(
            f"{path} differs from its manifest: checksum mismatch",
            why="It was changed or damaged after it was made, so it is not what was scored.",
            mend=rebuild(run.folder),
        )
    return upload


def _card(
    facts: CardFacts, home: Path, repository: str, report: Collection[str]
) -> dict[str, Upload]:
    """The card with the repository's name, and the scores; what a person has edited as it is."""
    page = f"{REPORT_IN_REPOSITORY}/{REPORT_TEXT}"
    card = model_card(
        facts, name=repository, is_repository=True, report=page if page in report else ""
    )
    texts = {CARD: card, SCORES: eval_results_yaml(facts)}
    files = {name: Upload(text.encode()) for name, text in texts.items() if text}
    return files | {
        path.relative_to(home).as_posix(): Upload(path) for path in edited_card_files(home)
    }


def _report(run: Run) -> dict[str, Upload]:
    """The report's files; none if it is not written yet."""
    home = run.layout.report
    records = (read_manifest(home) or {"files": {}})["files"]
    return {
        f"{REPORT_IN_REPOSITORY}/{name}": _undamaged(run, home / name, record["sha256"])
        for name, record in records.items()
    }


def _cleaned(path: str, upload: Upload, private: Private) -> Upload:
    """The file without what is private; itself if there is nothing.

    Raises:
        InputError: a file that cannot be changed has a folder of this machine or the token.
    """
    is_prose = path.endswith(_PROSE)
    is_configuration = path.endswith(_CONFIGURATION) and PurePosixPath(path).name != _VOCABULARY
    source = upload.source
    if isinstance(source, bytes) or is_prose or is_configuration:
        data = source if isinstance(source, bytes) else source.read_bytes()
        text = data.decode("utf-8", errors="surrogateescape")
        clean = private.cleaned_prose(text) if is_prose else private.cleaned(text)
        return upload if clean == text else Upload(clean.encode("utf-8", "surrogateescape"))
    if found := _named_in(source, private):
        raise InputError(
            f"{source} contains {found}",
            why="That is private, and publish does not change files of this kind.",
            mend="Remove it from the file, or choose another model.",
        )
    return upload


def _named_in(path: Path, private: Private) -> str:
    """What is private in a large file, read in pieces that overlap; "" if nothing is."""
    size, overlap = 2**24, 4096
    with path.open("rb") as file:
        before = b""
        while piece := file.read(size):
            if found := private.found_in(before + piece):
                return found
            before = piece[-overlap:]
    return ""
