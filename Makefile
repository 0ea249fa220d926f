# Two commands for a fresh machine: `make build` and `make test`. Each sets up what it needs; ./bootstrap has the list.
# `make help` lists the targets by what follows `##`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Ansible refuses to start where the locale of the environment was never generated. C.UTF-8 is part of every Debian.
OPERATORS_LC_ALL := $(LC_ALL)
export LC_ALL := C.UTF-8

.PHONY: help build monitor shapes test test-long unit lint docs fmt hooks bench clean machine-build machine-test
.DEFAULT_GOAL := help
# So that the packages are there before what needs them.
.NOTPARALLEL:

help: ## show this list
	@sed -nE 's/^([a-z-]+):.* ## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 12 | sed 's/^/make /'

# Named here, because Ansible reads no ansible.cfg of a folder that others may write to.
build: export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
build: $(VENV)/.controller ## build what the inventory names, and publish it
	ansible-playbook build.yml

# The locale is the operator's, because it says what their terminal can show. Over SSH: ssh -t controller make -C wheelfleet monitor
monitor: $(if $(wildcard $(VENV)/.controller),,$(VENV)/.controller) ## watch any run, and hold its reins; STATE=folder if it is not the inventory's
	@env $(if $(OPERATORS_LC_ALL),LC_ALL=$(OPERATORS_LC_ALL),-u LC_ALL) PYTHONPATH=module_utils python -m wheelfleet.monitor --state "$(STATE)"

shapes: $(if $(wildcard $(VENV)/.controller),,$(VENV)/.controller) ## what the logs of unexplained failures say most; STATE=folder as for monitor
	@PYTHONPATH=module_utils python -m wheelfleet.monitor.log_shapes --state "$(STATE)" $(SHAPES_ARGS)

# In one process more than there are cores, because the one with the booted hosts mostly waits; PYTEST_ARGS chooses some.
test: machine-test $(VENV)/.dev ## all tests but the long ones; the better part of an hour
	@python -m tests -n $$(( $$(nproc) + 1 )) --dist loadscope --no-loadscope-reorder -m "not long" $(PYTEST_ARGS)

# What takes minutes each, up to a quarter of an hour: an armv7l builder under emulation, numpy, and the slowest of the
# booted hosts. Not among the others, which CI has an hour for.
test-long: machine-test $(VENV)/.dev ## the tests that take minutes each, and the booted hosts on Debian 12 and 13
	@python -m tests -m long
	@for suite in bookworm trixie; do FLEET_SUITE=$$suite python -m tests -m "not long" tests/fleet || exit; done

unit: $(VENV)/.dev ## the quick tests; PYTEST_ARGS chooses some of them
	@pytest -q -n auto --dist loadscope -m "not slow" tests/unit $(PYTEST_ARGS)

lint: $(VENV)/.dev ## what CI checks: style, types, YAML, Ansible, documentation
	@pytest -q tests/checks

docs: export PYTHONPATH := module_utils
docs: $(VENV)/.dev ## write the tables that are made: contract, schema, variables, platforms
	python -m tests.support.contract_tables
	python -m tests.support.schema_docs
	python -m tests.support.role_docs
	python -m tests.support.platforms

fmt: $(VENV)/.dev ## format Python and mend what ruff can mend
	ruff check --fix .
	ruff format .

hooks: $(VENV)/.dev ## have git check each commit (.pre-commit-config.yaml)
	pre-commit install

bench: machine-test $(VENV)/.dev ## measure; an hour or more
	python -m benchmarks

# What is missing is said there, and whatever can do without it goes on.
machine-build:
	@./bootstrap build || :

machine-test:
	@./bootstrap test || :

$(VENV)/.controller: requirements.txt | machine-build
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else "wheelfleet needs Python 3.11 or newer on the controller, %s is %d.%d; name another: make PYTHON=/path/to/python3" % (sys.executable, v[0], v[1]))'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/.dev: $(VENV)/.controller requirements-dev.txt
	pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

clean: ## remove the environment and the state of the local inventory
	rm -rf $(VENV) var
