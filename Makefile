# `make test` and `make demo` need Linux or macOS, make and Python 3.10 to 3.14.
# Everything is installed in $(VENV); PYTHON=python3.12 chooses the interpreter.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
STAMP = $(VENV)/installed
PEERS = tests/modes/peers
PEERS_VENV ?= .venv-peers

.PHONY: test test-long demo install reference-data regression-quick regression \
        regression-thesis peers contract clean

test: reference-data
	$(BIN)/python -m pytest -m "not long"

test-long: reference-data
	$(BIN)/python -m pytest -m long

demo: reference-data
	$(BIN)/hnmref.demo

# Normal modes against TLS on real entries (docs/regression.md), in twenty minutes, in
# fourteen hours on two cores, and with the thesis's whole grid, for a cluster. All go on
# where they were stopped; REGRESSION="--scheduler tcp://host:8786" for a Dask cluster.
REGRESSION ?= --jobs 2
experiments = @status=0; for choice in $(1); do \
        $(BIN)/python -m regression.experiment --protocol $$choice $(REGRESSION) \
            || status=1; \
    done; exit $$status

regression-quick: $(STAMP)
	$(BIN)/python -m regression.quick $(REGRESSION)

regression: reference-data
	$(call experiments,"quick --grid wide" "sites --grid quick --cycles 3")

regression-thesis: reference-data
	$(call experiments,fixed sites)

install: $(STAMP)

# Without a monomer library the tests and programs that need one say so.
reference-data: $(STAMP)
	@$(BIN)/hnmref.get_reference_data \
	    || echo "Going on without geometry restraints."

$(STAMP): setup.py
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2])' || \
	    { echo "hnmref needs Python 3.10 or later: make PYTHON=python3.12 $(MAKECMDGOALS)"; \
	      exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	    { rm -rf $(VENV); \
	      echo "Python's venv module is not complete: install it" \
	           "(Debian, Ubuntu: apt-get install python3-venv)" \
	           "or name another Python: make PYTHON=python3.12 $(MAKECMDGOALS)"; \
	      exit 1; }
	$(BIN)/python -m pip install --quiet --editable ".[test]"
	@touch $@

# ProDy and springcraft, in an environment of their own, write the figures that
# tests/modes/test_peers*.py compare with.
peers: $(PEERS_VENV)/installed
	OPENBLAS_NUM_THREADS=1 $(PEERS_VENV)/bin/python $(PEERS)/make_references.py
	OPENBLAS_NUM_THREADS=1 $(PEERS_VENV)/bin/python $(PEERS)/make_analysis_references.py
	OPENBLAS_NUM_THREADS=1 $(PEERS_VENV)/bin/python $(PEERS)/make_principal_reference.py

$(PEERS_VENV)/installed: $(PEERS)/requirements.txt
	@$(PYTHON) -m venv $(PEERS_VENV)
	$(PEERS_VENV)/bin/python -m pip install --quiet --requirement $<
	@touch $@

# Whether mmtbx is what the plugin relies on, in every version that it is known to
# work with and in the newest one.
CCTBX_VERSIONS ?= ==2025.9 ==2025.10 ==2025.11 >=2025.11
CONTRACT_VENVS ?= .venv-contract

contract:
	@for version in $(foreach v,$(CCTBX_VERSIONS),"$(v)"); do \
	    venv="$(CONTRACT_VENVS)/cctbx-base$$version"; \
	    $(PYTHON) -m venv "$$venv" && \
	    "$$venv/bin/python" -m pip install --quiet "cctbx-base$$version" . && \
	    echo "cctbx-base$$version" && "$$venv/bin/python" -m phenix_plugin check || exit 1; \
	done

clean:
	rm -rf $(VENV) $(PEERS_VENV) $(CONTRACT_VENVS) build dist *.egg-info .pytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
