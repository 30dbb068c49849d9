# Every command makes the environment it needs: `make demo` and `make test` work on a fresh machine.
PYTHON ?= python3
VENV ?= .venv
OLDEST ?= .venv-oldest
BIN = $(VENV)/bin

.DEFAULT_GOAL := help
# Two installations into one environment must not run at the same time.
.NOTPARALLEL:
.PHONY: help demo test test-oldest quick lint wheel docs benchmark clean

help:
	@echo "make demo       compare the estimators with scikit-learn's on real data, draw one figure"
	@echo "make test       lint, types, import layers, tests, and the wheel in a fresh environment"
	@echo "make test-oldest  the tests with the oldest versions that pyproject.toml allows, in .venv-oldest"
	@echo "make quick      lint and a tenth of the tests, some of every folder: for daily work"
	@echo "make lint       only lint, types and import layers"
	@echo "make docs       build the documentation into docs/_build/html, warnings are errors"
	@echo "make benchmark  time the package and keep the times in .benchmarks"
	@echo "make clean      remove the environment and everything that was built"
	@echo "PYTHON=...      the Python to start from (default: python3; at least 3.11)"

demo: $(VENV)/installed-plot
	$(BIN)/python examples/demo.py

# One process a core, and all tests of a file in one of them: they share what JAX has compiled.
test: lint
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile -p no:benchmark
	$(BIN)/python tools/smoke_test_wheel.py

# What types are known depends on the installed NumPy: mypy checks them with the newest.
test-oldest: $(OLDEST)/installed
	$(OLDEST)/bin/python -m pytest --numprocesses auto --dist loadfile -p no:benchmark \
		--ignore tests/test_types.py skntk tests

# Of every folder what its other tests rest on; what takes minutes stays out.
QUICK = \
	skntk/architecture/layers/dense.py \
	tests/architecture/test_functions.py \
	tests/architecture/test_gradients.py::test_finite_at_identical_opposite_and_zero_inputs \
	tests/architecture/test_invariants.py::test_symmetric_and_positive_semidefinite \
	tests/architecture/test_parameters.py \
	tests/displays/test_gram.py \
	tests/estimators/test_public_interface.py \
	tests/estimators/test_regressors.py \
	tests/gram/test_matrix.py \
	tests/inference/test_nngp.py \
	tests/inference/test_ntk.py \
	tests/kernels/test_hyperparameters.py \
	tests/metrics \
	tests/recipes \
	tests/test_import.py

quick: lint
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile -p no:benchmark $(QUICK)

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

wheel: $(VENV)/installed-test
	$(BIN)/python tools/smoke_test_wheel.py

docs: $(VENV)/installed-docs
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

benchmark: $(VENV)/installed-benchmark
	$(BIN)/python -m pytest benchmarks --benchmark-only --benchmark-autosave

clean:
	rm -rf $(VENV) $(OLDEST) dist demo.png .benchmarks .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	rm -rf docs/_build docs/api/generated docs/gallery

# The installation is editable: only a change of pyproject.toml asks for a new one.
$(VENV)/installed-%: pyproject.toml $(VENV)/created
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --editable ".[$*]"
	touch $@

# The oldest versions exactly; pip chooses tools that fit them.
$(OLDEST)/installed: pyproject.toml tools/oldest.txt
	@$(PYTHON) tools/check_python.py
	$(PYTHON) -m venv --clear $(OLDEST)
	$(OLDEST)/bin/python -m pip install --disable-pip-version-check --quiet \
		--constraint tools/oldest.txt --editable ".[plot,progress,test]"
	touch $@

# The stamp comes last, so that an interrupted creation starts anew.
$(VENV)/created:
	@$(PYTHON) tools/check_python.py
	$(PYTHON) -m venv --clear $(VENV)
	touch $@

# Without this, make would remove the stamps as intermediate files.
.SECONDARY:
