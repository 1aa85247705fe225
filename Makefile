# README.md tells of demo, test, smoke and reset; what the other targets are for is said beside them.
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3.14 python3,$(shell command -v $(name))))
BIN := .venv/bin
# Setting up again is instant until the pinned requirements change, whatever git did to their dates.
# The demo installs what the product runs on, the checks and tests what they need beside it.
STAMP := .venv/.installed-$(shell cat requirements.txt requirements-dev.txt | cksum | tr ' ' '-')
RUN_STAMP := .venv/.runs-$(shell cksum < requirements.txt | tr ' ' '-')
LOCK := $(BIN)/pip-compile --quiet --strip-extras --no-header --no-emit-index-url --no-emit-trusted-host --no-emit-find-links
# What an operator sets at least, for “check --deploy” and the types of the models; nothing connects to these places.
PRODUCTION := DEBUG=off INSECURE_HTTP=off ALLOWED_HOSTS=crm.example.org PUBLIC_URL=https://crm.example.org DATABASE_URL=postgres://check@db.example.org/check \
	CELERY_BROKER_URL=redis://broker.example.org/0 CACHE_URL=redis://cache.example.org/1
A_KEY = SECRET_KEY="$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(50))')"

# What Python compiled is kept, also where the machine says otherwise: each of some hundred processes would compile it anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo test search smoke reset lint lock screens bench bench-consent bench-nurture bench-scoring bench-routing bench-import bench-reports bench-screens bench-walk

# The environment of Python in .venv, with the checks and tests.
setup: $(STAMP)

demo: $(RUN_STAMP)
	@exec $(BIN)/python -m medcrm.demo

test: lint
	$(BIN)/python -m pytest -n 2 --dist loadgroup

# Searches too long for every test run; before a release, and before consent changes are merged.
search: setup
	$(BIN)/python -m pytest -m long

# Every budget beside its raw baseline, one after the other: about two hours on a quiet machine.
bench: bench-walk bench-consent bench-scoring bench-routing bench-nurture bench-reports bench-screens bench-import

# Ledger, gate and lists on a scratch database.
bench-consent: setup
	$(BIN)/python -m benchmarks.bench_consent

# The walk of one lead, and its statements alone; a minute.
bench-walk: setup
	$(BIN)/python -m benchmarks.bench_walk

# Steps of sequences taken and handed to a sandbox, and one claim among a million; on a scratch database.
bench-nurture: setup
	$(BIN)/python -m benchmarks.bench_nurture

# A million leads ranked, previewed and carried to, beside raw statements; a scratch database of its own.
bench-scoring: setup
	$(BIN)/python -m benchmarks.bench_scoring

# Leads routed and "call next" asked for, on a scratch database; needs some minutes and two gigabytes of disk.
bench-routing: setup
	$(BIN)/python -m benchmarks.bench_routing

smoke: $(RUN_STAMP)
	@exec $(BIN)/python -m medcrm.smoke

reset: $(RUN_STAMP)
	@$(BIN)/python -m medcrm.embedded

# Pictures of every screen on the demo's data, light, dark and on a phone; look at them before a release.
screens: setup
	$(BIN)/python -m pytest -q -m screens tests/e2e/test_screens.py

# Style, layers, types, migrations that are missing, and what Django says of the settings of production.
lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	@env $(PRODUCTION) $(A_KEY) $(BIN)/mypy
	$(BIN)/python manage.py makemigrations --check --dry-run
	@env $(PRODUCTION) $(A_KEY) $(BIN)/python manage.py check --deploy --fail-level WARNING

# The wait for a report at a million leads, and whether the review of rules finds what was planted in a year.
bench-reports: setup
	$(BIN)/python -m benchmarks.bench_reports

# The wait for every screen at a thousand and at a million leads, and its queries; needs twenty gigabytes of disk.
bench-screens: setup
	$(BIN)/python -m benchmarks.bench_screens

# A million rows in, with planted faults, whole and killed three times; heavy, so one machine at a time.
bench-import: setup
	@$(BIN)/python -m benchmarks.bench_import

# After a change in requirements.in or requirements-dev.in.
lock: setup
	$(LOCK) --output-file requirements.txt requirements.in
	$(LOCK) --output-file requirements-dev.txt requirements-dev.in

# PostgreSQL may run as another user than the one who installs it, so everyone may read what is installed.
$(RUN_STAMP):
	@test -n "$(PYTHON)" && $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "MedCRM needs Python 3.11 or newer. Install it, or name it: make setup PYTHON=/path/to/python3"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv \
		|| { rm -rf .venv; echo "This Python cannot make virtual environments (Debian: apt-get install python3-venv)."; exit 1; }
	umask 022 && $(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@rm -f .venv/.runs*
	@touch $@

$(STAMP): $(RUN_STAMP)
	umask 022 && $(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@rm -f .venv/.installed*
	@touch $@
