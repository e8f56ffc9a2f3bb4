# One command each; README.md says more. Nothing needs to be installed but Python 3.11+, git and make.
PYTHON ?= python3
ENV = $(PYTHON) doculume/bootstrap.py
DEV = $(ENV) --dev
# Each has servers and models of its own, and takes about a gigabyte.
PROCESSES ?= 2

.PHONY: help run test test-slow test-browser screenshots test-clients test-llm lint format messages lock services stop

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' Makefile | expand -t 12

run: ## the whole platform on http://127.0.0.1:$PORT, until Ctrl-C
	@exec $(ENV) python manage.py run

test: lint ## everything that CI asks
	@$(DEV) pytest -m "not slow and not browser and not llm" -n $(PROCESSES) --dist loadfile

test-slow: ## faults, races and whole platforms, which take minutes
	@$(DEV) pytest -m slow

test-browser: ## the pages in a Chromium of this machine; DOCULUME_CHROMIUM names another
	@$(DEV) pytest -m browser

screenshots: ## every page in light and dark, on a desktop and a phone, into var/screenshots
	@$(DEV) pytest tests/pages/take_screenshots.py

test-clients: ## OpenAI's own clients, that for Node.js (with npm) too, against the server
	@npm install --silent --no-audit --no-fund --prefix var/clients openai@6.49.0
	@$(DEV) pytest tests/contract/test_openai_clients.py

test-llm: ## the whole pipeline with a small language model, fetched once (1.2 GB) into var/llm
	@$(DEV) pytest -m llm -s

lint: ## style, types, layers
	@$(DEV) ruff check .
	@$(DEV) ruff format --check .
	@$(DEV) mypy .
	@$(DEV) lint-imports

format: ## what can be mended by itself
	@$(DEV) ruff check --fix .
	@$(DEV) ruff format .

messages: ## gather the words to be translated, and compile those that are (doculume/locale)
	@$(DEV) python manage.py messages

lock: ## compile requirements*.in into pinned, hashed lists; UPGRADE=--upgrade moves the pins
	@$(DEV) uv pip compile -q $(UPGRADE) --generate-hashes --universal --python-version 3.11 requirements.in -o requirements.txt
	@$(DEV) uv pip compile -q $(UPGRADE) --generate-hashes --universal --python-version 3.11 requirements-dev.in -o requirements-dev.txt
	@$(DEV) uv pip compile -q $(UPGRADE) --generate-hashes --universal --python-version 3.11 requirements-llm.in -o requirements-llm.txt
	@echo uv | $(DEV) uv pip compile -q $(UPGRADE) --generate-hashes --universal --python-version 3.11 - -o requirements-uv.txt

services: ## start the embedded PostgreSQL and Valkey and leave them up
	@$(ENV) python manage.py services start

stop: ## stop what `make services` started
	@$(ENV) python manage.py services stop
