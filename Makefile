# Two targets set up and run everything on a fresh machine: `make demo` and `make test`. They need Python 3.11-3.13 with venv, and make.
.DEFAULT_GOAL := help
BIN := .venv/bin
UV := .uv/bin/uv
SYNC = $(UV) sync --quiet --locked --inexact --no-python-downloads --python .uv/bin/python

# Tests start hundreds of processes: each would compile all of it anew.
unexport PYTHONDONTWRITEBYTECODE
PYTEST = PYTHONPATH=. $(BIN)/python -m pytest --numprocesses=3 --dist=loadfile --no-loadscope-reorder
# Held at 100 %, by the tests of these rooms alone: what decides who reads, what a tip is, and what is sealed. Measuring slows all else down.
PURE = tests/triage tests/routing tests/sealing tests/handlers/test_intake.py
COVERED = --cov=triage --cov=routing --cov=sealing --cov=handlers.intake --cov-report=term:skip-covered --cov-fail-under=100

.PHONY: help demo test pure whole browser check bundle runtime develop audit mutate
.PHONY: bench-load bench-sealing bench-exposure bench-second-world bench-strange-worlds bench-scale

help:
	@echo "make demo    try the line on this machine"
	@echo "make test    run all tests"
	@echo "make check   ruff, mypy, import-linter"
	@echo "make bench-load  how fast messages are taken, and 200,000 generated requests"
	@echo "make bench-sealing  what sealing costs beyond the bare operations"
	@echo "make bench-exposure  how many cases corrupt readers betray, simulated; writes docs/exposure.md"
	@echo "make bench-second-world  who reads, in a world that the draw was not made for: gates, and what leaks (a quarter of an hour)"
	@echo "make bench-strange-worlds  the same in fifteen worlds drawn at random: other ones at each run"
	@echo "make bench-scale  the draw at 100,000 people, a start from 1,000,000 outcomes"
	@echo "make mutate  take each of the gravest guards out, and see its test fail"
	@echo "make bundle  build the browser files again (needs node and npm)"

demo: runtime
	@$(BIN)/tipline demo

test: pure whole

pure: develop
	@$(PYTEST) $(COVERED) $(PURE)

whole: develop browser pure
	@$(PYTEST) $(addprefix --ignore=,$(PURE))

browser:
	@./.ci/browser

check: develop
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench-load: develop
	@PYTHONPATH=. $(BIN)/python -m benchmarks.load
	@PYTHONPATH=. $(BIN)/python -m benchmarks.requests

bench-sealing: develop
	@PYTHONPATH=. $(BIN)/python -m benchmarks.sealing

bench-exposure: develop
	@PYTHONPATH=. $(BIN)/python -m benchmarks.exposure

bench-second-world: develop
	@PYTHONPATH=. $(BIN)/python -m benchmarks.second_world

bench-strange-worlds: develop
	@PYTHONPATH=. $(BIN)/python -m benchmarks.second_world --strange 15

bench-scale: develop
	@PYTHONPATH=. $(BIN)/python -m benchmarks.scale

mutate: develop
	@PYTHONPATH=. $(BIN)/python -m tests.attacks.mutate

bundle:
	desk/src/build.sh

audit: develop
	@$(BIN)/pip-audit

runtime: $(UV)
	@$(SYNC) --no-dev

develop: $(UV)
	@$(SYNC)

# uv stands in an environment of its own: 60 MB, with pip, that a running line does not need.
$(UV): locks/uv.txt
	@./.ci/venv .uv
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/uv.txt
	@touch $@
