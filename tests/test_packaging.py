"""pyproject.toml: what is installed with the package, and what a first run needs."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest
from setuptools.dist import Distribution

import babyllama

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "babyllama"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

# Requirements by the names that their modules have in imports; and the reason why one has none.
MODULES = {"pyyaml": "yaml"}
PARTS = {"pydantic_core": "pydantic"}
WITHOUT_IMPORT = {
    "tensorboard": "Accelerate imports it",
    "onnx": "torch's exporter imports it",
    "onnxscript": "torch's exporter imports it",
}
# Imported if present, but of no extra.
OF_NO_EXTRA = {
    "llama_cpp": "pip compiles it, which needs a C++ compiler; export works without",
}


def required(requirements):
    """The modules that a list of requirements brings by itself."""
    names = (re.split(r"[^\w.-]", each)[0].lower() for each in requirements)
    return {MODULES.get(name, name.replace("-", "_")) for name in names}


def imports(nodes):
    """The packages outside the standard library that statements import."""
    for node in nodes:
        names = [node.module] if isinstance(node, ast.ImportFrom) else []
        names += [each.name for each in node.names] if isinstance(node, ast.Import) else []
        for name in (name.partition(".")[0] for name in names):
            if name not in sys.stdlib_module_names and name != "babyllama":
                yield PARTS.get(name, name)


TREES = {p.relative_to(PACKAGE): ast.parse(p.read_text("utf-8")) for p in PACKAGE.rglob("*.py")}
RUN = required(PROJECT["dependencies"])
EXTRAS = {
    name: required(each)
    for name, each in PROJECT["optional-dependencies"].items()
    if name not in ("benchmarks", "dev")
}


@pytest.fixture(scope="module")
def build():
    """setuptools' own step that collects a wheel's files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        distribution = Distribution({"script_name": "setup.py"})
        distribution.parse_config_files()
        command = distribution.get_command_obj("build_py")
        command.ensure_finalized()
        yield command


def test_every_file_of_the_package_is_installed(build):
    data = {
        Path(folder, name).resolve()
        for _, folder, _, names in build.get_data_files_without_manifest()
        for name in names
    }
    code = {Path(path).resolve() for _, _, path in build.find_all_modules()}
    present = {path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert present - code - data == set()


def test_the_version_is_that_of_the_code(build):
    assert PROJECT["dynamic"] == ["version"]
    assert build.distribution.get_version() == babyllama.__version__


def test_modules_import_only_what_every_installation_has():
    """Whatever an extra brings is imported in a function, or in a `try`."""
    found = {str(path): set(imports(tree.body)) - RUN for path, tree in TREES.items()}
    assert {path: names for path, names in found.items() if names} == {}


def test_every_requirement_is_imported_and_every_import_is_required():
    imported = set(imports(node for tree in TREES.values() for node in ast.walk(tree)))
    brought = (RUN | set().union(*EXTRAS.values())) - set(WITHOUT_IMPORT)
    assert imported - set(OF_NO_EXTRA) == brought


@pytest.mark.parametrize("extra", sorted(EXTRAS))
def test_every_extra_is_described_and_named_where_it_is_missing(extra):
    assert f"| `{extra}` |" in (ROOT / "docs" / "install.md").read_text("utf-8")
    texts = (path.read_text("utf-8") for path in PACKAGE.rglob("*.py"))
    assert any(f"'babyllama[{extra}]'" in text for text in texts)


def test_the_command_is_called_like_the_package():
    """`uvx babyllama` and `pipx run babyllama` start the command that has the package's name."""
    assert PROJECT["scripts"] == {PROJECT["name"]: "babyllama.__main__:main"}
