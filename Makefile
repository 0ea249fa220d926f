# Two commands for a fresh machine: `make build` and `make test`. Each sets up what it needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: build test test-long lint bench clean sandbox

build: $(VENV)/.controller sandbox
	ansible-playbook build.yml

# On all cores, the quick tests first; PYTEST_ARGS chooses some of them.
test: $(VENV)/.dev sandbox
	pytest -n auto --dist loadscope --no-loadscope-reorder -m "not long" $(PYTEST_ARGS)

# What takes minutes each, up to a quarter of an hour: an armv7l builder under emulation, numpy, and the slowest of the
# booted hosts. Not among the others, which CI has an hour for.
test-long: $(VENV)/.dev sandbox
	pytest -m long

lint: $(VENV)/.dev
	pytest tests/checks

bench: $(VENV)/.dev
	python -m benchmarks

# What builds on this machine are kept apart by. Builds elsewhere go on without it; a run says where it is missing.
sandbox:
	@command -v bwrap >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && apt-get -qq update && apt-get -qq install --no-install-recommends -y bubblewrap >/dev/null; } \
	  || echo "Builds on this machine need bubblewrap, their sandbox; on Debian: apt-get install bubblewrap" >&2

$(VENV)/.controller: requirements.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else "wheelfleet needs Python 3.11 or newer on the controller, %s is %d.%d; name another: make PYTHON=/path/to/python3" % (sys.executable, v[0], v[1]))'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/.dev: $(VENV)/.controller requirements-dev.txt
	pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

clean:
	rm -rf $(VENV) var
