# Every target makes its own virtual environment first; `make help` lists them.

comma := ,
PYTHON ?= python3
VENV ?= .venv
# gpu is left out on purpose: `make train EXTRAS=gpu,serving,test,dev` adds it.
EXTRAS ?= serving,test,dev
JOBS ?= 2
CONFIG ?= configs/ali/digits.cfg
MODELS ?= exported,runs
# PyTorch, of the benchmark alone. PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu, which pip
# reads by itself, gives a build without CUDA.
PEERS ?= torch==2.13.0

method := $(notdir $(patsubst %/,%,$(dir $(CONFIG))))
run := $(method)-$(basename $(notdir $(CONFIG)))
python := $(VENV)/bin/python
pytest := $(python) -m pytest -n $(JOBS) --dist=loadgroup --no-loadscope-reorder --seconds
# In two runs, of methods and of all else: XLA keeps what it compiled for as long as a process lives.
of_methods := tests/conformance tests/methods
both = status=0; $(pytest) $(1) $(of_methods) || status=$$?; \
	$(pytest) $(1) tests $(addprefix --ignore=,$(of_methods)) || status=$$?; exit $$status
# A change of versions or extras is another stamp, so it installs again; a touched file does not.
stamp := $(VENV)/.installed-$(shell cat setup.cfg pyproject.toml constraints.txt | cksum | cut -d' ' -f1)-$(subst $(comma),-,$(EXTRAS))

.DEFAULT_GOAL := help
.PHONY: help train demo test test-all lint format bench bench-peers report clean distclean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

train: $(stamp)  ## train CONFIG (ALI on handwritten digits), then evaluate, sample and export
	$(python) tools/train.py --flagfile=$(CONFIG) --run_dir=runs/$(run)
	$(python) tools/evaluate.py --run_dir=runs/$(run)
	$(python) tools/sample.py --run_dir=runs/$(run)
	$(python) tools/export.py --run_dir=runs/$(run) --export_dir=exported/$(run)
	@echo
	@echo "pictures    runs/$(run)/samples/"
	@echo "numbers     runs/$(run)/evaluation.json"
	@echo "SavedModel  exported/$(run)/"

demo: $(stamp)-demo  ## serve a page to try the models of MODELS (exports and runs) in a browser
	$(python) tools/demo.py --models=$(MODELS)

test: $(stamp)  ## run the tests, the costly ones for a covering set of methods
	@$(call both,-m "not every")

test-all: $(stamp)-demo $(stamp)-browser  ## run every test for every method
	@$(call both)

lint: $(stamp)  ## check style, format, who imports whom and types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports --no-logo
	$(VENV)/bin/mypy

format: $(stamp)  ## rewrite the code in the format that lint expects
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

bench: $(stamp)  ## measure training speed and memory on this machine
	$(python) tools/benchmark.py

bench-peers: $(stamp) $(VENV)-peers/.installed-$(PEERS)  ## measure training speed beside PyTorch, which is installed apart
	$(python) tools/benchmark.py --against=torch --peer_python=$(VENV)-peers/bin/python

report: $(stamp)  ## write RESULTS.md, the pages of results/ and README's tables
	$(python) tools/report.py

clean:  ## remove caches and build files; runs/, exported/ and the environment stay
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache .import_linter_cache .mypy_cache
	find zoo tools tests -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean  ## remove the virtual environment too
	rm -rf $(VENV) $(VENV)-peers

$(stamp):
	@$(PYTHON) -c '' 2>/dev/null || { echo "make: expected Python 3.11, 3.12 or 3.13 as PYTHON. Received: PYTHON=$(PYTHON), which does not run (apt install python3)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { echo "make: expected Python 3.11, 3.12 or 3.13 as PYTHON. Received: $$($(PYTHON) --version); try make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "make: $(PYTHON) cannot make virtual environments (apt install python3-venv)" >&2; exit 1; }
	@echo "installing into $(VENV), once: some minutes"
	@rm -f $(VENV)/.installed-*
	$(PYTHON) -m venv $(VENV)
	$(python) -m pip install --quiet -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@

$(VENV)-peers/.installed-%:
	$(PYTHON) -m venv $(VENV)-peers
	$(VENV)-peers/bin/python -m pip install --quiet $*
	@touch $@

# What few targets need comes on top of the others.
$(stamp)-%: $(stamp)
	$(python) -m pip install --quiet -c constraints.txt -e '.[$*]'
	@touch $@
