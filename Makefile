# A virtual environment for everything; VENV=... puts it elsewhere.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

.PHONY: app test check screenshots atlas few-shot-atlas clean

app: $(VENV)/app-installed
	$(BIN)/streamlit run app.py

test: $(VENV)/dev-installed
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: $(VENV)/dev-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

screenshots: $(VENV)/dev-installed
	$(BIN)/python scripts/take_screenshots.py

# Half an hour for each way to part the classes and each seed, on two cores; goes on where it was stopped.
few-shot-atlas: $(VENV)/app-installed
	$(BIN)/python scripts/measure_few_shot.py --machine "$(MACHINE)"

# Hours of training, see docs/atlas.md; goes on where it was. ATLAS="embedded pets" with the photos in workspace/data.
ATLAS ?= embedded
atlas: $(VENV)/app-installed
	for name in $(ATLAS); do $(BIN)/splitlab atlas run $$name || exit $$?; done
	$(BIN)/splitlab claims --measured

$(VENV)/app-installed: requirements.txt constraints.txt pyproject.toml scripts/install_app.sh
	PYTHON=$(PYTHON) scripts/install_app.sh $(VENV)
	touch $@

$(VENV)/dev-installed: $(VENV)/app-installed requirements-dev.txt
	$(BIN)/pip install --quiet -r requirements-dev.txt -c constraints.txt
	touch $@

clean:
	rm -rf $(VENV)
