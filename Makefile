# Everything runs in .venv, made here from the locked requirements; nothing else on the machine is touched.
PYTHON ?= python3
VENV := .venv
BENCH := .venv-bench
MUTANTS := .venv-mutants
BIN := $(CURDIR)/$(VENV)/bin
READY := $(VENV)/.ready
PIP := -m pip install --quiet --disable-pip-version-check
# One more than CI's cores: a test waits for disks, locks and other processes for a quarter of its time.
WORKERS ?= 3
# LightGBM's threads spin while they wait, which is slow on a busy machine; the result is the same.
export OMP_WAIT_POLICY := passive
export PATH := $(BIN):$(PATH)
# The modules of the transaction core, as pyproject.toml lists them for the mutants.
CORE = $(shell $(BIN)/python -c 'import tomllib; tool = tomllib.load(open("pyproject.toml", "rb"))["tool"]; print(",".join(tool["mutmut"]["only_mutate"]))')

.PHONY: help setup demo test repro lint types contracts suite sweeps coverage mutants soak bench docs picture clean

help:  ## show the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

setup: $(READY)  ## make .venv with everything that working on this repository needs

$(READY): requirements/dev.txt pyproject.toml
	@echo "setting up $(VENV) (a minute, once)"
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "lastgood needs Python 3.11 or later")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP) --require-hashes -r requirements/dev.txt
	$(BIN)/python $(PIP) --no-deps --no-build-isolation -e .
	@touch $@

demo: setup  ## register, break, roll back and verify it, on real flights in a scratch directory
	$(BIN)/python demo/story.py

test: setup repro lint types contracts suite  ## everything that must hold, but for the sweeps

repro: setup  ## bring data and model of this commit into the working tree
	$(BIN)/dvc repro --quiet

lint: setup  ## check the format and the style of all Python
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet

types: setup  ## check all types
	$(BIN)/mypy

contracts: setup  ## check that the layers import in one direction only
	$(BIN)/lint-imports

suite: setup  ## run all tests but the sweeps
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -q -m "not sweep"

sweeps: setup  ## the sweeps of kills, faults, races and damages in their short form (ten minutes)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -q -m sweep

coverage: setup  ## measure the branches of the transaction core (a few minutes), which must all be taken
	$(BIN)/coverage run --include=$(CORE) -m pytest -q @tests/transaction-core.txt
	$(BIN)/coverage report

mutants: setup $(MUTANTS)/.ready  ## change the transaction core in every small way and see which changes no test notices (hours)
	$(MUTANTS)/bin/mutmut run --max-children $(WORKERS)
	$(MUTANTS)/bin/mutmut results

$(MUTANTS)/.ready: requirements/mutants.txt pyproject.toml
	@echo "setting up $(MUTANTS) with mutmut (a minute, once)"
	$(PYTHON) -m venv $(MUTANTS)
	$(MUTANTS)/bin/python $(PIP) --require-hashes -r requirements/mutants.txt
	$(MUTANTS)/bin/python $(PIP) --no-deps --no-build-isolation -e .
	@touch $@

soak: setup  ## the long form of the sweeps (hours), figures in .reliability/
	LASTGOOD_SOAK=1 $(BIN)/python -m pytest tests/reliability -n $(WORKERS) -q

bench: setup $(BENCH)/.ready  ## measure lastgood against its peers (half an hour), write docs/benchmarks.md
	$(BIN)/python -m benchmarks

$(BENCH)/.ready: requirements/bench.txt
	@echo "setting up $(BENCH) with MLflow (a minute, once)"
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python $(PIP) --require-hashes -r requirements/bench.txt
	@touch $@

docs: setup  ## write the references of commands and settings and the schemas of --json anew
	$(BIN)/python -m lastgood.cli.reference > docs/cli.md
	$(BIN)/python -m lastgood.cli.configuration > docs/configuration.md
	$(BIN)/python -m lastgood.cli.schema docs/schema

picture: setup  ## roll back in a scratch project and draw README's picture from it
	$(BIN)/python demo/picture.py

clean:  ## remove what the targets above made, but not data, models and caches
	rm -rf $(VENV) $(BENCH) $(MUTANTS) mutants .coverage .reliability .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
