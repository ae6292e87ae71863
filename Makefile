# `make help` lists the targets: whatever has a sentence behind ##.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8080

# Only wheels, only of the hashes that were locked: no code of a dependency runs while it is installed.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
LOCKED := $(INSTALL) --require-hashes --only-binary=:all:
INSTALL_SELF := $(INSTALL) --no-deps --no-build-isolation -e .
LOCKS := $(addsuffix .txt,$(addprefix requirements/,build dev runtime sbom))
# One resolution for every Python and platform; `make lock UPGRADE=` keeps the versions that still fit.
UPGRADE ?= --upgrade
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --only-binary=:all: \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'
# npm and its Node, of the environment. Nothing that is installed runs code while it is.
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm --silent --ignore-scripts
APPS := tests/backstage_app
AUDIT := $(BIN)/pip-audit --strict --disable-pip --require-hashes --progress-spinner off

.DEFAULT_GOAL := help
.PHONY: help demo check fast test built lint style types format hooks reference screenshots soak bench newcomer figures lock audit sbom release plugin clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.runtime ## Serve the sidecar on a simulated Litmus, on http://127.0.0.1:8080 (PORT=8123 for another)
	@exec $(BIN)/litmus-sidecar demo --port $(PORT)

# Byte code is kept, whatever the environment says: every worker imports everything, and many tests start processes.
check fast test: export PYTHONDONTWRITEBYTECODE :=

# The quick loop: what is held without a run, and the tests that start nothing. Those with a whole service are not
# even imported.
check: style ## Lint, types, layers and the fast tests: the loop of a minute
	@$(MAKE) --no-print-directory -j 2 --output-sync=target types fast

fast: $(VENV)/.dev ## The fast tests alone
	$(BIN)/pytest -n auto --dist worksteal -m fast --hypothesis-profile quick --ignore tests/e2e --ignore tests/benchmarks

# Everything. Types are checked beside what npm and Go build. Tests of whole services wait more than they compute, so
# six share two cores.
test: $(VENV)/.dev ## Lint, types, layers and all tests, as CI does
	@$(MAKE) --no-print-directory -j 2 --output-sync=target built lint
	$(BIN)/pytest -n $$(( 3 * $$(nproc 2>/dev/null || echo 2) )) --dist worksteal

# First what takes longest.
built: build/plugin.tgz $(APPS)/dist/.built tests/node/node_modules/.package-lock.json $(BIN)/helm ## Build what tests start that is not Python

lint: style types ## Lint, types and layers alone

style: $(VENV)/.dev ## Lint and layers alone
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

# What changed in a much used module has mypy look at much: `make check` tests on the other core meanwhile.
types: $(VENV)/.dev ## Types alone
	$(BIN)/mypy

# The long, random forms of the loops that `make test` runs short.
soak: $(VENV)/.dev ## The random loops of the tests, long
	LITMUS_SIDECAR_SOAK=1 $(BIN)/pytest -n auto

# Twenty minutes to an hour on two cores: a thousand projects of fifty experiments are waited for until they are at rest.
# BENCH=--huge adds 5,000 projects and a million runs.
bench: $(VENV)/.dev ## Measure on this machine: tables, and build/bench.json
	$(BIN)/python -m benchmarks.bench $(BENCH)

# Types what the README and the tutorial say, in a clone of what is committed.
newcomer: $(VENV)/.dev ## Play the newcomer with a clock: from a fresh clone, and from the wheel, to the plugin's answers
	$(BIN)/python -m benchmarks.newcomer

# `make bench figures` renews them all.
figures: $(VENV)/.dev ## Take the figures of the last `make bench` into the pages
	cp build/bench.json docs/figures/bench.json
	PYTHONPATH=. $(BIN)/python docs/make_performance.py

# What stands in docs/ and is made from the code.
reference: $(VENV)/.dev ## Write the generated pages of docs/reference
	$(BIN)/python docs/make_configuration_reference.py
	$(BIN)/python docs/make_command_reference.py
	$(BIN)/python docs/make_finding_reference.py

screenshots: $(VENV)/.dev $(APPS)/dist/.built ## Take the pictures of the documentation from the demo (needs chromium)
	$(BIN)/python docs/make_screenshots.py
	PYTHONPATH=. $(BIN)/python docs/make_plugin_screenshots.py

format: $(VENV)/.dev ## Correct what ruff can correct
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

hooks: $(VENV)/.dev ## Install the hooks of git that lint before a commit
	$(BIN)/pre-commit install

