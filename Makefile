# make run    the gateway at work: simulated API, gateway, sample clients (UPSTREAM=https://… for a real API instead)
# make stack  the same demo with a Prometheus and an Alertmanager beside it, all rules loaded (docs/stack.md)
# make test   lint, format, types, every test; sets up all it needs, without root
# make test-all   and what is too heavy for every run
# make compiled   a wheel with compiled modules, in .cache/compiled (wants a C compiler); images and make bench use it
# make docs   docs/telemetry.md and docs/settings.md anew, from the catalogue of names and from gateway/config.py
# make chart   the chart's README and values.schema.json anew, from its values.yaml and the settings
# make dashboards   dashboards/json and the chart's copy of it anew, from the code
# make pictures   docs/dashboards anew: two minutes of traffic, scraped by a Prometheus, and the dashboards drawn from it
# make scale   the tables of docs/scale.md anew, from the figures there are (ten minutes)
# make rules   config/rules anew, from the chart's rules and config/alerts.toml
# make bench   what the gateway costs, beside nginx and others (about an hour); make bench-quick: under 3 minutes

PYTHON ?= python3
PYTEST_FLAGS ?=
BIN := .venv/bin
INSTALLED := .venv/installed
TOOLS := .cache/tools/fetched
COMPILED := .cache/compiled/installed
BENCH_TOOLS := .cache/bench/tools/fetched
IMAGE_TOOLS := .cache/image/fetched
BENCH_FLAGS ?=
STACK_FLAGS ?=
FORWARDING_TESTS := tests/conformance tests/e2e tests/exact
BESIDE := tests/tools/beside.sh
CC_FOUND := $(shell command -v cc 2>/dev/null)
# Folders with a lock of npm: the SDK, and the types of custom resources that the chart makes.
JS := tests/sdk/js tests/helm/js
JS_INSTALLED := $(JS:%=%/node_modules/.package-lock.json)
UV := .cache/uv/bin/uv
COMPILE = $(UV) pip compile --quiet --upgrade --generate-hashes --no-header --no-annotate --universal --python-version 3.11
# The SDK of an older generation that every run of the tests plays (tests/sdk/generations.py).
OLD_SDK := 2.8.0

# A variable of this machine must not decide what the tests see.
unexport PYTHONPATH

.PHONY: run stack test test-all compiled docs scale bench bench-quick lint format lock clean chart dashboards rules
.PHONY: pictures

run: $(INSTALLED)
	@$(BIN)/interactions-gateway demo $(if $(UPSTREAM),--upstream $(UPSTREAM))

stack: $(INSTALLED) $(TOOLS)
	@$(BIN)/python -m tests.stack $(STACK_FLAGS)

# What is proven of forwarding, over the fast path, the plain one and the compiled build; all other tests beside it.
test: lint $(TOOLS) $(JS_INSTALLED) $(if $(CC_FOUND),$(COMPILED))
	$(BESIDE) .cache/forwarding.log \
		"$(BIN)/pytest $(PYTEST_FLAGS) $(FORWARDING_TESTS:%=--ignore %)" \
		"$(BIN)/pytest $(PYTEST_FLAGS) $(FORWARDING_TESTS) && \
		$(BIN)/pytest $(PYTEST_FLAGS) --path plain $(FORWARDING_TESTS) && \
		$(if $(CC_FOUND),$(BIN)/pytest $(PYTEST_FLAGS) --build compiled $(FORWARDING_TESTS),echo no C compiler: the compiled build is not tested)"

# The image is built by root from this machine's Debian packages; that test fails for anybody else.
test-all: lint $(TOOLS) $(IMAGE_TOOLS) $(JS_INSTALLED) $(COMPILED)
	$(BIN)/pytest --heavy $(PYTEST_FLAGS)
	$(BIN)/pytest --heavy $(PYTEST_FLAGS) --path plain $(FORWARDING_TESTS)
	$(BIN)/pytest --heavy $(PYTEST_FLAGS) --build compiled $(FORWARDING_TESTS) tests/sdk tests/pressure

# The build that is measured, and that images carry. It wants a C compiler; what it can't have it does without.
compiled: $(COMPILED)

