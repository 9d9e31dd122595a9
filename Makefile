# SPDX-License-Identifier: Apache-2.0
# `make demo` and `make test` each work as the first command on a machine with Python 3.11, 3.12 or 3.13.
# Every other target makes the same set-up when it is missing; PYTHON=/path/to/python picks the interpreter.

BIN := $(CURDIR)/.venv/bin
RUN := PATH="$(BIN):$$PATH"
SETUP := @sh tools/setup

# make demo CHAIN=ganache EPOCHS=5 JSON=out.json KEEP=1
CHAIN ?= anvil
DEMO_FLAGS := --chain $(CHAIN) $(if $(EPOCHS),--epochs $(EPOCHS)) $(if $(JSON),--json $(JSON)) $(if $(KEEP),--keep)
# make test ARGS="tests/yuma -k replay"
ARGS ?=

# Ray Serve in an environment of its own over this one: it wants newer packages than the contracts' tools allow
RAY := $(CURDIR)/.build/ray
RAY_WANTED = $(shell sed -n 's/^ray = \["\(.*\)"\]/\1/p' pyproject.toml)
# MLServer, a server of the Open Inference Protocol, beside everything else: it wants other versions
OIP := $(CURDIR)/.build/oip
OIP_WANTED = mlserver==1.7.1 $(shell sed -n 's/^    "\(onnxruntime==.*\)",/\1/p' pyproject.toml)
# transformers serve, a server of OpenAI's shape, over this one, whose torch it takes when there is one
OPENAI := $(CURDIR)/.build/openai
OPENAI_WANTED = transformers[serving]==5.24.0 $(shell sed -n 's/^train = .*"\(torch==[^"]*\)".*/\1/p' pyproject.toml)
PURELIB := -c "import sysconfig; print(sysconfig.get_path('purelib'))"

.PHONY: demo test test-ray test-oip test-openai check lint gas bench fuzz soundness forge year symbolic localnet setup lock lab clean

demo:
	$(SETUP) demo --chain $(CHAIN)
	@$(RUN) evmtensor demo $(DEMO_FLAGS)

# What computes runs on both cores, and what talks to a chain too, most of which is waiting for its
# blocks; whole networks of services need the machine for themselves.
test:
	$(SETUP) test
ifeq ($(ARGS),)
	@$(RUN) python -m pytest -n 2 --dist loadfile -m "not chain and not e2e"
	@$(RUN) python -m pytest -n 2 --dist loadfile -m "chain and not e2e"
	@$(RUN) python -m pytest -m e2e
else
	@$(RUN) python -m pytest $(ARGS)
endif

test-ray:
	$(SETUP) test
	@test -x $(RAY)/bin/python || $(BIN)/python -m venv $(RAY)
	@$(BIN)/python $(PURELIB) > "$$($(RAY)/bin/python $(PURELIB))/base.pth"
	@$(RAY)/bin/python -m pip install -q "$(RAY_WANTED)"
	@PYTHONPATH=$(CURDIR) $(RAY)/bin/python -m pytest tests/miners/test_ray.py $(ARGS)

test-oip:
	$(SETUP) test
	@test -x $(OIP)/bin/python || $(BIN)/python -m venv $(OIP)
	@$(OIP)/bin/python -m pip install -q $(OIP_WANTED)
	@$(RUN) python -m pytest tests/miners/test_oip_server.py $(ARGS)

test-openai:
	$(SETUP) test
	@test -x $(OPENAI)/bin/python || $(BIN)/python -m venv $(OPENAI)
	@$(BIN)/python $(PURELIB) > "$$($(OPENAI)/bin/python $(PURELIB))/base.pth"
	@$(OPENAI)/bin/python -m pip install -q $(OPENAI_WANTED)
	@$(RUN) python -m pytest tests/miners/test_openai_server.py $(ARGS)

check: lint test

lint:
	$(SETUP) test
	@$(RUN) ruff check .
	@$(RUN) mypy
	@$(RUN) python -m pytest -q tests/repository

gas:
	$(SETUP) test
	@$(RUN) python -m pytest -m gas $(ARGS)

bench:
	$(SETUP) demo
	@$(RUN) python -m offchain.yuma.bench $(ARGS)

# the laboratory at full size: retention with contour plots into build/lab, then every attack against its bound
lab:
	$(SETUP) test
	@$(RUN) evmtensor lab retention $(ARGS)
	@$(RUN) evmtensor lab gate

# every random test at full size; stopped and called again it goes on, ARGS=--again begins anew
fuzz:
	$(SETUP) test
	@$(RUN) HYPOTHESIS_PROFILE=nightly python -m pytest -p tests.resume --resume fuzz -v -n 2 --dist worksteal -m fuzz $(ARGS)

soundness:
	$(SETUP) test
	@$(RUN) python -m pytest -m soundness $(ARGS)

# 400,000 random calls on the compiled bytecode; fetches forge and solc from npm on first use
forge:
	$(SETUP) test
	@$(RUN) python -m tests.forge.harness $(ARGS)

# a year of a network in 2,628 ticks, then everybody leaves, its books to the rao
year:
	$(SETUP) test
	@$(RUN) python -m tests.contracts.economy.year $(ARGS)

symbolic:
	$(SETUP) test
	@$(RUN) python -m pytest -m symbolic $(ARGS)

localnet:
	$(SETUP) demo --chain $(CHAIN)
	@$(RUN) evmtensor localnet --chain $(CHAIN) $(ARGS)

setup:
	$(SETUP) demo --chain $(CHAIN)

lock:
	$(SETUP) lock

clean:
	@rm -rf .venv .build .cache .localnet build dist offchain/chain/artifacts *.egg-info
