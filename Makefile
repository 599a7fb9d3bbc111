# Everything a fresh machine needs is Python 3.11 or newer, and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO := demo-data
FOR ?= 32s

.PHONY: demo test crash zones fuzz days proof revert-check check format diagrams edges bench clean help

help:            ## What can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(STAMP)   ## Serve examples/quickstart.toml for half a minute, then show what happened
	@rm -rf $(DEMO)
	$(BIN)/cronfsm --data-dir $(DEMO) serve examples/quickstart.toml --for $(FOR)
	$(BIN)/cronfsm --data-dir $(DEMO) runs
	$(BIN)/cronfsm --data-dir $(DEMO) explain ignores-term --since 1m
	$(BIN)/cronfsm --data-dir $(DEMO) verify

test: $(STAMP)   ## The tests, in parallel and in random order
	$(BIN)/python -m pytest -n auto --dist loadgroup

crash: $(STAMP)  ## All that the crash tests can try: kills by the hundred, crash images by the thousand
	CRONFSM_FULL=1 $(BIN)/python -m pytest tests/crash -p no:randomly --full

zones: $(STAMP)  ## Due times around every change of every clock in the zone database, for the night
	CRONFSM_FULL=1 $(BIN)/python -m pytest tests/unit/test_schedule_all_zones.py -p no:randomly -n auto

fuzz: $(STAMP)   ## The stateful machine on new examples: 25,000, or for so long (FOR=10m)
	HYPOTHESIS_PROFILE=fuzz CRONFSM_FUZZ_FOR=$(if $(filter command% environment%,$(origin FOR)),$(FOR)) \
		$(BIN)/python -m pytest tests/stateful/test_scheduler_machine.py -p no:randomly -s

days: $(STAMP)   ## Ten thousand simulated days of a scheduler full of faults (DAYS=n: fewer, nothing is written); counts go to specs/proofs.md
	$(BIN)/python tests/stateful/run_days.py $(if $(DAYS),--days $(DAYS),--write specs/days.json)
	$(if $(DAYS),,$(BIN)/python tests/proof/ledger.py)

proof: $(STAMP)  ## Every proof of the specification and of the code against it; writes specs/proofs.md (FULL=1: the big bounds, too)
	$(BIN)/python tests/proof/prove.py $(if $(FULL),--full)

revert-check: $(STAMP) ## Take each fix out of a copy, and demand that the test that is named for it fails (ONLY=safety: some)
	$(BIN)/python tests/revert/check.py $(ONLY)

check: $(STAMP)  ## Lint, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## Put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

diagrams: $(STAMP) ## Draw the lifecycle anew from its table, and coloured by the edges that the tests took
	$(BIN)/python diagrams/draw.py

edges: $(STAMP)  ## Run the tests, count how often they take each edge of the lifecycle, and draw that
	$(BIN)/python -m pytest -n auto --dist loadgroup --edges diagrams/taken.json
	$(BIN)/python diagrams/draw.py

bench: $(STAMP)  ## Measure, each figure beside its limit and a peer
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python -m benchmarks

clean:           ## Remove what was made here
	rm -rf $(VENV) $(DEMO) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
