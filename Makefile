# Everything runs from `.venv`. Needs only Python 3.11 or later and make; see README.md for what Java and Maven add.
#
#   make setup    the environment the demo needs, from the hash-locked requirements
#   make demo     the whole path on this machine; ARGS="--once --json …" goes to `cryptoflow demo`
#   make test     lint, then every test; ends with pytest's summary line; ARGS go to pytest
#
# Set-up talks on stderr, so that the stdout of `make demo ARGS="--once --json"` is the JSON object alone.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet
DEMO_STAMP := $(VENV)/.stamp-demo
DEV_STAMP := $(VENV)/.stamp-dev
DEMO_ARGS ?= --symbols 20 --rate 2000
KILLS ?= 60
SCENARIO ?= replace
OUTAGE_SYMBOLS ?= 1000
FUZZ_EXAMPLES ?= 1000
FUZZ_FRAMES ?= 1000000

.PHONY: help setup setup-dev demo test lint format chaos replicas outage fuzz bench docs lock clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

# pip is what venv makes last, so a set-up that was interrupted starts over.
$(BIN)/pip:
	@{ \
	  for python in $${PYTHON:-python3.11 python3.12 python3.13 python3.14 python3}; do \
	    if "$$python" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	      echo "setup: $$("$$python" --version) in $(VENV)"; \
	      exec "$$python" -m venv --clear $(VENV); \
	    fi; \
	  done; \
	  echo "setup: no Python 3.11 or later with venv found; install one or say PYTHON=/path/to/python3.11"; \
	  exit 1; \
	} >&2

# The package itself is installed without build isolation, because setuptools is in the lock like all else.
$(DEMO_STAMP): requirements/demo.lock pyproject.toml | $(BIN)/pip
	@{ \
	  echo "setup: installing requirements/demo.lock"; \
	  $(PIP) install --require-hashes -r requirements/demo.lock; \
	  $(PIP) install --no-deps --no-build-isolation -e .; \
	} >&2
	@touch $@

$(DEV_STAMP): requirements/dev.lock pyproject.toml | $(BIN)/pip
	@{ \
	  echo "setup: installing requirements/dev.lock"; \
	  $(PIP) install --require-hashes -r requirements/dev.lock; \
	  $(PIP) install --no-deps --no-build-isolation -e .; \
	} >&2
	@touch $@ $(DEMO_STAMP)

setup: $(DEMO_STAMP) ## install what `make demo` and the CLI need
	@:

setup-dev: $(DEV_STAMP) ## install what tests and lint need
	@:

demo: $(DEMO_STAMP) ## run the whole path on the local stack; ARGS="--once --json --symbols 50"
	@$(BIN)/cryptoflow demo $(or $(ARGS),$(DEMO_ARGS))

# Two at once: one runs the tests that start real parts, one after another, the other the rest.
test: lint ## run lint and every test; ARGS="-k sequence" narrows
	@$(BIN)/pytest -n 2 --dist loadgroup $(ARGS)

lint: $(DEV_STAMP) ## ruff, format check, mypy strict
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(DEV_STAMP) ## format and mend what ruff can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

# Exit 0 when nothing was lost, duplicated or altered and the tables equal those of an undisturbed run.
chaos: $(DEV_STAMP) ## kill and pause every process, KILLS=60 times; then compare with an undisturbed run
	@$(BIN)/python -m cryptoflow.chaos --kills $(KILLS) --data-dir var/chaos-$$(date -u +%Y%m%dT%H%M%S) $(ARGS)

replicas: $(DEV_STAMP) ## change producers while data flows, SCENARIO=replace|scale|early|redundant; then compare with what was sent
	@$(BIN)/python -m cryptoflow.chaos --scenario $(SCENARIO) --data-dir var/replicas-$$(date -u +%Y%m%dT%H%M%S) $(ARGS)

outage: $(DEV_STAMP) ## an hour without a venue in virtual time, OUTAGE_SYMBOLS=1000 of each market
	@CRYPTOFLOW_TEST_OUTAGE_SYMBOLS=$(OUTAGE_SYMBOLS) $(BIN)/pytest tests/producers/test_outage.py --timeout 3600 $(ARGS)

fuzz: $(DEV_STAMP) ## damage FUZZ_FRAMES=1000000 frames of all venues; property tests with FUZZ_EXAMPLES=1000 each
	@CRYPTOFLOW_TEST_FUZZ_FRAMES=$(FUZZ_FRAMES) $(BIN)/pytest tests/properties/test_fuzz_frames.py --timeout 7200 --log-cli-level=INFO $(ARGS)
	@CRYPTOFLOW_TEST_FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) $(BIN)/pytest --hypothesis-profile=fuzz -m "hypothesis and not stack" --timeout 900 $(ARGS)

# A benchmark prints its figures with the hardware and the command; dated results are kept in benchmarks/results/.
BENCHES = $(or $(BENCH:%=benchmarks/%.py),$(wildcard benchmarks/[a-z]*.py))
bench: $(DEV_STAMP) ## run every benchmark, or BENCH=agents_core alone; ARGS go to it
	@for script in $(BENCHES); do echo "== $$script"; timeout 900 $(BIN)/python $$script $(ARGS); done

docs: $(DEV_STAMP) ## write docs/reference from the code
	@$(BIN)/python -m cryptoflow.reference.pages docs/reference

# dev.lock is resolved first and binds the other two, so that all three agree.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock" $(UPGRADE) pyproject.toml requirements/build.in
lock: $(DEV_STAMP) ## resolve the locks again; UPGRADE=--upgrade takes new versions
	@$(COMPILE) --extra dev --output-file requirements/dev.lock
	@$(COMPILE) --extra local --constraint requirements/dev.lock --output-file requirements/demo.lock
	@$(COMPILE) --constraint requirements/dev.lock --output-file requirements/run.lock

clean: ## remove caches and build output, not the environment
	@rm -rf build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis .coverage
