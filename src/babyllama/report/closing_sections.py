"""The last sections of a page: what ran, what the numbers do not show."""

from collections.abc import Iterator
from dataclasses import replace

from babyllama.console import format_duration
from babyllama.errors import command
from babyllama.recipe import to_yaml
from babyllama.report import stage_tables
from babyllama.report.scored_run import ScoredRun
from babyllama.report.section import Listing, Section, section
from babyllama.report.wording import joined
from babyllama.runs import manifests
from babyllama.runs.layout import default_folder
from babyllama.runs.run import Run, main_student, twin_of


def what_ran(scored: ScoredRun) -> Section | None:
    """Seeds, devices, versions and checksums."""
    tables = [stage_tables.artefacts_table(scored.run)]
    found = section("What ran", tables, _what_ran(scored))
    return found and replace(found, is_folded=True)


def limits(run: Run) -> Section:
    """What the numbers of a page do not show."""
    return Section("What this does not show", points=tuple(_limits(run)))


def reproduce(run: Run) -> Section:
    """The recipe with all its settings, and the command that runs it again."""
    name = run.recipe.name
    again = default_folder(name)
    again = again.with_name(f"{again.name}-again")
    return Section(
        "Reproduce",
        (
            f"Save the recipe as {name}.yaml and run it. It has every setting of this run, those "
            "of --set included; files that it names are needed, too. Versions and checksums stand "
            "under What ran.",
        ),
        code=command("run", f"{name}.yaml", "--run-dir", again),
        listing=Listing(f"{name}.yaml", "yaml", to_yaml(run.recipe)),
    )


def _what_ran(scored: ScoredRun) -> tuple[str, ...]:
    run = scored.run
    found = list(stage_tables.manifests(run))
    seconds = sum(float(manifest.get("wall_seconds", 0)) for _, manifest in found)
    versions = found[-1][1].get("versions", {}) if found else {}
    text = [
        f"Recipe {run.recipe.name}, seed {run.recipe.seed}, {format_duration(seconds)} in total. "
        f"Corpus cleaned by the {run.recipe.corpus.rules} rules; signal {run.recipe.signal.kind}.",
        "Contents, sha256: " + ", ".join(_digests(run)) + ".",
        "Versions: " + ", ".join(f"{name} {number}" for name, number in versions.items()) + ".",
    ]
    rules = next((result.rules for result in scored.results.values() if result.rules), None)
    if rules:
        text.append(
            f"Scoring rules {rules['name']}: context token {rules['context'] or 'none'}, "
            f"{'a' if rules['leading_space'] else 'no'} leading space; "
            f"{rules['ties']}; {rules['average']}."
        )
    return tuple(text)


def _digests(run: Run) -> Iterator[str]:
    """The digest of each finished stage that is not a model, as later manifests name it."""
    for name in run.stages:
        yield f"{name} {manifests.digest(run.folder / name)[:12]}"


def _limits(run: Run) -> Iterator[str]:
    """What these numbers do not show."""
    yield (
        "Only one seed was trained. Other seeds give other models; the intervals do not include "
        "this."
    )
    if run.benchmarks:
        yield (
            "Intervals are over items only, assumed to be independent within a UID; items made "
            "from one template resemble each other, so the true uncertainty is larger."
        )
        yield "Several differences are tested at 95% each, without a correction for their number."
        yield "Minimal pairs test grammar, not what the models know or how they write."
    student = main_student(run)
    if student and student.manifest:
        twin = twin_of(run, student.name)
        changes = run.recipe.changes(twin.name) if twin else []
        has = "the student's recipe" + (f" with {joined(changes, 'and')}" if changes else "")
        text = f"The twin has {has}, without the teachers' compute."
        if not any(each.of == student.name for each in run.recipe.matched_twins.values()):
            text += (
                " No twin was trained with the compute of teachers, signal and student together."
            )
        yield text
    yield (
        "The best epoch is chosen by the loss on unseen text that is shown here, so this loss is "
        "slightly too low."
    )
