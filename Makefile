# Every target sets up what it needs; a second run finds it there.
.DEFAULT_GOAL := help
.PHONY: help setup browser dev test soak coverage mutation bench package accuracy lint typecheck audit format prices lock check
PY := .venv/bin/python
T ?=

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## virtual environment and npm packages (the other targets do it by themselves)
	@sh local/setup.sh

browser: setup ## a Chromium for the browser tests, where there is none on PATH
	@sh local/browser.sh

dev: setup ## the whole system on this machine; RESET=1 from nothing, PORT= elsewhere than 54321
	@exec $(PY) -m local.commands.cli dev $(if $(PORT),--port $(PORT)) $(if $(filter-out 0,$(RESET)),--reset)

# Bytecode is kept whatever the caller says: a run starts a hundred interpreters, and each would compile everything.
test: export PYTHONDONTWRITEBYTECODE :=
test: browser ## all tests; T='tests/local -k port' for some of them
	@$(PY) -m pytest -m 'not soak' --durations=20 --durations-min=1 $(or $(T),-n 2 --dist worksteal)

soak: setup ## the long proofs
	@$(PY) -m pytest -m soak -v --durations=0 $(T)

coverage: setup ## which branches of shared/ the tests take, in every process
	@rm -rf .local/coverage
	@mkdir -p .local/coverage
	@COVERAGE_PROCESS_START=$(CURDIR)/pyproject.toml $(PY) -m pytest -m 'not soak' $(or $(T),tests/shared tests/functions)
	@$(PY) -m coverage combine --quiet
	@$(PY) -m coverage report
	@$(PY) -m coverage json --quiet -o .local/coverage/report.json
	@$(PY) -c "import json, sys; share = json.load(open('.local/coverage/report.json'))['totals']['percent_branches_covered']; print(f'{share:.1f} % of the branches; 95 are wanted.'); sys.exit(share < 95)"

mutation: setup ## whether the tests notice when the money code is changed: survivors are listed, and fail
	@$(PY) -m local.maintenance.mutation

bench: setup ## the benchmarks
	@$(PY) -m bench

package: setup ## the zips that are deployed (Python 3.13 on arm64) and what is in them; HOST=1 for this machine
	@$(PY) -m local.package $(if $(filter-out 0,$(HOST)),--host)

accuracy: setup ## what scans find in hand-written inputs; with OPENAI_API_KEY set, of the real model
	@$(PY) -m bench.accuracy

lint: setup ## ruff and mypy
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

typecheck: setup ## mypy alone
	@$(PY) -m mypy

audit: setup ## known vulnerabilities of what is shipped, where an advisory service can be asked
	@$(PY) -m local.maintenance.audit

format: setup ## let ruff put the code in order
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

check: lint audit test ## what CI runs

prices: setup ## write the model prices from genai-prices
	@$(PY) -m local.maintenance.prices

lock: setup ## write the lock files again from pyproject.toml and package.json
	@$(PY) -m local.maintenance.lock
