"""The page works alone, holds what a run holds, and is the same bytes for the same run."""

import html
import json
import re
import shlex
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from markdown_it import MarkdownIt
from odd_names import ODD_NAMES
from result_files import benchmark
from typer.testing import CliRunner

from babyllama.cli import app
from babyllama.console import visible
from babyllama.errors import InputError
from babyllama.recipe import load_recipe
from babyllama.report import refuse_other_folder, write_report

SURPRISED = [["The", 1.2], ["cat", 4.5], ["sees", 2.5], ["<b>", 9.8]]
VOID = {"meta", "wbr", "br", "link", "img", "hr", "input"}


class Page(HTMLParser):
    """Checks that tags close in order, and collects what a test asks for."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids, self.words = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.ids += [value for name, value in attributes if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def written(run, out):
    facts = write_report([run], out)
    return facts, *texts(out)


def texts(out):
    return (out / "index.html").read_text("utf-8"), (out / "report.md").read_text("utf-8")


def test_page_and_markdown_hold_the_whole_run(told):
    run, report, facts = told
    page, markdown = texts(report)
    first, *others = re.split(r"(?<=One seed\.) ", facts["first_sentence"])
    assert f'<p class="answer">{first}</p>\n<p>{others[0]}</p>' in page
    sections = re.findall(r"^## (.*)", markdown, re.M)
    assert sections == re.findall(r"<h2>(.*)</h2>", page.replace("&#39;", "'"))
    assert len(sections) == 15
    assert sections[:2] == ["Results", "What this does not show"]
    figures = re.findall(r"\]\((figures/.*?)\)", markdown)
    names = ("answer", "loss", "overfitting", "kl", "forest", "groups", "sides", "cost", "frontier")
    assert figures == [f"figures/{name}.svg" for name in names]
    for figure in figures:
        ElementTree.fromstring((report / figure).read_text("utf-8"))
    assert "0123456789ab" in page
    assert str(run.parent) not in page + markdown


def test_the_recipe_is_on_the_page_and_in_markdown_as_it_was_run(told, tmp_path):
    run, report, _ = told
    page, markdown = texts(report)
    recipe = load_recipe(str(run / "recipe.yaml"))
    ((listing, _),) = re.findall(r'<details class="listing">.*?<code>(.*?)(</code>)', page, re.S)
    (block,) = re.findall(r"```yaml\n(.*?)```", markdown, re.S)
    for number, text in enumerate((html.unescape(listing), block)):
        file = tmp_path / f"{number}.yaml"
        file.write_text(text, encoding="utf-8")
        assert load_recipe(str(file)) == recipe  # its seed was set by --set
    assert 'pre tabindex="0"' in page


def test_the_command_under_reproduce_runs_the_recipe_of_the_page(told, tmp_path, monkeypatch):
    _, markdown = texts(told[1])
    (recipe,) = re.findall(r"```yaml\n(.*?)```", markdown, re.S)
    (command,) = re.findall(r"^\$ babyllama (run mini\.yaml .*)$", markdown, re.M)
    monkeypatch.chdir(tmp_path)
    Path("mini.yaml").write_text(recipe, encoding="utf-8")
    done = CliRunner().invoke(app, [*shlex.split(command), "--dry-run"])
    assert done.exit_code == 0, done.output
    assert "runs/mini-again" in command


def test_the_page_is_well_formed_and_accessible(told):
    page = Page(texts(told[1])[0])
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert ("html", {"lang": "en"}) in page.tags
    assert all("scope" in attributes for tag, attributes in page.tags if tag == "th")
    svgs = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert len(svgs) == 9
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in svgs)
    assert ("a", {"href": "#results"}) in page.tags
    pointed = {value[1:] for _, a in page.tags for name, value in a.items() if name == "href"}
    assert pointed <= set(page.ids)  # within the page, and to something


def test_the_page_asks_for_nothing_from_elsewhere(told):
    page, _ = texts(told[1])
    assert not re.search(r"https?://|//\w+\.|@import|<link|src=", page)
    assert page.count("<script") == 1  # the search boxes
    assert set(re.findall(r"url\((.)", page)) <= {"#"}


def test_the_same_run_gives_the_same_bytes(told, tmp_path):
    run, once, _ = told
    again = tmp_path / "report.partial"
    write_report([run], again)
    names = sorted(path.relative_to(once) for path in once.rglob("*.*"))
    assert len(names) == 11
    for name in names:
        assert (once / name).read_bytes() == (again / name).read_bytes(), name


def test_names_are_text_and_never_markup(make_run, tmp_path):
    run = make_run(items=20)
    name = '_<b>&"x"|*$\\alpha$'
    hostile = json.dumps(name)
    for path in (run / "evaluation").rglob("*.json*"):
        text = path.read_text("utf-8")
        path.write_text(text.replace('"npi_any"', hostile).replace('"islands"', hostile), "utf-8")
    text, markdown = written(run, tmp_path / "report")[1:]
    page = Page(text)
    assert page.open == []
    assert not any(tag == "b" for tag, _ in page.tags)
    assert "<b>" not in markdown
    assert name in "".join(page.words)  # a row of the table
    assert any(words.strip() == name[1:] for words in page.words)  # in the figure


@pytest.mark.parametrize(
    ("gone", "says", "shows"),
    [
        (["evaluation"], "Not finished yet: evaluation.", "No model is scored yet; of 4 trained"),
        (
            ["evaluation", "students", "signal"],
            "Not finished yet: signal, student distilled, student twin, evaluation.",
            "of 2 trained",
        ),
        (
            ["evaluation", "students", "signal", "teachers"],
            "Not finished yet: teacher llama, teacher gpt2,",
            "No model is trained yet; complete so far: source, corpus, tokenizer, tokens.",
        ),
        (["evaluation/twin.json"], "evaluation of twin", "Against the best teacher, llama"),
        (["evaluation/distilled.json"], "evaluation of distilled", "The student is not scored;"),
        (
            ["evaluation/predictions", "source", "corpus", "tokens"],
            "Not finished yet: source, corpus, tokens.",
            "llama, the student is better on grammar (",  # decisions are in the results as well
        ),
    ],
)
def test_a_run_that_was_stopped_is_shown_as_far_as_it_goes(make_run, tmp_path, gone, says, shows):
    run = make_run(items=60)
    for name in gone:
        shutil.rmtree(run / name) if (run / name).is_dir() else (run / name).unlink()
    facts, page, markdown = written(run, tmp_path / "report")
    assert says in page
    assert shows in markdown
    assert all(part in page for part in re.split(r"(?<=One seed\.) ", facts["first_sentence"]))


def test_what_is_unfinished_does_not_count_and_an_empty_column_is_left_out(make_run, tmp_path):
    run = make_run(items=20)
    (run / "students/twin/manifest.json").unlink()
    (run / "source/entropy.json").write_text("{}")
    _, page, _ = written(run, tmp_path / "report")
    assert "Not finished yet: student twin." in page
    assert "above the text" not in page


def test_a_run_of_one_teacher_and_a_student_without_twin_is_shown(make_run, tmp_path):
    run = make_run()
    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    recipe["teachers"].pop("gpt2")
    recipe["students"].pop("twin")
    recipe["signal"] = {"kind": "online"}
    (run / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False))
    facts, page, _ = written(run, tmp_path / "report")
    assert "Against its teacher, llama, the student is better on" in facts["first_sentence"]
    assert "ensemble" not in page
    assert "Not there yet" not in page


def test_controls_and_students_of_students_are_named(make_run, tmp_path):
    run = make_run()
    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    students = recipe["students"]
    students["second"] = students["distilled"] | {"teachers": ["distilled", "llama"]}
    students["distilled"]["training"]["order"] = {"by": "rarity"}
    students["twin"] |= {"compute": "matched", "training": {"epochs": 31},
                         "smoothing": {"epsilon": "matched"}}  # fmt: skip
    (run / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False))
    manifest = run / "students/twin/manifest.json"
    facts = json.loads(manifest.read_text())
    facts["facts"]["smoothing"] = {"epsilon": 0.25, "entropy": 1.5}
    manifest.write_text(json.dumps(facts))

    _, page, _ = written(run, tmp_path / "report")
    assert "second: taught by distilled and llama; reduction token_mean" in page
    assert (
        "twin: the twin of distilled with epochs 31 instead of 11, label smoothing towards "
        "uniform, epsilon matched and the compute of distilled and its teachers (0.2500; mean "
        "entropy of the target 1.500 nats)." in page
    )
    assert "No twin was trained with the compute" not in page
    assert "The order of the text" in page
    assert "distilled: windows by rarity, easy first: 10% of them at the start" in page


def test_curves_of_a_part_of_the_unseen_text_say_why_tables_have_other_numbers(make_run, tmp_path):
    run = make_run(items=20)
    _, page, _ = written(run, tmp_path / "all")
    assert "of the unseen text. Tables have" not in page
    manifest = run / "students/twin/manifest.json"
    facts = json.loads(manifest.read_text())
    facts["facts"] |= {"dev_windows": 256, "dev_windows_there": 269}
    manifest.write_text(json.dumps(facts))

    _, page, _ = written(run, tmp_path / "part")
    assert "The curves are of 256 of 269 windows of the unseen text. Tables have" in page


def test_text_that_teachers_wrote_is_shown_and_its_cost_counted(make_run, tmp_path):
    run = make_run(items=20)
    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    student = recipe["students"]["distilled"]
    recipe["students"] = {"written": {"kind": "sequences", "model": student["model"],
                                      "training": student["training"],
                                      "sampling": {"temperature": 0.5}}}  # fmt: skip
    recipe["signal"] = {"kind": "online"}
    (run / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False))
    shutil.copytree(run / "students/twin", run / "students/written")
    text = run / "sampled_text/written"
    shutil.copytree(run / "tokens", text)
    (text / "sample.txt").write_text(
        "<s> The cat <b>sees</b> a \x1b dog.</s>\n\n<s> " + 99 * "So on "
    )
    manifest = json.loads((run / "students/twin/manifest.json").read_text())
    facts = {"train_tokens": 3000, "train_words": 2000, "sampled_tokens": 2400, "texts": 30,
             "real_tokens": 600, "flops": 10**15}  # fmt: skip
    (text / "manifest.json").write_text(json.dumps(manifest | {"facts": facts}))

    _, page, markdown = written(run, tmp_path / "report")
    assert (
        "written: trained on 3,000 tokens (2,000 words), of which 2,400 are 30 texts that llama "
        "and gpt2 wrote, and 600 are real. Sampled at temperature 0.5; seed 7. Some of it:"
    ) in markdown
    assert "&lt;s&gt; The cat &lt;b&gt;sees&lt;/b&gt; a \\x1b dog.&lt;/s&gt;" in page
    assert "[...]" in page
    assert "sampled_text/written" in page
    assert "student, teachers and sampled text" in markdown


def test_what_is_not_finished_is_listed_and_a_damaged_manifest_is_named(make_run, tmp_path):
    run = make_run()
    shutil.rmtree(run / "evaluation")
    manifest = run / "teachers/llama/manifest.json"
    manifest.rename(tmp_path / "kept")
    facts, page, _ = written(run, tmp_path / "report")
    assert "Not finished yet: teacher llama, evaluation." in page
    assert "of 3 trained" in facts["first_sentence"]

    manifest.write_text("{")
    with pytest.raises(InputError, match=r"llama/manifest\.json cannot be read"):
        write_report([run], tmp_path / "again")


def test_the_rules_are_repeated_in_their_own_words(make_run, tmp_path):
    _, page, _ = written(make_run(), tmp_path / "report")
    assert "no leading space; a tie counts half; mean over uids." in page


def test_what_is_no_run_is_refused_by_name(make_run, tmp_path):
    with pytest.raises(InputError, match="elsewhere is not a run"):
        write_report([tmp_path / "elsewhere"], tmp_path / "report")
    with pytest.raises(InputError, match="no run to report"):
        write_report([], tmp_path / "report")
    run = make_run()
    for folder in [path for path in run.iterdir() if path.is_dir()]:
        shutil.rmtree(folder)
    with pytest.raises(InputError, match="nothing to report"):
        write_report([run], tmp_path / "report")


def test_a_damaged_file_is_named(make_run, tmp_path):
    run = make_run()
    with (run / "teachers/llama/training.jsonl").open("a") as log:
        log.write('{"step": 1')
    with pytest.raises(InputError, match=r"llama/training\.jsonl is not JSON at line 111"):
        write_report([run], tmp_path / "report")
    (run / "teachers/llama/training.jsonl").write_text("")
    (run / "corpus/stats.json").write_text("{")
    with pytest.raises(InputError, match=r"stats\.json is not JSON at line 1"):
        write_report([run], tmp_path / "report")


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("evaluation/distilled.json", "[]", r"distilled\.json is not a JSON object"),
        ("corpus/stats.json", "3", r"stats\.json is not a JSON object"),
        ("signal/frontier.json", "{}", r"frontier\.json is not a list of objects"),
        ("signal/frontier.json", "[1]", r"frontier\.json is not a list of objects"),
    ],
)
def test_json_of_another_form_is_named(make_run, tmp_path, path, content, message):
    run = make_run(items=20)
    (run / path).write_text(content)
    with pytest.raises(InputError, match=message):
        write_report([run], tmp_path / "report")


def test_a_report_replaces_a_report_and_nothing_else(told, tmp_path):
    _, report, _ = told
    refuse_other_folder(report)
    refuse_other_folder(tmp_path / "new")
    (tmp_path / "empty").mkdir()
    refuse_other_folder(tmp_path / "empty")

    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "index.html").write_text("<title>my page</title>")
    with pytest.raises(InputError, match=r"mine holds index\.html, which `babyllama report` did"):
        refuse_other_folder(mine)
    shutil.copytree(report, tmp_path / "more")
    (tmp_path / "more" / "thesis.tex").write_text("text")
    with pytest.raises(InputError, match=r"more holds thesis\.tex, which is not part of a report"):
        refuse_other_folder(tmp_path / "more")
    shutil.copytree(report, tmp_path / "finished")
    (tmp_path / "finished" / "manifest.json").write_text("{}")
    with pytest.raises(InputError, match="finished belongs to a run"):
        refuse_other_folder(tmp_path / "finished")


def test_a_report_never_imports_torch(told, tmp_path):
    code = (
        "import sys; from pathlib import Path; from babyllama.report import write_report;"
        "write_report([Path(sys.argv[1])], Path(sys.argv[2]));"
        "print([m for m in sys.modules if m.split('.')[0] in ('torch', 'transformers')])"
    )
    command = [sys.executable, "-c", code, str(told[0]), str(tmp_path / "report")]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_what_the_student_gets_most_wrong_is_shown_word_by_word(make_run):
    run = make_run()
    lost = {"benchmark": "grammar", "UID": "order", "pairID": "3", "group": "word_order",
            "margin": 7.25, "right": SURPRISED, "preferred": SURPRISED[:2]}  # fmt: skip
    path = run / "evaluation" / "distilled.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "worst": [lost]}))
    _, page, markdown = written(run, run.parent / "report")
    assert "Worst errors of distilled" in page
    assert "grammar, order: 7.2 nats" in page
    for shade, word in (("s0", "cat"), ("s2 differs", "sees"), ("s3 differs", "&lt;b&gt;")):
        assert f'<span class="{shade}">{word}<sub>' in page
    assert "right: The (1.2) cat (4.5)" in markdown


def test_odd_names_are_text_in_page_and_markdown(make_run):
    run = make_run()
    for name, half in (("distilled", "1110"), ("twin", "0100")):
        path = run / "evaluation" / f"{name}.json"
        found = json.loads(path.read_text())
        uids = benchmark(dict.fromkeys(ODD_NAMES, half * 15))
        for uid, part in uids["subtasks"].items():
            part["group"] = uid
        uids["groups"] = {uid: {"score": 50.0, "interval": [40.0, 60.0]} for uid in ODD_NAMES}
        found["benchmarks"] = {"<b>`x`|y": uids}
        worst = {"benchmark": "x", "pairID": "0", "group": "g", "margin": 1.0,
                 "right": [[ODD_NAMES[0], 1.0]], "preferred": [["\x1b[31m", 1.0]]}  # fmt: skip
        found["worst"] = [{**worst, "UID": uid} for uid in ODD_NAMES]
        path.write_text(json.dumps(found))
    _, page, markdown = written(run, run.parent / "report")
    parsed = Page(page)
    assert parsed.open == []
    assert [tag for tag, _ in parsed.tags].count("script") == 1  # ours
    text = "".join(parsed.words)
    figures = [*(run.parent / "report" / "figures").iterdir()]
    for content in (page, markdown, *(figure.read_text("utf-8") for figure in figures)):
        assert content == visible(content)
    for uid in ODD_NAMES:
        assert " ".join(visible(uid).split()) in " ".join(text.split())
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    kinds = {child.type for token in tokens for child in token.children or ()}
    assert kinds <= {"text", "text_special", "strong_open", "strong_close", "softbreak", "image"}
    assert {token.type for token in tokens}.isdisjoint({"html_block", "blockquote_open", "hr"})


def test_words_of_the_page_are_explained_and_long_tables_have_a_search_box(told):
    page, markdown = texts(told[1])
    assert "<dt>twin</dt>" in page
    assert "- twin: the student's recipe trained on the text alone" in markdown
    parsed = Page(page)
    assert ("input", {"type": "search"}) in parsed.tags
    assert "Search Items" in page
    assert re.search(r"The other \d+ rows are in index.html\.", markdown)
    assert len(page.encode()) < 3_000_000
