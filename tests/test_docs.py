"""Generated pages are up to date, and links between pages lead to files that exist."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from markdown_it import MarkdownIt

from babyllama import recipe

DOCS = Path(__file__).parent.parent / "docs"
SITE = DOCS.parent / "mkdocs.yml"
PAGES = sorted([*DOCS.glob("*.md"), *DOCS.glob("evidence/*.md"), *DOCS.glob("lesson/*.md")])


@pytest.fixture(scope="module")
def writer():
    spec = importlib.util.spec_from_file_location("write_reference", DOCS / "write_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_up_to_date(writer):
    for name, text in writer.pages().items():
        assert (DOCS / name).read_text("utf-8") == text, "run: make docs"


def test_every_part_of_a_recipe_has_a_section_in_the_reference(writer):
    page = writer.recipes_page()
    classes = [value for value in vars(recipe).values() if isinstance(value, type)]
    parts = [each.__name__ for each in classes if getattr(each, "model_fields", None)]
    assert "HubSource" in parts
    assert [name for name in parts if f"\n## {name}\n" not in page] == []


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *(f"docs/{p.relative_to(DOCS)}" for p in PAGES)]
)
def test_links_lead_to_files_that_exist(page):
    path = DOCS.parent / page
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text("utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (path.parent / link).exists()] == []


def test_the_site_names_every_page():
    def pages(entry):
        if isinstance(entry, str):
            return [entry]
        values = entry.values() if isinstance(entry, dict) else entry
        return [page for each in values for page in pages(each)]

    named = pages(yaml.safe_load(SITE.read_text("utf-8"))["nav"])
    there = [str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")]
    assert sorted(named) == sorted(there)


# How a code host shows a README: the width of its text and the sizes of its letters.
HOST = """body {margin: 0; font: 16px/1.5 sans-serif}
article {width: 948px; padding: 32px; margin: auto}
h1 {font-size: 2em} h2 {font-size: 1.5em} h1, h2 {margin: 24px 0 16px; line-height: 1.6}
p, ul, table, pre {margin: 0 0 16px} li + li {margin-top: 4px}
code {font-size: 85%; padding: 3px 6px}
pre {padding: 16px; overflow: auto; font-size: 14px} table {border-collapse: collapse}
td, th {border: 1px solid; padding: 6px 13px}"""


def test_the_readme_is_two_screens_with_its_picture(browser, tmp_path):
    text = MarkdownIt().enable("table").render((DOCS.parent / "README.md").read_text("utf-8"))
    shown = text.replace('src="docs/', f'src="{DOCS.as_uri()}/')
    file = tmp_path / "readme.html"
    file.write_text(f"<meta charset=utf-8><style>{HOST}</style><article>{shown}", encoding="utf-8")
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(file.as_uri())
    assert page.evaluate("document.documentElement.scrollHeight") <= 2 * 900
    assert page.evaluate("document.images[0].naturalWidth") > 0
    assert page.evaluate("document.images[0].getBoundingClientRect().bottom") < 900
    page.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(DOCS, folder / "docs")
    shutil.copy(SITE, folder)
    zensical = Path(sys.executable).with_name("zensical")
    built = subprocess.run([zensical, "build", "--strict"], cwd=folder, capture_output=True)
    assert built.returncode == 0, built.stderr.decode()
    return folder / "build/site"


def test_the_search_works_on_pages_that_are_opened_from_a_file(site, browser):
    page = browser.new_page()
    page.goto((site / "index.html").as_uri())
    page.wait_for_load_state("networkidle")
    page.keyboard.press("Control+k")
    page.locator("input[autofocus]").fill("ambiguity")
    found = page.get_by_role("listbox", name="Search results")
    found.get_by_text("Glossary").first.click()
    page.wait_for_url("**/glossary.html*")
    page.close()


def test_the_site_builds_without_a_warning_and_loads_nothing_from_elsewhere(site):
    pages = "".join(file.read_text("utf-8") for file in site.rglob("*.html"))
    loaded = r"<(?:script|img|link|iframe)[^>]+(?:src|href)=.?(?:https?:)?//[^>]+"
    assert re.findall(loaded, pages) == []
