# The commands of this repository, the same names everywhere. They need CPython 3.11 or newer, make and git.

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check install --quiet --no-warn-script-location
LOCK_ALONE = $(PY) -m uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url \
	--no-annotate --python-version 3.11 $(LOCK_ARGS) -
LOCK = $(LOCK_ALONE) pyproject.toml

# Each with its own lock, as they would not go with the service: what the tests of the contract generate clients with,
# and what the benchmark compares with.
CLIENTS := tests/contract
PEERS := tests/bench/peers/peers

# A .venv that is a link was made by other means: it is used as it is.
OWN := $(shell test -L $(VENV) || echo yes)
RUNTIME := $(if $(OWN),$(VENV)/.runtime)
DEV := $(if $(OWN),$(VENV)/.dev)

.DELETE_ON_ERROR:
.PHONY: help run demo test quick test-postgres-15 test-serializable test-pgbouncer soak check fix migrate openapi docs released lock migration bench bench-peers bench-growth sbom clean

help:
	@echo 'make run         start the service, with an embedded PostgreSQL unless FA_DATABASE_URL names another'
	@echo 'make demo        start the sandbox: made-up data, the same each time (FA_DEMO_DATE moves its today)'
	@echo 'make test        run every test over all cores (PYTEST_ARGS="-k votes": some, in one process)'
	@echo 'make quick       the everyday loop: all but what drives outside programs, starts servers again and again, or'
	@echo '                 goes through every operation, table and revision'
	@echo 'make test-postgres-15, test-serializable, test-pgbouncer'
	@echo '                 run what works on the database on Debian'"'"'s PostgreSQL 15, with every transaction'
	@echo '                 serializable, or through a PgBouncer in transaction mode'
	@echo 'make soak        kill the service and its database again and again under load (ROUNDS=10 times as often as make test)'
	@echo 'make check       format, lint, types, import contracts, OpenAPI document, generated documents'
	@echo 'make fix         format, and mend what the linter can'
	@echo 'make migrate     bring the database to this release'
	@echo 'make migration   write a migration from the models (m="what it does")'
	@echo 'make openapi     write openapi/openapi.json'
	@echo 'make docs        write what documents take from the code: errors, settings, states, the list of decisions'
	@echo 'make released    hold later documents against the present one: part of making a release'
	@echo 'make lock        write the lock files (LOCK_ARGS=--upgrade for newer versions)'
	@echo 'make bench       measure it against its framework and its database (BENCH_ARGS="--json figures.json")'
	@echo 'make bench-peers   measure it against PocketBase and a django-ninja app with the same rows'
	@echo 'make bench-growth  measure what ten times the rows cost, and show the plans of the queries'
	@echo 'make sbom        write build/sbom.cdx.json, the parts of the service with their versions and hashes (CycloneDX)'
	@echo 'make clean       remove the environment and caches, never the data'

run: $(RUNTIME)
	@exec $(PY) -m app serve $(ARGS)

