# `make` lists the targets.
PYTHON ?= python3.11
BIN := .venv/bin

.PHONY: help demo test test-quick lint docs site clean

help:
	@echo "make demo        install what a run needs into .venv, train teachers and students on the built-in"
	@echo "                 corpus with four seeds, print the answer and where the report is"
	@echo "make test        install what tests need, too, run all tests"
	@echo "make test-quick  run the fast tests, in under 90 seconds on two cores, for working"
	@echo "make lint        ruff, mypy, import-linter"
	@echo "make docs        write docs/reference and docs/lesson from the code and the papers in it"
	@echo "make site        build the docs as a website in build/site"
	@echo "make clean       remove .venv and caches; runs/ and studies/ stay"

# constraints.txt pins the torch that the project is tested with.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# What a run needs, and what tests, lint and docs need besides.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(INSTALL) -e .
	@touch $@

.venv/installed-dev: .venv/installed
	$(INSTALL) -e '.[dev]'
	@touch $@

# Older releases, each beside our own, for tests that our folders load in them: 130 MB, 10 seconds.
.venv/transformers/installed: .venv/installed
	$(BESIDE)/4.51.3 transformers==4.51.3 tokenizers==0.21.4 huggingface-hub==0.36.0
	$(BESIDE)/4.57.6 transformers==4.57.6 tokenizers==0.22.2 huggingface-hub==0.36.0
	@touch $@
BESIDE = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile --upgrade \
	--target .venv/transformers

demo: .venv/installed
	$(BIN)/babyllama study demo
	@echo "To use babyllama in this shell: . $(BIN)/activate"

# A file's tests run in one process and share its fixtures. One file: .venv/bin/python -m pytest FILE.
PYTEST := $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder
test: .venv/installed-dev .venv/transformers/installed
	$(PYTEST)

# Folders whose tests are fast; tests/conftest.py marks those in them that train models.
QUICK := tests/recipe tests/runs tests/scores tests/watch tests/test_console.py tests/test_errors.py
test-quick: .venv/installed-dev
	$(PYTEST) -m "not slow" $(QUICK)

lint: .venv/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

site: .venv/installed-dev
	$(BIN)/zensical build --strict --clean
	@echo "The site: build/site/index.html"

docs: .venv/installed-dev
	$(BIN)/python docs/write_reference.py

clean:
	rm -rf .venv build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
