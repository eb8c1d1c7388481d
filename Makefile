# Every target sets up what it needs; `make help` explains them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.set-up
export PYTHONDONTWRITEBYTECODE ?= 1

.PHONY: help setup demo test unit real browser lint format types imports contracts lock up down clean

help: ## Explain the targets.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(STAMP) ## Make .venv with every dependency pinned by version and hash.

$(STAMP): infra/locks/requirements.txt infra/locks/uv.txt pyproject.toml
	@test -n "$(PYTHON)" && $(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
	  || { echo "Handrail needs Python 3.11: install it (Debian: apt-get install python3.11 python3.11-venv), or say where it is: make setup PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r infra/locks/uv.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r infra/locks/requirements.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: setup ## The main job: start everything, send the pack's tickets, show what became of them.
	$(BIN)/handrail demo $(DEMO)

up: setup ## Start the whole stack on this machine and leave it running.
	$(BIN)/handrail up --detach

down: setup ## Stop it; the data stays.
	$(BIN)/handrail down

test: setup ## All tests: unit, contracts, journeys in memory, on real servers, and in a real browser.
	$(BIN)/python -m infra.browser
	$(BIN)/pytest tests $(PYTEST)

unit: setup ## Fast tests: rules and stages without I/O, single parts, contracts, journeys in memory.
	$(BIN)/pytest tests/unit tests/parts tests/contract tests/journey -m 'not real and not browser' $(PYTEST)

real: setup ## Only the tests on real Kafka, PostgreSQL and Redis.
	$(BIN)/pytest tests -m real $(PYTEST)

browser: setup ## Only the tests of the portal in a real Chromium.
	$(BIN)/python -m infra.browser
	$(BIN)/pytest tests -m browser $(PYTEST)

lint: setup ## ruff, mypy (strict), import rules, and whether generated contracts are up to date.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m infra.contracts --check

format: setup ## Format the code and mend what ruff can.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

contracts: setup ## Generate schemas, AsyncAPI, OpenAPI and the README's diagram from the events and flow.yaml.
	$(BIN)/python -m infra.contracts

lock: setup ## Pin the dependencies anew, with hashes.
	$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --upgrade --group dev \
	  pyproject.toml --python-version 3.11 -o infra/locks/requirements.txt

clean: ## Remove the environment and everything the stack keeps.
	rm -rf .venv var
