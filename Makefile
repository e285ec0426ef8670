# Everything is done in .venv; no other set-up is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# Tests wait more than they compute: more at a time than most machines have cores.
AT_ONCE ?= -n 3 --dist loadfile

.PHONY: demo test prove lint bench fuzz matrix docs deb system-test clean

demo: $(VENV)/ready
	$(BIN)/python -m ipad.testbed.demo $(ARGS)

test: $(VENV)/ready
	$(BIN)/python -m pytest $(AT_ONCE) $(ARGS)

# The long proofs that a gateway always finds its way back.
prove: $(VENV)/ready
	$(BIN)/python -m tests.connectivity.prove $(ARGS)

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/ready
	$(BIN)/python -m ipad.testbed.bench $(ARGS)

# Spoils what comes from outside, for as long as asked: make fuzz ARGS="--seconds 600"
fuzz: $(VENV)/ready
	$(BIN)/python -m tests.fuzz $(ARGS)

# Every modem of the mock with every fault; writes docs/modems.md: make matrix ARGS="--only ec25"
matrix: $(VENV)/ready
	$(BIN)/python -m tests.matrix $(ARGS)

# What is drawn from the code: the diagram of what decides, the udev rules, ipad.toml and its manual.
docs: $(VENV)/ready
	$(BIN)/python -m modem.udev_rules > udev/79-ipad-modemmanager.rules
	$(BIN)/python -m ipad.connectivity.diagram > docs/decide.md
	$(BIN)/python tools/config_reference.py

# The Debian packages, in build/deb: needs Debian's own tools, installed if root asks.
deb:
	debian/make-deb $(ARGS)

# The packaged daemon as an operator meets it, in a Debian of its own: root only.
system-test:
	system-test/run $(ARGS)

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@

clean:
	rm -rf $(VENV) .venv-debian build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