demo: export FA_DATA_DIR := $(or $(FA_DATA_DIR),.fa-demo)
demo: export FA_DEMO_DATE := $(or $(FA_DEMO_DATE),2026-10-01)
# A host that no name server knows: a connector of the sandbox that is enabled reaches nobody.
demo: export FA_BAMBOOHR_URL := $(or $(FA_BAMBOOHR_URL),https://{company}.bamboohr.example)
demo: $(RUNTIME)
	@$(PY) -m app demo
	@exec $(PY) -m app serve $(ARGS)

migrate: $(RUNTIME)
	@$(PY) -m app migrate

openapi: $(RUNTIME)
	@mkdir -p openapi
	@$(PY) -m app openapi --output openapi/openapi.json

docs: $(RUNTIME)
	@$(PY) -m docs.generate

# Over all cores; what PYTEST_ARGS names is run by one process, whose output and debugger are at hand.
test: $(DEV)
	$(PY) -m pytest $(or $(PYTEST_ARGS),$(SPREAD))

SPREAD := --numprocesses=auto --maxprocesses=8 --dist=loadfile --no-loadscope-reorder

# What drives programs from outside, or starts servers again and again, is left for when a change is done.
NOT_QUICK := backup bench clients demo deployment docs embedded_postgres faults fuzz make server
NOT_QUICK_FILES := audit/test_chain.py integrations/roster/test_size.py jobs/test_processes.py
# So is what goes through every operation, table, revision or state, whatever was changed.
SWEEPS := contract migrations security state $(addprefix access/test_,access_matrix.py hidden.py hostile_tokens.py)
quick: $(DEV)
	$(PY) -m pytest $(SPREAD) $(addprefix --ignore=tests/,$(NOT_QUICK) $(NOT_QUICK_FILES) $(SWEEPS)) $(PYTEST_ARGS)

# What works on the run's database: the rest starts other servers, or needs none.
ON_DATABASE := $(addprefix --ignore=tests/,$(NOT_QUICK) contract scoring)

test-postgres-15: export FA_TEST_POSTGRES := 15
test-serializable: export FA_TEST_ISOLATION := serializable
test-pgbouncer: export FA_TEST_POOLER := pgbouncer
test-postgres-15 test-serializable test-pgbouncer: $(DEV)
	$(PY) -m pytest $(or $(PYTEST_ARGS),$(SPREAD) $(ON_DATABASE))

soak: export FA_TEST_ROUNDS := $(or $(ROUNDS),10)
soak: $(DEV)
	$(PY) -m pytest $(or $(PYTEST_ARGS),-rP tests/faults/test_kills.py)

check: $(DEV)
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(PY) -c 'from importlinter.cli import lint_imports_command; lint_imports_command(["--no-logo"])'
	@$(PY) -m app openapi | diff -u openapi/openapi.json - || \
		{ echo 'openapi/openapi.json is not what the code says: run make openapi' >&2; exit 1; }
	@$(PY) -m docs.generate --check

fix: $(DEV)
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

migration: $(DEV)
	@test -n "$(m)" || { echo 'say what it does: make migration m="add a table of …"' >&2; exit 1; }
	$(PY) -m app migrate
	$(PY) -m app with-database -- $(PY) -m alembic revision --autogenerate -m "$(m)" \
		--rev-id "$$(printf %04d $$(($$(ls migrations/versions/*.py | wc -l) + 1)))"
	$(PY) -m ruff format --quiet migrations/versions

# What a release promises is what later documents are held against: run this when a release is made.
released: check
	cp openapi/openapi.json openapi/released.json

# The runtime lock holds the build tools too, so that the package itself is installed without another download.
lock: $(DEV)
	printf 'hatchling\neditables\n' | $(LOCK) --output-file constraints.lock
	printf 'hatchling\neditables\n' | $(LOCK) --extra otel --constraints constraints.lock --output-file constraints-otel.lock
	printf 'hatchling\neditables\n' | $(LOCK) --extra otel --extra dev --constraints constraints-otel.lock \
		--output-file constraints-dev.lock
	printf 'openapi-python-client>=0.29,<0.30\nmypy>=2.4\n' | $(LOCK_ALONE) --output-file $(CLIENTS)/python-client.lock
	npm install --prefix $(CLIENTS) --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund
	printf 'django\ndjango-ninja\ngunicorn\npocketbase-bin\npsycopg[binary]\n' | $(LOCK_ALONE) --output-file $(PEERS).lock

bench: $(RUNTIME)
	@$(PY) -m tests.bench $(BENCH_ARGS)

bench-growth: $(RUNTIME)
	@$(PY) -m tests.bench --growth $(BENCH_ARGS)

bench-peers: $(RUNTIME) .fa-bench/peers/.made
	@$(PY) -m tests.bench --peers .fa-bench/peers/bin $(BENCH_ARGS)

# What the service is compared with, in a separate environment.
.fa-bench/peers/.made: $(PEERS).lock | $(VENV)/.made
	@echo 'Installing what the service is compared with …'
	@$(PY) -m venv --clear $(@D)
	@$(@D)/bin/python -m pip --disable-pip-version-check install --quiet --no-warn-script-location \
		--require-hashes --no-deps --requirement $<
	@touch $@

# Every package of constraints.lock; the image leaves out the embedded server and what builds the package.
sbom: $(DEV)
	@mkdir -p build
	@$(PY) -W ignore::UserWarning -m cyclonedx_py requirements --pyproject pyproject.toml --mc-type application --output-reproducible \
		--of JSON --output-file build/sbom.cdx.json constraints.lock
	@echo 'build/sbom.cdx.json'

clean:
	rm -rf build dist *.egg-info .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find app migrations tests -name __pycache__ -prune -exec rm -rf {} +
	rm -rf .venv-clients .venv-clients.lock $(CLIENTS)/node_modules
	$(if $(OWN),rm -rf $(VENV))

# PYTHON=… names the interpreter; otherwise the first of these that is new enough and can make an environment.
$(VENV)/.made:
	@$(PY) -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		for python in $(or $(PYTHON),python3.13 python3.12 python3.11 python3); do \
			"$$python" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
				&& exec "$$python" -m venv --clear $(VENV); \
		done; \
		echo 'CPython 3.11 or newer with venv and ensurepip is needed and was not found$(if $(PYTHON), at $(PYTHON));' \
			'on Debian: apt install python3-venv. Another one: make PYTHON=/path/to/python3' >&2; \
		exit 1; }
	@touch $@

# The locks are whole, so pip has nothing to resolve; left to itself it looks for newer releases of what an extra names.
$(VENV)/.runtime: constraints.lock pyproject.toml | $(VENV)/.made
	@echo 'Installing what the service needs …'
	@$(PIP) --require-hashes --no-deps --requirement constraints.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: constraints-dev.lock constraints.lock pyproject.toml | $(VENV)/.made
	@echo 'Installing what the service and its tests need …'
	@$(PIP) --require-hashes --no-deps --requirement constraints-dev.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $(VENV)/.runtime $@
