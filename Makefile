# Everything runs in .venv, made here from nothing but Python 3.11+, a C compiler and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BUILT := $(VENV)/.built

.PHONY: help build demo lint test test-full sanitize bench wheel interop-packages clean
help:
	@echo "make demo              build a store from the Chinese numbering plan and 2 M ported numbers, and use it"
	@echo "make test              all tests, linting and type checks"
	@echo "make test-full         the same with long fault, fuzz and sanitizer runs"
	@echo "make bench             measure the figures of the README (about an hour, 24 GiB of memory)"
	@echo "make wheel             sdist and wheel under dist/, the wheel tried in an empty environment"
	@echo "make interop-packages  apt-get install what the tests against other systems want (root)"

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "portdip needs Python 3.11 or newer as '$(PYTHON)': apt-get install python3, or make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "portdip needs Python's venv module: apt-get install python3-venv"; exit 1; }
	@command -v $${CC:-cc} >/dev/null || \
		{ echo "portdip needs a C compiler: apt-get install gcc, or set CC"; exit 1; }
	@$(PYTHON) -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' || \
		{ echo "portdip needs Python's C headers: apt-get install python3-dev"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check "setuptools>=77" wheel "Cython>=3.1"
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --editable ".[dev]"
	@touch $(BUILT) $@

# Installing compiles everything once; after that, only what has changed since.
build: $(READY)
	@test -e $(BUILT) -a -z "$$(find setup.py src -name '*.p[yx][xd]' -newer $(BUILT) -o -name '*.h' -newer $(BUILT) -o -name setup.py -newer $(BUILT))" || \
		{ $(BIN)/python setup.py --quiet build_ext --inplace && touch $(BUILT); }

demo: build
	@$(BIN)/portdip demo

lint: build
	$(BIN)/ruff check src tests benchmarks setup.py
	$(BIN)/ruff format --check src tests benchmarks setup.py
	$(BIN)/mypy

# On every core; a file's tests stay together, in one process.
test: lint
	$(BIN)/pytest --numprocesses auto --dist loadfile

test-full: lint sanitize
	PORTDIP_TEST_FULL=1 $(BIN)/pytest --numprocesses auto --dist loadfile

# The compiled rooms once more under the address and undefined-behaviour sanitizers.
sanitize: build
	@PORTDIP_SANITIZE=1 $(BIN)/python setup.py --quiet build --build-base build/sanitize --build-lib build/sanitize/lib
	LD_PRELOAD="$$($${CC:-cc} -print-file-name=libasan.so) $$($${CC:-cc} -print-file-name=libubsan.so)" \
		PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
		PYTHONPATH=build/sanitize/lib $(BIN)/pytest -p no:cacheprovider --numprocesses auto --dist loadfile \
		tests/index tests/lookup tests/table/reconciling/test_digests.py \
		tests/access/test_enum.py tests/access/test_enum_packets.py tests/access/test_enum_tables.py \
		tests/access/test_pdb.py tests/access/test_listener.py tests/access/test_clients.py tests/access/test_limits.py \
		tests/batch/rebuild/test_exact.py tests/batch/rebuild/test_fit.py tests/batch/rebuild/test_text.py \
		tests/batch/rebuild/test_check.py tests/batch/rebuild/test_names.py

bench: build
	$(BIN)/python -m benchmarks

wheel: build
	rm -rf dist build/wheel
	$(BIN)/python -m build --outdir dist
	$(PYTHON) -m venv build/wheel
	build/wheel/bin/pip install --quiet --disable-pip-version-check "$$(ls dist/*.whl)[cn]"
	cd build/wheel && CC=/nonexistent bin/portdip demo demo

interop-packages:
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends \
		gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user valgrind \
		bind9-dnsutils chromium curl dnsperf kamailio kamailio-extra-modules kamailio-sqlite-modules \
		kamailio-utils-modules knot nsd openssl postgresql redis-server sip-tester sqlite3 systemd unbound

clean:
	rm -rf $(VENV) build dist demo
