# All that `make demo` and `make test` need is Python >= 3.11 and make.

PYTHON ?= $(shell for each in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$each -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$each && break; done)
BIN := .venv/bin
INSTALLED := .venv/installed
# The development environment has all that the demo needs; without it, a few packages are enough.
DEMO := $(if $(wildcard $(INSTALLED)),.venv,.venv-demo)
DEMO_INSTALLED := $(if $(wildcard $(INSTALLED)),,.venv-demo/installed)
PYTEST := $(BIN)/python -m pytest
COVERED := rm -f .coverage .coverage.*; \
	$(PYTEST) --numprocesses=logical --dist=loadgroup --cov --cov-report=term-missing --cov-fail-under=100
SHOWN := build/shown
WORKFLOWS = .github/workflows/*.yml $(SHOWN)/.github/workflows/*.yml

.PHONY: help demo quick test test-all simulate bench mutants lint generated docs summary-image recording audit release-dry-run format lock clean lint-python

help:
	@echo 'make demo    run the actions for real against embedded stand-ins for AWS and GitHub'
	@echo 'make quick   run the unit and contract tests, ruff, mypy and the import rules (a minute)'
	@echo 'make test    run all tests that need only Python, with complete branch coverage (less than ten minutes);'
	@echo '             T=path runs one file, folder or test'
	@echo 'make test-all  run the rest as well: containers, DynamoDB Local, act, the AWS CLI, the benchmark'
	@echo 'make simulate  crash, fail and interfere at every call (BUDGET=nightly: all combinations)'
	@echo 'make bench   measure what runs cost: seconds, memory and calls (docs/performance.md)'
	@echo 'make mutants change the pure modules one expression at a time, and list the changes that no unit test notices'
	@echo 'make lint    check style, types, shell, workflows and import rules'
	@echo 'make generated  write what repeats facts of the program: pages, policies, action.yml'
	@echo 'make docs    build the documentation site, strictly, into build/site'
	@echo 'make summary-image  take the picture of a job summary for docs/how-it-works.md (needs Chromium)'
	@echo 'make recording  record plan, apply and a build for the README (docs/images/recording.svg)'
	@echo 'make audit   ask for known vulnerabilities of the pinned packages'
	@echo 'make release-dry-run  do all of a release except push, signature and attestation (VERSION=1.2.3)'
	@echo 'make format  format the code'
	@echo 'make lock    resolve the dependencies of pyproject.toml again, with hashes'
	@echo 'make clean   delete everything that these commands made'

demo: $(DEMO_INSTALLED)
	@$(DEMO)/bin/python -m tools.demo

# The contract tests include the import rules.
quick: lint-python
	$(PYTEST) --numprocesses=logical tests/unit tests/contract

test: $(INSTALLED)
ifdef T
	$(PYTEST) $(T)
else
	$(COVERED) -m 'not ci'
	@$(BIN)/python -m tests.suites
endif

# Instances mostly wait, so six of them run on two cores. FLAGS are pytest's.
test-all: $(INSTALLED)
	$(COVERED) --ignore=tests/instance $(FLAGS)
	$(PYTEST) --numprocesses=6 tests/instance

simulate: $(INSTALLED)
	REFRESH_BUDGET=$(or $(BUDGET),push) $(PYTEST) --numprocesses=logical --dist=worksteal --timeout=7200 $(FLAGS) tests/simulation $(if $(filter nightly,$(BUDGET)),tests/scale)

bench: $(INSTALLED)
	@$(BIN)/python -m tools.bench

mutants: $(INSTALLED)
	$(BIN)/mutmut run
	$(BIN)/mutmut results
	@echo '$(BIN)/mutmut show NAME prints what a surviving mutant changes'

# SC2034 and SC2016: the rendered header is part of a program and holds text that must not be expanded.
lint: lint-python
	$(BIN)/shellcheck --shell=bash --exclude=SC1091,SC2154 refresh/agent/*.sh tests/instance/stubs/*.sh tests/instance/system/*
	$(BIN)/shellcheck --exclude=SC1091 tests/unit/agent/golden/plain.sh
	$(BIN)/shellcheck --shell=bash --exclude=SC2016,SC2034 tests/unit/agent/golden/hostile-header.sh
	$(BIN)/shellcheck .ci/run .ci/engine tools/image/environment.sh composite/launch.sh
	$(BIN)/python -m tests.gates.shown $(SHOWN)
	$(BIN)/shellcheck $(SHOWN)/steps/*.sh
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions action.yml composite/action.yml provision/action.yml release/action.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows $(WORKFLOWS)
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/idea.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/zizmor --offline --quiet --persona pedantic --config zizmor.yml --strict-collection \
		action.yml composite/action.yml provision/action.yml release/action.yml .github $(SHOWN)/.github/workflows
	@if command -v actionlint >/dev/null; then actionlint -shellcheck=$(BIN)/shellcheck $(WORKFLOWS); \
		elif [ -n "$$REFRESH_ALL_SUITES" ]; then echo 'actionlint is missing' >&2; exit 1; \
		else echo 'left out: actionlint (https://github.com/rhysd/actionlint) is missing'; fi
	$(BIN)/cfn-lint docs/cloudformation/refresh.yaml
	@if command -v terraform >/dev/null; then TF_CLI_CONFIG_FILE=/dev/null terraform fmt -check -diff -recursive docs/terraform; fi
	$(BIN)/hadolint Dockerfile tests/container/servers.Dockerfile tests/instance/Dockerfile
	$(PYTEST) -q --no-header tests/contract/test_import_rules.py

lint-python: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/vermin --quiet --no-tips --violations --target=3.9- refresh/agent/program.txt

generated: $(INSTALLED)
	@$(BIN)/python -m tools.generated

docs: $(INSTALLED)
	$(BIN)/python -m tools.docs.site

summary-image: $(INSTALLED)
	@$(BIN)/python -m tools.docs.summary_image

recording: $(DEMO_INSTALLED)
	@$(DEMO)/bin/python -m tools.docs.recording

# Needs a Docker engine that has the base image or reaches a registry.
release-dry-run: $(INSTALLED)
	@test -n '$(VERSION)' || { echo 'Name the version: make release-dry-run VERSION=1.2.3' >&2; exit 2; }
	@docker version >/dev/null 2>&1 || { echo 'A Docker engine is needed and was not found (on Debian: .ci/engine starts one).' >&2; exit 1; }
	@$(BIN)/python -m tools.publishing dry-run '$(VERSION)'

audit: $(INSTALLED)
	@$(BIN)/python -m tests.gates.audit

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# uv resolves for every supported Python at once; its output names no registry.
lock: $(INSTALLED)
	$(BIN)/pip install --quiet uv
	echo setuptools | $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-annotate --custom-compile-command 'make lock' - -o requirements/build.txt
	for each in runtime development; do \
		extra=$$([ $$each = development ] && echo --extra=development); \
		$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate \
			--custom-compile-command 'make lock' $$extra pyproject.toml -o requirements/$$each.txt || exit 1; \
	done
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate \
		--custom-compile-command 'make lock' --extra=demo --constraint requirements/development.txt pyproject.toml -o requirements/demo.txt

# The lock is complete. Without --no-deps pip would look for newer versions of packages that are named with an extra.
$(INSTALLED): requirements/development.txt
.venv-demo/installed: requirements/demo.txt
$(INSTALLED) .venv-demo/installed:
	@test -n '$(PYTHON)' || { echo 'Python 3.11 or newer with its venv module is needed and was not found' \
		'(on Debian and Ubuntu: apt-get install python3 python3-venv; otherwise set PYTHON=/path/to/python3).' >&2; exit 1; }
	@echo 'Installing the pinned packages into $(@D) (once) ...'
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $< || { \
		echo 'The packages could not be installed: is the Python package registry reachable from here?' >&2; exit 1; }
	@touch $@

clean:
	rm -rf .venv .venv-demo mutants .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
