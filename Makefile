# Answerable. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
DATA ?= ./data
SEED ?= 1
SEEDS ?= 5
SECONDS ?= 120
PROCESSORS := $(shell nproc 2>/dev/null || echo 2)
WORKERS ?= $(shell echo $$(($(PROCESSORS) + 2)))
export PYTHONDONTWRITEBYTECODE=

.PHONY: help setup run postgres test test-fast test-faults test-long check format bench lighthouse docs words sbom lock clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(VENV)/.installed src/answerable/static/.built ## Install everything into .venv and build the assets (idempotent)

$(VENV)/.installed: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Answerable needs Python 3.11 or later."; exit 1; }
	@echo "Setting up $(VENV) with $(PYTHON) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(INSTALL) --require-hashes -r requirements.lock || { \
		echo "What an interrupted set-up left may be in the way: once more, from nothing ..."; \
		$(PYTHON) -m venv --clear $(VENV) && $(INSTALL) --require-hashes -r requirements.lock; }
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib src || true
	@touch $@

src/answerable/static/.built: assets/package-lock.json assets/package.json $(wildcard assets/css/*.css assets/js/*.js assets/js/pages/*.js assets/img/* assets/icons/* assets/icons.json assets/*.mjs)
	@command -v npm >/dev/null || { echo "Answerable needs Node 20 or later to build its style sheet."; exit 1; }
	@echo "Building assets ..."
	@cd assets && npm ci --silent --no-audit --no-fund --ignore-scripts && npm run --silent build
	@touch $@

run: setup ## Start the desk at http://127.0.0.1:8765 with its data in ./data
	@$(BIN)/answerable serve --data-dir $(DATA)

postgres: ## Make sure that PostgreSQL's programs are there, for the tests
	@scripts/postgres install || echo "Tests on PostgreSQL are left out."

test: setup postgres ## Run the whole test suite
	@scripts/chromium install || echo "The tests of the web desk in a browser will be SKIPPED."
	@scripts/mongodb prepare || echo "The tests of the MongoDB mirror will be SKIPPED."
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q -rfEs

test-fast: setup postgres ## Run the tests that take under a minute together
	@$(BIN)/python -m pytest -n $(PROCESSORS) --dist worksteal -q -rfEs -m "not slow"

test-faults: setup postgres ## Kill, freeze and cut off everything while people work: SEEDS=5 SECONDS=120, from SEED=1 on
	@FAULT_SEED=$(SEED) FAULT_SEEDS=$(SEEDS) FAULT_SECONDS=$(SECONDS) $(BIN)/python -m pytest -q -s -rfEs tests/faults

test-long: setup postgres ## Deadlines in a million random cases, then 100,000 pairs of worlds (three hours of a core), every story on PostgreSQL with Kafka, and the web desk with late answers: SEED=1
	@SLA_CASES=1000000 $(BIN)/python -m pytest -n $(WORKERS) -q -rfEs tests/sla/test_opening.py
	@echo "Seed $(SEED) in $(WORKERS) processes"
	@WORLD_PAIRS=100000 WORLD_SHARES=500 WORLD_SEED=$(SEED) $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q -rfEs tests/security/test_01_paired_worlds.py
	@PARSER_CASES=5000 $(BIN)/python -m pytest -n $(WORKERS) -q -rfEs tests/security/test_fuzzed_parsers.py
	@FUZZ_EXAMPLES=100 $(BIN)/python -m pytest -q -rfEs tests/security/test_fuzzed_interface.py
	@TESTS_EVERYTHING=1 $(BIN)/python -m pytest -n $(PROCESSORS) -q -rfEs -k postgres tests/infra/test_bus.py tests/journeys tests/reporting tests/sla/test_kept.py tests/sla/test_backtest.py
	@scripts/chromium install || echo "The tests of the web desk in a browser will be SKIPPED."
	@DELAY_SEED=$(SEED) $(BIN)/python -m pytest -n $(PROCESSORS) -q -rfEs tests/browser

check: setup ## Lint, types, walls, fresh docs, known vulnerabilities
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports
	@$(BIN)/python scripts/write_docs.py --check
	@$(BIN)/python scripts/words.py --check
	@scripts/audit

format: setup ## Format the code
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

docs: setup ## Write the generated pages of docs/ anew
	@$(BIN)/python scripts/write_docs.py

words: setup ## Collect the texts of the web desk into its catalogues
	@$(BIN)/python scripts/words.py

sbom: setup ## Write the software bill of materials (CycloneDX) to build/sbom.cdx.json
	@$(BIN)/python scripts/sbom.py

lighthouse: setup ## Let Lighthouse look at the demo's pages and write its marks into docs/web.md (npm fetches it)
	@scripts/chromium install
	@cd bench/lighthouse && npm ci --silent --no-audit --no-fund --ignore-scripts
	@$(BIN)/python -m bench.marks --write

bench: setup ## Measure and write the tables of docs/speed.md (a quarter of an hour; Java and Maven for Kafka)
	@$(BIN)/python -m bench --write
	@$(BIN)/python -m bench --engine postgres --tickets 20000 --seconds 3 --write
	@$(BIN)/python -m bench.kafka --write

lock: ## Resolve the dependencies anew (needs uv)
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
	  --extra dev --python-version 3.11 pyproject.toml -o requirements.lock

clean: ## Remove what was built (not the data)
	rm -rf $(VENV) assets/node_modules src/answerable/static build dist .mypy_cache .ruff_cache .import_linter_cache
