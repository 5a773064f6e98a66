# Everything goes through .venv, made on first use from nothing but Python 3.11+ and pip: --without-pip, because Debian
# keeps ensurepip in a package of its own (python3-venv); the system's pip installs into .venv from outside.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
JOBS   ?= 4 # two a core on CI's machine: most tests wait for hosts

.PHONY: demo test test-systemd faults mutants check bench soak picture docs lock clean

$(READY): pyproject.toml
	$(PYTHON) -m venv --without-pip $(VENV)
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $(READY)

demo: $(READY)        ## an embedded fleet of 8 hosts and a window to try everything on
	$(BIN)/upgrade-tui demo

test: $(READY)        ## every test this machine can run
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup

test-systemd: $(READY) ## what needs hosts with systemd: boots them, needs root, debootstrap and systemd-container
	$(BIN)/python -m pytest tests/systemd

faults: $(READY)      ## faults put into a copy of the program, each of which a named test must find: about a minute
	$(BIN)/python -m tests.faults

mutants: $(READY)     ## faults drawn by a seed: how many do a folder's own tests find? hours. ARGS="--seed 1 --count 100"
	$(BIN)/python -m tests.mutation $(ARGS)

check: $(READY)       ## style, types, architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)       ## the measured promises, side by side with the alternatives
	$(BIN)/python -m bench

soak: $(READY)        ## 1,000 kills and 1,000 cuts under whole windows: up to two hours, needs root
	$(BIN)/python -m tests.soak

picture: $(READY)     ## the README's picture of the dashboard
	$(BIN)/python -m docs.picture

docs: $(READY)        ## the tables of docs/plan-file.md, from what the plan's keys say of themselves
	$(BIN)/python -m docs.plan_keys

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
