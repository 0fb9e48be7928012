# Concord's commands. `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
CONTRACTS := $(shell find protos -name '*.proto')

.PHONY: help
help: ## list the commands
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/installed: requirements/bootstrap.txt requirements/dev.txt
	@echo "» setting up .venv from the hashed requirements"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements/bootstrap.txt
	@$(BIN)/uv pip sync --quiet --native-tls --require-hashes requirements/bootstrap.txt requirements/dev.txt
	@$(BIN)/python -c "import pathlib, sysconfig; pathlib.Path(sysconfig.get_path('purelib'), 'concord.pth').write_text('\n'.join([str(pathlib.Path.cwd()), str(pathlib.Path.cwd() / 'gen'), '']))"
	@touch $@

gen/descriptors.binpb: .venv/installed $(CONTRACTS) tools/contracts/generate.py
	@$(BIN)/python -m tools.contracts.generate

.PHONY: setup
setup: .venv/installed gen/descriptors.binpb ## install what the project needs into .venv and generate code

.PHONY: proto
proto: setup ## generate code from the contracts into gen/

.PHONY: lock
lock: .venv/installed ## resolve requirements/*.in into hashed requirements/*.txt
	@for name in bootstrap service dev tryton scim; do \
	  $(BIN)/uv pip compile --quiet --native-tls --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header requirements/$$name.in -o requirements/$$name.txt || exit 1; done
