# Two commands on a fresh machine: make demo, make test. Needs python3 and nothing else.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[sandbox]' --group dev
	touch $@

.PHONY: install demo test lint bench clean
install: $(VENV)/.installed

demo: install
	$(BIN)/sagespec compile --out .demo/compiled
	$(BIN)/sagespec apply .demo/compiled --sandbox --yes --wait

lint: install
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

test: lint
	$(BIN)/pytest

bench: install
	$(BIN)/python benchmarks/compile.py

clean:
	rm -rf $(VENV) .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
