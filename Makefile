# make setup: .venv with the harness installed; needs the package index only.
# make run:   the integration cases against the reference stack; ends with the report's path.
# make test:  everything CI tests.
# make stability: the four stability cases, the soak as a projection from three minutes; CI runs it beside the tests.
# make nightly: what takes too long for that.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
RUN    ?=

.PHONY: setup run test stability nightly lint lock clean

setup: $(STAMP)

$(STAMP): pyproject.toml .ci/requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is older. Name another one: make setup PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint .ci/requirements.lock --editable '.[dev]'
	@touch $@

run: setup
	@$(BIN)/python -m pytest -m integration $(RUN); code=$$?; \
	  echo "report: $$(ls -t reports/*/report.html 2>/dev/null | head -n 1)"; exit $$code

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy harness suites conftest.py
	$(BIN)/lint-imports
	$(BIN)/python -m harness.wire.generate --check
	$(BIN)/python -m harness.spec.schema --check

test: lint
	$(BIN)/python -m pytest -m "self and not slow" --numprocesses 2 --dist loadfile --benchmark-disable
	$(BIN)/python -m pytest -m "integration or e2e" -k "not give_up" $(RUN)

stability: setup
	$(BIN)/python -m pytest -m stability --soak-duration 3m $(RUN)

# What test leaves out: the slow tests of the harness, the five minutes of 4.2.2, the extensions, the performance and the
# stability cases (the soak as a projection from three minutes).
nightly: setup
	$(BIN)/python -m pytest -m "self and slow" --benchmark-disable
	$(BIN)/python -m pytest -m "e2e or extensions or performance or stability" --soak-duration 3m $(RUN)

lock: setup
	$(BIN)/python -m pip freeze --exclude-editable --disable-pip-version-check | grep -v ' @ ' > .ci/requirements.lock

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
