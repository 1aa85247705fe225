# MedCRM: make demo · make test · make smoke (see README.md)
PYTHON ?= $(firstword $(foreach p,python3.11 python3.12 python3.13 python3,$(shell command -v $(p) 2>/dev/null)))
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: demo test smoke setup reset lint lock

demo: setup
	@exec $(BIN)/python -m medcrm.demo

test: setup lint
	@.ci/has-browser || true
	$(BIN)/python -m pytest -n 2 --dist loadgroup

smoke: setup
	@exec $(BIN)/python -m medcrm.smoke

setup: $(STAMP)

$(STAMP): requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "MedCRM needs Python 3.11 or newer; name it with PYTHON=…")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $(STAMP)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	@env DEBUG=off INSECURE_HTTP=off ALLOWED_HOSTS=crm.example.org $(BIN)/python manage.py check --deploy --fail-level WARNING

reset:
	rm -rf .medcrm
	@echo "The demo's data is gone; “make demo” makes it anew."

lock:
	$(BIN)/pip-compile --quiet --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --output-file requirements.txt requirements.in
	$(BIN)/pip-compile --quiet --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --output-file requirements-dev.txt requirements-dev.in
