# SPDX-License-Identifier: Apache-2.0
# `make demo` and `make test` each work as the first command on a machine with Python 3.11 or 3.12.
# Every other target needs the same set-up and does it when it is missing.

PYTHON ?= $(firstword $(foreach p,python3.11 python3.12 python3 python,$(if $(shell command -v $(p)),$(p))))
SETUP := $(if $(PYTHON),$(PYTHON),python3) tools/bootstrap
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

# make demo CHAIN=ganache EPOCHS=5 JSON=out.json KEEP=1
CHAIN ?= anvil
DEMO_FLAGS := --chain $(CHAIN) $(if $(EPOCHS),--epochs $(EPOCHS)) $(if $(JSON),--json $(JSON)) $(if $(KEEP),--keep)
# make test ARGS="tests/yuma -k replay"
ARGS ?=

.PHONY: demo test check lint gas bench fuzz soundness localnet setup lock clean

setup:
	@$(SETUP) all --chain $(CHAIN)

demo: setup
	@$(BIN)/evmtensor demo $(DEMO_FLAGS)

test: setup
	@$(BIN)/python -m pytest $(ARGS)

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/repository

check: lint test

gas: setup
	@$(BIN)/python -m pytest -m gas tests/gas $(ARGS)

bench: setup
	@$(BIN)/python -m offchain.yuma.bench $(ARGS)

fuzz: setup
	@$(BIN)/python -m pytest -m fuzz --hypothesis-profile=nightly $(ARGS)

soundness: setup
	@$(BIN)/python -m pytest -m soundness $(ARGS)

localnet: setup
	@$(BIN)/evmtensor localnet --chain $(CHAIN) $(ARGS)

lock:
	@$(SETUP) lock

clean:
	@rm -rf .venv .build .cache .localnet build dist offchain/chain/artifacts miners/models *.egg-info
