# Concord's commands. `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
# Where the machine tells Python to keep no bytecode, every process that starts would compile all that it imports: 2 s.
export PYTHONDONTWRITEBYTECODE :=
CONTRACTS := $(shell find protos -name '*.proto' -o -name '*.json')

.PHONY: help
help: ## list the commands
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/installed: requirements/bootstrap.txt requirements/dev.txt
	@echo "» setting up .venv from the hashed requirements"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements/bootstrap.txt
	@$(BIN)/uv pip sync --quiet --native-tls --require-hashes requirements/bootstrap.txt requirements/dev.txt
	@$(BIN)/python -c "import pathlib, sysconfig; pathlib.Path(sysconfig.get_path('purelib'), 'concord.pth').write_text('\n'.join([str(pathlib.Path.cwd()), str(pathlib.Path.cwd() / 'gen'), '']))"
	@printf '#!%s\nimport sys\n\nfrom clients.cli.__main__ import main\n\nsys.exit(main())\n' "$$PWD/$(BIN)/python" >$(BIN)/concord && chmod +x $(BIN)/concord
	@touch $@

gen/descriptors.binpb: .venv/installed $(CONTRACTS) tools/contracts/generate.py
	@$(BIN)/python -m tools.contracts.generate

.PHONY: setup
setup: .venv/installed gen/descriptors.binpb ## install what the project needs into .venv and generate code

.PHONY: proto
proto: setup ## generate code from the contracts into gen/

.PHONY: lock
lock: .venv/installed ## resolve requirements/*.in into hashed requirements/*.txt
	@for name in bootstrap service dev build tryton scim manifests; do \
	  $(BIN)/uv pip compile --quiet --native-tls --universal --python-version 3.11 --generate-hashes --no-header requirements/$$name.in -o requirements/$$name.txt || exit 1; done

TYPED := $(wildcard services tools tests clients)

.PHONY: demo
demo: setup ## the main job end to end on real systems: an ERP and a SaaS, golden records, evidence
	@$(BIN)/python -m tools.demo

.PHONY: up down status
up: setup ## leave the mesh of the demo running and say how to talk to it
	@$(BIN)/python -m tools.up start

down: setup ## end what `make up` started
	@$(BIN)/python -m tools.up stop

status: setup ## say whether the mesh is running, and how to talk to it
	@$(BIN)/python -m tools.up status

# Every step runs, so that one `make lint` tells everything there is to mend.
.PHONY: lint
lint: setup ## check format, style, types, boundaries, contracts and house rules
	@failed=""; \
	step() { local name="$$1" start=$$SECONDS; shift; echo "» $$name"; "$$@" || failed="$$failed, $$name"; \
	  [ $$((SECONDS - start)) -lt 10 ] || echo "  took $$((SECONDS - start)) s"; }; \
	when-broken() { local told; told="$$("$$@" 2>&1)" || { echo "$$told"; return 1; }; }; \
	step "format" $(BIN)/ruff format --check --quiet .; \
	step "style" $(BIN)/ruff check --quiet .; \
	step "types" $(BIN)/mypy --no-error-summary $(TYPED); \
	step "import boundaries" when-broken $(BIN)/lint-imports --no-logo; \
	step "containers" $(BIN)/hadolint deploy/image/Containerfile deploy/image/base.Containerfile; \
	step "contracts" $(BIN)/python -m tools.contracts.check; \
	step "house rules" $(BIN)/python -m tools.house.check; \
	[ -z "$$failed" ] && echo "» all clean in $$SECONDS s" || { echo "» failed: $${failed#, }"; exit 1; }

.PHONY: contracts
contracts: setup ## check the contracts alone; BASE=<revision> says what to compare them with
	@echo "» contracts"; $(BIN)/python -m tools.contracts.check

# Three workers for two cores: tests of processes wait as long as they compute. Each takes file after file; files that
# share real systems stay together and begin first, tests/support/sharing.py. One run of all, so that none waits at its end.
TESTED := $(foreach part,system contract service storage unit,$(wildcard tests/$(part)))

