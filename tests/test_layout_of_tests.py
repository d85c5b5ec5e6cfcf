"""tests/ mirrors src/: `tests/a/test_b.py` tests `babyllama/a/b.py` or package `babyllama/a/b/`."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "src" / "babyllama"

# Tests of more than one module, each with the reason.
OF_SEVERAL_MODULES = {
    "evaluation/test_agreement.py": "all that scores, against lm-evaluation-harness and minicons",
    "play/test_page.py": "play/page/ is HTML, CSS and JavaScript, in a browser",
    "signals/test_adding_a_kind.py": "what a new kind of signal takes, shown by a toy",
    "test_benchmarks.py": "benchmarks/ is outside the package",
    "test_evidence.py": "docs/write_evidence.py and its pages are outside the package",
    "test_lesson_notebook.py": "lesson/lesson.ipynb is no module",
    "test_packaging.py": "pyproject.toml is outside the package",
    "test_main.py": "__main__.py, and the process that runs it",
    "test_docs.py": "docs/ is outside the package",
    "test_layout_of_tests.py": "this file",
}
# Modules without a test file of their own, each with the reason.
TESTED_ELSEWHERE = {
    "__main__": "tests/test_main.py",
    "data/cleaning/code": "tests/data/cleaning/test_domains.py",
    "data/cleaning/editing": "the tests of the rules, which edit with it",
    "data/cleaning/layout": "tests/data/cleaning/test_domains.py",
    "data/foreign_files": "tests of those who read such files: data/tokenizer, models/model_files",
    "data/gathering/documents": "types, which have no behaviour",
    "data/leaks/comparing": "tests/data/leaks/test_check.py",
    "data/leaks/counts": "tests/data/leaks/test_check.py",
    "data/leaks/places": "tests/data/leaks/test_removal.py",
    "data/leaks/samples": "tests/data/leaks/test_check.py",
    "data/releases/checksums": "tests/data/releases/test_fetching.py",
    "data/releases/entries": "tests/data/releases/test_identifying.py",
    "data/releases/failures": "tests/data/releases/test_fetching.py",
    "data/releases/listing": "tests/data/releases/test_fetching.py",
    "data/releases/readings": "tests/data/releases/test_identifying.py",
    "report": "write_report is what tests/report/test_page.py calls",
    "report/closing_sections": "tests/report/test_page.py",
    "report/corpus_sections": "tests/report/test_page.py",
    "report/cost_figure": "tests/report/test_page.py",
    "report/labelled": "tests/report/test_between_runs.py",
    "report/run_figures": "tests/report/test_between_runs.py",
    "report/score_sections": "tests/report/test_page.py",
    "report/section": "types, and what keeps the empty ones out: tests/report/test_page.py",
    "report/terms": "tests/report/test_page.py",
    "report/training_sections": "tests/report/test_page.py",
    "signals": "a Protocol, which has no behaviour",
}


def modules():
    """Every module's path in the package, without suffix; a package's `__init__` is its folder."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE)
        yield path, (name.parent if path.name == "__init__.py" else name.with_suffix(""))


def has_behaviour(path):
    """Whether a module defines a public function or class."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    body = ast.parse(path.read_text("utf-8")).body
    return any(isinstance(node, kinds) and not node.name.startswith("_") for node in body)


def namesakes(module):
    """Where a module's tests may be; those of a package beside its folder or inside it."""
    yield TESTS / module.parent / f"test_{module.name}.py"
    if (PACKAGE / module).is_dir():
        yield TESTS / module / f"test_{module.name}.py"


WITH_BEHAVIOUR = [module.as_posix() for path, module in modules() if has_behaviour(path)]
TEST_FILES = [
    path.relative_to(TESTS).as_posix()
    for path in sorted(TESTS.rglob("test_*.py"))
    if path.parent.name != "end_to_end"
]


@pytest.mark.parametrize("module", WITH_BEHAVIOUR)
def test_a_module_has_a_test_file_of_its_name(module):
    assert (module in TESTED_ELSEWHERE) != any(path.is_file() for path in namesakes(Path(module)))


@pytest.mark.parametrize("name", TEST_FILES)
def test_a_test_file_names_a_module(name):
    tested = {
        path.relative_to(TESTS).as_posix() for _, module in modules() for path in namesakes(module)
    }
    assert (name in tested) != (name in OF_SEVERAL_MODULES)