# The lock files of what pyproject.toml names, at the newest versions that fit it.
lock: $(VENV)/.dev ## Renew requirements/ (UPGRADE= keeps the versions that still fit)
	$(COMPILE) $(UPGRADE) --extra dev --group build --group sbom pyproject.toml --output-file requirements/dev.txt
	$(COMPILE) --constraint requirements/dev.txt --extra otel pyproject.toml --output-file requirements/runtime.txt
	$(COMPILE) --constraint requirements/dev.txt --group build --output-file requirements/build.txt
	$(COMPILE) --constraint requirements/dev.txt --group sbom --output-file requirements/sbom.txt

# Known advisories of everything locked, and of the oldest versions that pyproject.toml allows. What cannot be
# looked up fails.
audit: $(VENV)/.dev ## Look up known advisories of all that is locked
	for lock in $(LOCKS); do echo "== $$lock"; $(AUDIT) --requirement $$lock || exit 1; done
	mkdir -p build
	$(COMPILE) --upgrade --resolution lowest-direct --extra otel pyproject.toml --output-file build/lowest.txt
	$(AUDIT) --requirement build/lowest.txt

# The bill of materials of the image's environment: build/sbom.cdx.json.
sbom: $(VENV)/.dev ## Write the bill of materials of the image, build/sbom.cdx.json
	rm -rf build
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir build/wheels .
	$(BIN)/python -m venv --without-pip build/image
	$(BIN)/python -m pip --python build/image/bin/python install --quiet --require-hashes --only-binary=:all: \
		-r requirements/runtime.txt
	$(BIN)/python -m pip --python build/image/bin/python install --quiet --no-deps build/wheels/*.whl
	$(BIN)/cyclonedx-py environment --output-reproducible --pyproject pyproject.toml \
		--output-file build/sbom.cdx.json build/image/bin/python

# Begins and ends with the judgement whether HEAD is that version. The wheel is made of the source distribution; the time
# in it is the commit's. Signing and uploading are left to whoever releases.
release: $(VENV)/.dev ## Build wheel, source distribution and bill of materials of a tagged commit into dist/
	@$(BIN)/python deploy/release.py >/dev/null
	$(MAKE) sbom
	rm -rf dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m build --no-isolation --outdir dist
	$(BIN)/twine check --strict dist/*
	cp build/sbom.cdx.json dist/
	@$(BIN)/python deploy/release.py

clean: ## Remove the environment and what tools left
	rm -rf $(VENV) tests/node/node_modules $(APPS)/node_modules $(APPS)/dist plugin/node_modules plugin/dist build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: pyproject.toml requirements/build.txt requirements/runtime.txt | $(VENV)/bin/python
	$(LOCKED) -r requirements/build.txt -r requirements/runtime.txt
	$(INSTALL_SELF)
	touch $@

$(VENV)/.dev: pyproject.toml requirements/dev.txt | $(VENV)/bin/python
	$(LOCKED) -r requirements/dev.txt
	$(INSTALL_SELF)
	touch $@ $(VENV)/.runtime

# What the plugin computes with in browsers, for the tests that compare with it.
tests/node/node_modules/.package-lock.json: tests/node/package-lock.json | $(VENV)/.dev
	$(NPM) ci --prefix tests/node
	touch $@

# helm and kustomize, from the versions and hashes in tests/tools, by the Go of the environment; Go keeps what it built.
$(BIN)/helm: tests/tools/go.mod tests/tools/go.sum | $(VENV)/.dev
	CGO_ENABLED=0 GOTOOLCHAIN=local $(BIN)/go build -C tests/tools -trimpath -ldflags='-s -w' -o "$(CURDIR)/$(BIN)/" tool
	touch $@

# The package for Backstage: its types, lint, tests and build, when anything of it changed.
PLUGIN := $(shell find plugin -name node_modules -prune -o -name dist -prune -o -type f -print 2>/dev/null)

plugin/node_modules/.package-lock.json: plugin/package-lock.json | $(VENV)/.dev
	$(NPM) ci --prefix plugin
	touch $@

plugin/node_modules/.checked: plugin/node_modules/.package-lock.json $(PLUGIN)
	$(NPM) run check --prefix plugin
	touch $@

plugin: build/plugin.tgz ## Check the package for Backstage and pack it, build/plugin.tgz

# Packed as it is published, and installed into the two small apps.
build/plugin.tgz: plugin/node_modules/.checked
	mkdir -p build
	mv "build/$$($(NPM) pack ./plugin --pack-destination build)" $@

$(APPS)/node_modules/.package-lock.json: $(APPS)/package-lock.json | $(VENV)/.dev
	$(NPM) ci --prefix $(APPS)
	touch $@

$(APPS)/dist/.built: $(APPS)/node_modules/.package-lock.json build/plugin.tgz $(APPS)/build.mjs $(wildcard $(APPS)/src/*)
	$(NPM) install --prefix $(APPS) --no-save --prefer-offline "$(CURDIR)/build/plugin.tgz"
	$(NPM) run build --prefix $(APPS)
	touch $@