.PHONY: test
test: setup ## run every test: unit, contract, storage, service, and system, against real systems
	@failed=""; mkdir -p build; \
	echo "» installing the real systems that system tests need, meanwhile"; \
	$(BIN)/python -m tools.systems >build/systems.log 2>&1 & installing=$$!; \
	echo "» $(notdir $(TESTED)) tests"; \
	$(BIN)/python -m pytest --quiet -n 3 --dist loadfile --no-loadscope-reorder -m "not debian15" $(TESTED) || failed=", tests"; \
	wait $$installing || { cat build/systems.log; failed="$$failed, installing the systems"; }; \
	[ -z "$$failed" ] && echo "» all tests passed in $$SECONDS s" || { echo "» failed: $${failed#, }"; exit 1; }

.PHONY: test-systems
test-systems: test-postgres15 test-replicas test-upgrade test-containers ## run the tests that need more than `make test` starts: Debian's PostgreSQL, replicas, a former release, podman

.PHONY: test-postgres15
test-postgres15: setup ## run the storage tests on Debian's PostgreSQL 15
	@echo "» storage tests on PostgreSQL 15"; nothing_collected=5; \
	$(BIN)/python -m pytest --quiet -n 2 --dist loadfile -m debian15 tests/storage || \
	  { [ $$? -eq $$nothing_collected ] && echo "  PostgreSQL 15 is not installed (Debian's package postgresql-15): nothing was tested"; }

.PHONY: test-replicas
test-replicas: setup ## stop, kill and roll replicas of every service under calls
	@echo "» replica tests"; $(BIN)/python -m pytest --quiet -n 2 --dist loadfile tests/replicas

.PHONY: test-upgrade
test-upgrade: setup ## run the previous release on this one's schema, and beside it; CONCORD_PREVIOUS_RELEASE names another
	@echo "» upgrade tests"; $(BIN)/python -m pytest --quiet tests/upgrade

# Where podman can't run it says so, loudly, and does not fail.
.PHONY: test-containers
test-containers: setup ## build the images and run the production overlay's containers under podman
	@echo "» container tests"; $(BIN)/python -m pytest --quiet tests/containers

.PHONY: faults
faults: setup ## kills, full disk, skewed clocks, planted defects; CONCORD_FAULTS_KILLS, _SECONDS, _SYNCHRONISATIONS size it
	@export CONCORD_FAULTS_SYNCHRONISATIONS="$${CONCORD_FAULTS_SYNCHRONISATIONS:-50}"; \
	$(BIN)/python -m pytest --quiet -s tests/faults tests/system/mesh/test_synchronisation.py -k "faults or synchronisations"

.PHONY: drill
drill: setup ## rehearse failover, restore and rolling restarts; ONLY=hub,restore selects, RATE=500 sizes the calls of `rolling`
	@$(BIN)/python -m tools.drill --only '$(ONLY)' $(if $(RATE),--rate $(RATE))

.PHONY: bench
bench: setup ## measure what calls of the hub cost; ONLY=get_supplier,ingest selects, RECORDS, POPULATION, LEAVES size import_bulk, match_one, audit_…
	@$(BIN)/python -m tools.bench --only '$(ONLY)' $(if $(RECORDS),--records $(RECORDS)) $(if $(POPULATION),--population $(POPULATION)) $(if $(LEAVES),--leaves $(LEAVES))

.PHONY: quality
quality: setup ## measure matching on the given labelled sets, beside the best peers
	@$(BIN)/python -m tools.quality

# Neither needs the environment: Python, and one of podman, buildah and docker.
.PHONY: image base-image
image: ## build the container images; ENGINE, BASE, REPOSITORY, TAG choose how
	@$(PYTHON) -m tools.image --engine '$(ENGINE)' build --base '$(BASE)' --tag '$(TAG)' $(if $(REPOSITORY),--repository '$(REPOSITORY)')

base-image: ## make a base for `make image` without a registry, from Debian's archive; MIRROR names another one
	@$(PYTHON) -m tools.image --engine '$(ENGINE)' base --mirror '$(MIRROR)'

.PHONY: manifests
manifests: setup ## render deploy/k8s and check it: closure, edges, schemas of three releases, checkov, alert rules
	@status=0; $(BIN)/python -m tools.manifests || status=1; \
	echo "» alert rules"; $(BIN)/python -m tools.alerts || status=1; exit $$status

.PHONY: clean
clean: ## remove everything that was generated, the environment excepted
	@rm -rf gen gen.partial gen.previous build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find $(TYPED) -name __pycache__ -type d -prune -exec rm -rf {} +
