"""The model card for people, and that it survives odd names."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from babyllama.recipe import CardRecipe, FolderSource, Given, Recipe, load_recipe
from babyllama.report.model_card import CardFacts, model_card
from babyllama.report.model_card.text import portable
from babyllama.scores.results import model_result


def written(facts, **options):
    return ModelCard(model_card(facts, **{"name": "runs/tiny/students/distilled", **options}))


def scored(**scores):
    found = {"benchmarks": {name: {"score": 5.0, **each} for name, each in scores.items()}}
    return model_result(found, "here", name="distilled").benchmarks


def test_the_card_says_what_the_model_is_scores_read_and_cost(student):
    card = written(student).text

    assert (
        "of 12,345 parameters. It is a student: trained from random weights on 2,000 words" in card
    )
    assert "an ensemble of 2 teachers (llama and gpt2)" in card
    three = replace(student, teachers={**student.teachers, "third": {}})
    assert "(llama, gpt2 and third)" in written(three).text
    assert "by the rules `2025`" in card
    assert "| blimp     |  66.7 | 48.0 to 52.0, at chance |   50.0 | 3,000 |" in card
    assert "Cross-entropy on dev text: 3.250 nats per token." in card
    assert "- Epochs: 2; the weights after epoch 1 are kept, the best on dev text\n" in card
    assert "- Words seen in training, repetitions included: 2,000,000\n" in card
    assert "- Words seen by its teachers: llama 1,000,000, gpt2 500,000\n" in card
    assert "- Words seen by model and teachers together: 3,500,000\n" in card
    assert "| this model    | 1.00 TFLOP | 1 min 40 s | processor, 2 threads |" in card
    assert "| together      | 6.00 TFLOP | 5 min 00 s | –                    |" in card
    assert 'name = "runs/tiny/students/distilled"' in card
    assert "--rules 2025 --benchmark blimp=PATH\n" in card
    assert "hidden_size: 16" in card


def test_a_twin_and_a_teacher_say_so(student):
    twin = replace(student, name="twin", role="twin", teachers={})
    assert "It is the twin of the student distilled:" in written(twin).text
    recipe = load_recipe("mini", ("students.twin.training.epochs=6",))
    changed = written(replace(twin, recipe=recipe)).text
    assert "It is a control for the student distilled:" in changed
    assert "but with epochs 6 instead of 11." in changed
    assert "Order of the text" not in changed
    ordered = load_recipe("mini", ("students.twin.training.order={by: length}",))
    assert "- Order of the text: windows by length, easy first: 10% of them" in (
        written(replace(twin, recipe=ordered)).text
    )
    teacher = replace(student, name="llama", role="teacher", teachers={})
    assert "It is a teacher:" in written(teacher).text
    assert "to teach the student distilled." in written(teacher).text


def test_a_student_of_sampled_text_says_what_it_has_read(student):
    settings = ("students.written.like=distilled", "students.written.kind=sequences",
                "students.written.sampling.real_share=0.25")  # fmt: skip
    facts = {"train_words": 1900, "sampled_tokens": 2400, "texts": 30, "real_tokens": 800,
             "flops": 4e12}  # fmt: skip
    sampled = {"seed": 3, "facts": facts, "wall_seconds": 50.0}
    card = written(replace(student, name="written", recipe=load_recipe("mini", settings),
                           sampled=sampled)).text  # fmt: skip
    assert (
        "It is a student: trained from random weights on 1,900 words of text, 75% of it sampled "
        "from an ensemble of 2 teachers (llama and gpt2), which were trained on the same text."
    ) in card
    assert (
        "2,400 tokens in 30 texts, sampled at temperature 1, 25% of it real (seed 3), and 800"
        in card
    )
    assert re.search(r"\| the teachers' text +\| 4.00 TFLOP \| +50 s", card)


def test_a_teacher_that_was_given_is_told_from_those_of_the_run(student):
    given = {"old": Given(path="models/old"), "older": Given(path="models/older")}
    teachers = {**student.recipe.teachers, **given}
    recipe = student.recipe.model_copy(update={"teachers": teachers})
    mixed = replace(student, recipe=recipe, teachers={"llama": {}, "old": {}})
    assert "(llama and old); trained before this run: old." in written(mixed).text
    all_given = replace(mixed, teachers={"old": {}, "older": {}})
    assert "(old and older), which were trained before this run." in written(all_given).text


def test_the_bill_of_a_student_of_a_student_has_the_first_teachers(student):
    first = {"distilled": student.manifest}
    again = replace(student, name="again", teachers=first, earlier=student.teachers)
    card = written(again).text
    assert "| teacher's teacher gpt2  | 3.00 TFLOP |" in card
    assert "| together                | 7.00 TFLOP |" in card


def test_a_model_trained_outside_a_run_has_a_card(student):
    card = written(CardFacts("mine", "model", student.manifest)).text
    assert "A `llama` language model of 12,345 parameters, trained from random weights" in card
    assert "It was trained outside a run" in card
    distilled = written(CardFacts("mine", "student", student.manifest)).text
    assert "at the same time distilled from its teachers." in distilled
    assert "model_type: llama" in card


def test_models_along_the_way_are_folders_here_and_branches_on_the_hub(student):
    assert "The folders `chck_1M` to `chck_2M` hold" in written(student).text
    assert "The branches `chck_1M` to `chck_2M` hold" in written(student, is_repository=True).text


def test_the_commands_that_score_it_can_be_pasted(student):
    card = written(student, name="me/tiny", is_repository=True).text
    assert "hf download me/tiny --local-dir tiny\nbabyllama evaluate tiny --rules 2025 " in card
    assert "--model_args pretrained=me/tiny --tasks blimp" in card
    here = written(student).text
    assert "hf download" not in here
    assert "babyllama evaluate runs/tiny/students/distilled --rules 2025 " in here


def test_pairs_of_a_synthetic_text_are_where_its_run_has_them(student):
    own = replace(student, results=scored(grammar={}))
    assert "--benchmark grammar=runs/tiny/source/minimal_pairs\n" in written(own).text
    assert "--benchmark blimp=PATH\n" in written(student).text
    outside = CardFacts("mine", "model", student.manifest, results=own.results)
    assert "--benchmark grammar=PATH\n" in written(outside).text


def test_a_published_card_tells_no_reader_to_change_the_licence(student):
    published = written(student, is_repository=True).text
    assert "No licence is stated" in published
    assert "card.license=mit" not in published


def test_the_report_is_linked_if_it_is_there(student):
    assert "[The report](report/report.md)" in written(student, report="report/report.md").text
    assert "The report" not in written(student).text


def test_a_licence_is_never_invented_and_stated_as_given(student):
    card = written(student)
    assert card.data.license is None
    assert "No licence is stated" in card.text
    assert "--set card.license=mit" in card.text
    recipe = student.recipe.model_copy(update={"card": CardRecipe(license="cc-by-4.0")})
    card = written(replace(student, recipe=recipe))
    assert card.data.license == "cc-by-4.0"
    assert "## Licence\n\n`cc-by-4.0`\n" in card.text


def test_names_are_shown_as_they_are(student):
    names = ["a|b", "a`*c*`<i>", "x: [1, 2]", "---", "blimp_supplement"]

    card = written(replace(student, results=scored(**{name: {} for name in names})))

    assert [each.dataset_name for each in card.data.eval_results] == names
    rows = [line.split(" | ")[0].rstrip() for line in card.text.splitlines() if "|   5.0 |" in line]
    assert rows == [
        r"| a\|b", r"| a\`\*c\*\`\<i\>", r"| x: \[1, 2\]", r"| \---", "| blimp_supplement"
    ]  # fmt: skip


def test_a_score_without_interval_or_chance_and_in_another_unit_has_its_row(student):
    card = written(replace(student, results=scored(wug={"unit": "spearman x 100"})))
    assert "| wug (spearman x 100) |   5.0 |            – |      – |     – |" in card.text
    (metadata,) = card.data.eval_results
    assert (metadata.metric_type, metadata.metric_value) == ("spearman x 100", 5.0)


def test_a_model_without_scores_has_a_valid_card(student):
    card = written(replace(student, results={}))
    assert card.data.eval_results is None
    assert "The model has not been scored yet." in card.text


def test_backticks_in_the_recipe_do_not_end_its_block(student):
    tree = student.recipe.model_dump(mode="json")
    tree["evaluation"]["benchmarks"] = {"odd": "text```more"}
    card = written(replace(student, recipe=Recipe.model_validate(tree))).text
    assert "text```more" in card.split("````yaml\n")[1].split("\n````\n")[0]


@pytest.mark.parametrize(
    ("path", "shown"),
    [("/home/alice/text/babylm", "babylm"), ("/home/alice", "PATH"), ("/alice", "PATH"),
     ("data/babylm", "babylm"), (".", "PATH")],
)  # fmt: skip
def test_paths_are_shortened_to_a_part_that_says_nothing_of_the_machine(path, shown):
    recipe = load_recipe("strict-small", (f"corpus.source.path={path}",
                                          f"evaluation.benchmarks.blimp={path}"))  # fmt: skip
    found = portable(recipe)
    assert isinstance(found.corpus.source, FolderSource)
    assert found.corpus.source.path == Path(shown)
    assert found.evaluation.benchmarks == {"blimp": Path(shown)}


@pytest.mark.parametrize(
    ("source", "shown", "said"),
    [
        ({"kind": "table", "path": "/home/alice/tales.csv"}, "tales.csv", "from tales.csv"),
        ({"kind": "hub", "path": "/home/alice/saved"}, "saved", "from saved"),
        ({"kind": "hub", "path": "o/n", "revision": "0" * 40}, "o/n", "from the dataset o/n"),
    ],
)
def test_a_table_or_a_dataset_is_named_without_the_machine(student, source, shown, said):
    tree = student.recipe.model_dump(mode="json")
    tree["corpus"]["source"] = source
    recipe = Recipe.model_validate(tree)
    assert str(portable(recipe).corpus.source.path) == shown
    card = written(replace(student, recipe=recipe)).text
    assert f"{said}, cleaned" in card
    assert "alice" not in card
