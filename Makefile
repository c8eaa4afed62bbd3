# Two commands are all a newcomer needs: `make rehearsal` and `make test`. Each sets itself up.
SHELL := /bin/bash
PY := .venv/bin/python
# Runs and tests start many Python processes; without compiled files each of them compiles everything anew.
unexport PYTHONDONTWRITEBYTECODE
BENCHES := bench-client bench-lateness bench-stall bench-people bench-assess bench-audit bench-capacity bench-gate bench-bottleneck bench-extrapolate bench-report

.PHONY: rehearsal test check drills lock clean $(BENCHES)

rehearsal: .venv/.ok
	@$(PY) -m thongsuot rehearse

test: check
	@command -v chromium >/dev/null || timeout 600 sh -c "apt-get update && apt-get install -y --no-install-recommends chromium" >/dev/null 2>&1; \
	  command -v chromium >/dev/null || { export THONGSUOT_NO_BROWSER=1; \
	    echo "Chromium is not here and cannot be installed: THE TESTS IN A BROWSER ARE LEFT OUT"; }; \
	  $(PY) -m pytest -n 2 --dist worksteal tests

check: .venv/.ok
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@PYTHONPATH=. .venv/bin/lint-imports

drills: .venv/.ok
	@ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || { apt-get update && apt-get install -y postgresql; } >/dev/null 2>&1 \
	  || echo "PostgreSQL is not here and cannot be installed: its drills are left out"
	@$(PY) -m pytest -m long -p no:xdist -o addopts= tests; long=$$?; $(PY) -m tests.drills && exit $$long

$(BENCHES): bench-%: .venv/.ok
	@$(PY) -m bench.$*

.venv/.ok: requirements.lock pyproject.toml
	@echo "setting up: virtual environment and pinned packages (about half a minute)"
	@test -x $(PY) || python3.11 -m venv .venv
	@if $(PY) -m pip install --quiet --disable-pip-version-check uv 2>/dev/null; then \
	  .venv/bin/uv pip sync --quiet --python $(PY) --require-hashes --only-binary :all: requirements.lock; \
	else \
	  $(PY) -m pip install --quiet --require-hashes --only-binary :all: -r requirements.lock; \
	fi
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . 2>/dev/null
	@touch $@

lock: .venv/.ok
	@.venv/bin/uv pip compile --quiet pyproject.toml --extra dev --output-file requirements.lock --generate-hashes \
	  --no-annotate --no-header --only-binary :all: --python-version 3.11

clean:
	rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis runs
