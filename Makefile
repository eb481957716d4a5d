.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 4
COMPILE := $(BIN)/pip-compile --quiet --strip-extras --no-emit-index-url --no-emit-find-links \
	--no-emit-trusted-host --no-emit-options --no-header --no-annotate --generate-hashes --allow-unsafe

.PHONY: help run test test-acl soak lint bench bench-peers format pins release-check clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/installed ## Serve on http://127.0.0.1:8080; embedded Redis and simulated ChatGPT unless set
	@exec $(BIN)/python -m proxy serve

test: .venv/installed-dev ## Run all tests, against real parts that they start themselves
	@tests/prerequisites.sh
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

test-acl: .venv/installed-dev ## Run them with the service as the Redis user of deploy/redis-users.acl
	@tests/prerequisites.sh
	TEST_REDIS_ACL=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

soak: .venv/installed-dev ## Run the tests that take minutes
	$(BIN)/python -m pytest -m soak --timeout 900 -s

lint: .venv/installed-dev ## Style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: .venv/installed-dev ## What answers and streams cost beside a floor app, what limits cost Redis, what grows
	$(BIN)/python -m bench.answers
	$(BIN)/python -m bench.streams --streams 100 --samples 0
	$(BIN)/python -m bench.streams
	$(BIN)/python -m bench.streams --streams 2000 --rate 1 --samples 0
	$(BIN)/python -m bench.limits
	$(BIN)/python -m bench.memory
	$(BIN)/python -m bench.growth --short

bench-peers: .venv/installed-dev ## The service beside LiteLLM, which gets a venv of its own
	@test -x .venv-peers/bin/litellm || $(PYTHON) -m venv .venv-peers
	@.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check 'litellm[proxy]'
	$(BIN)/python -m bench.peers

format: .venv/installed-dev ## Bring the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

pins: ## Compile requirements*.txt from requirements*.in; UPGRADE=--upgrade for newer versions
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet pip-tools
	$(COMPILE) $(UPGRADE) --output-file requirements.txt requirements.in
	$(COMPILE) $(UPGRADE) --constraint requirements.txt --output-file requirements-embedded.txt requirements-embedded.in
	$(COMPILE) $(UPGRADE) --constraint requirements.txt --output-file requirements-otel.txt requirements-otel.in
	$(COMPILE) $(UPGRADE) --output-file requirements-dev.txt requirements-dev.in

release-check: .venv/installed-dev ## Say what is missing for a release, or that nothing is
	@.ci/release-check

clean: ## Remove what the other commands made
	rm -rf .venv .venv-peers .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/installed: requirements.txt requirements-embedded.txt
	@echo "Installing into .venv (once) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt -r requirements-embedded.txt
	@touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt
	@echo "Installing what tests and linters need into .venv (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@