scale: $(INSTALLED)
	$(BIN)/python -m tests.scale sweep
	$(BIN)/python -m tests.scale page

bench: $(COMPILED) $(BENCH_TOOLS)
	$(BIN)/python -m tests.bench $(BENCH_FLAGS)

bench-quick: $(COMPILED) $(BENCH_TOOLS)
	$(BIN)/python -m tests.bench --quick $(BENCH_FLAGS)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(INSTALLED)
	$(BIN)/python -m gateway.telemetry.reference > docs/telemetry.md
	$(BIN)/python -m gateway.settings_page > docs/settings.md

chart: $(INSTALLED)
	$(BIN)/python -m helm.reference

dashboards: $(INSTALLED)
	$(BIN)/python -m dashboards

pictures: $(INSTALLED) $(TOOLS)
	$(BIN)/python -m tests.observed

rules: $(INSTALLED)
	$(BIN)/python -m dashboards.rules

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Versions and hashes only: which index they come from is the machine's business.
lock: $(UV)
	$(COMPILE) pyproject.toml --group dev -o requirements.lock
	$(COMPILE) pyproject.toml --constraint requirements.lock -o config/locks/runtime.lock
	printf '%s\n' hatch-mypyc hatchling mypy setuptools | $(COMPILE) - --constraint requirements.lock -o config/locks/build.lock
	echo google-genai==$(OLD_SDK) | $(COMPILE) - -o tests/sdk/python/google-genai-$(OLD_SDK).lock
	set -e; for folder in $(JS); do \
		rm -rf .cache/npm-lock; \
		mkdir -p .cache/npm-lock; \
		cp $$folder/package.json $$folder/.npmrc .cache/npm-lock; \
		npm install --package-lock-only --ignore-scripts --loglevel=error --prefix .cache/npm-lock; \
		$(PYTHON) tests/tools/bare_npm_lock.py .cache/npm-lock/package-lock.json $$folder/package-lock.json; \
	done

clean:
	rm -rf .venv .cache build dist $(JS:%=%/node_modules)

# Made anew when the lock changes, so that nothing stays behind that the lock doesn't name.
$(INSTALLED): requirements.lock pyproject.toml
	rm -rf .venv
	tests/tools/make_venv.sh $(PYTHON) .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# A wheel with compiled modules (built from a copy, where they would shadow the sources), in an environment of its own before the packages of .venv.
$(COMPILED): $(INSTALLED) config/pricing.toml $(wildcard gateway/*.py gateway/*/*.py gateway/*/*/*.py)
	rm -rf .cache/compiled
	tests/tools/make_venv.sh $(PYTHON) .cache/compiled
	mkdir .cache/compiled/source
	cp -r gateway config pyproject.toml README.md LICENSE .cache/compiled/source
	HATCH_BUILD_HOOKS_ENABLE=1 $(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps \
		--no-build-isolation --wheel-dir .cache/compiled/wheel .cache/compiled/source
	rm -rf .cache/compiled/source
	.cache/compiled/bin/python -m pip install --quiet --disable-pip-version-check --no-deps .cache/compiled/wheel/*.whl
	$(BIN)/python tests/tools/behind.py .cache/compiled
	touch $@

$(TOOLS): tests/tools/fetch_debs.sh Makefile
	tests/tools/fetch_debs.sh .cache/tools prometheus promtool prometheus-alertmanager amtool
	touch $@

$(IMAGE_TOOLS): tests/tools/fetch_debs.sh
	tests/tools/fetch_debs.sh .cache/image buildah mmdebstrap
	touch $@

$(BENCH_TOOLS): tests/tools/fetch_debs.sh
	tests/tools/fetch_debs.sh .cache/bench/tools nginx haproxy
	touch $@

$(JS_INSTALLED): %/node_modules/.package-lock.json: %/package-lock.json
	npm ci --no-fund --no-audit --loglevel=error --prefix $*
	touch $@

$(UV):
	tests/tools/make_venv.sh $(PYTHON) .cache/uv
	.cache/uv/bin/python -m pip install --quiet --disable-pip-version-check uv
