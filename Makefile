# PYTHON names the interpreter (else python3, else the newest python3.x), VENV the folder of the virtual environment.
# PEERS names that of the programs beside which `make bench` measures.
# SERVERS=debian runs the tests on Debian's PostgreSQL and Redis, in place of those that come with the packages.
PYTHON ?=
VENV ?= .venv
PEERS ?= .venv-peers
STRICT ?= 0
QUICK ?= 0
SERVERS ?= embedded
python := "$(VENV)/bin/python"
# What is compiled is kept, whatever the surroundings say: the tests start some 300 programs.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help run test test-long chaos check fix bench clean lock setup

help: ## print this
	@sed -n 's/^\([a-z-]*\):.*## /make \1	/p' Makefile

run: setup ## set up, and run the demo
	@$(python) -m arflow.demo

# Three at a time on two cores: much of it is waiting for programs that start and end.
test: check ## set up, check, and run the tests (STRICT=1: a skipped test is a failure; SERVERS=debian: on its servers)
	@setup/packages "$(SERVERS)"
	@ARFLOW_TEST_SERVERS="$(SERVERS)" $(python) -m pytest -n 3 --dist worksteal --durations=10 $(if $(filter-out 0,$(STRICT)),--strict-skips)

test-long: setup ## set up, and run all tests at their full size, which takes hours
	@setup/packages "$(SERVERS)"
	@ARFLOW_LONG=1 ARFLOW_TEST_SERVERS="$(SERVERS)" $(python) -m pytest -n 2 --dist worksteal --timeout=0 --durations=30

chaos: setup ## set up, and kill, stop, wipe and lie to everything for five minutes (CHAOS="--seed 7": as before)
	@$(python) -m tests.chaos $(CHAOS)

check: setup ## set up, and run the formatter's check, the linter, the types and the import contracts
	@$(python) -m ruff format --check --output-format concise .
	@$(python) -m ruff check .
	@$(python) -m mypy
	@"$(VENV)/bin/lint-imports" --no-logo

fix: setup ## format, and mend what the linter can mend
	@$(python) -m ruff check --fix-only .
	@$(python) -m ruff format .

bench: setup ## set up, and measure beside what others would use (QUICK=1: in five minutes; BENCH="drain herd": only those; SERVERS=debian: on its servers)
	@setup/peers "$(PEERS)" "$(PYTHON)"
	@$(if $(filter-out embedded,$(SERVERS)),setup/packages "$(SERVERS)")
	@ARFLOW_TEST_SERVERS="$(SERVERS)" $(python) -m benchmarks --peers "$(PEERS)" $(if $(filter-out 0,$(QUICK)),--quick) $(BENCH)

clean: ## remove what was made from the sources; never data
	@if [ -e "$(VENV)/pyvenv.cfg" ]; then rm -rf "$(VENV)"; fi
	@if [ -e "$(PEERS)/pyvenv.cfg" ]; then rm -rf "$(PEERS)"; fi
	@rm -rf build dist arflow.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find arflow workers tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

lock: ## make the lock files in requirements/ anew, with the newest releases
	@setup/lock "$(PYTHON)"

setup:
	@setup/venv "$(VENV)" "$(PYTHON)"
