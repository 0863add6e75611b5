# Every target sets up what it needs first and says what it does. `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

BASE_URL ?= http://127.0.0.1:8000
BASELINE_URL ?= http://127.0.0.1:8000
CANARY_URL ?= http://127.0.0.1:8001

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F'\t' '{ printf "  make %-10s %s\n", $$1, $$2 }'

.PHONY: setup
setup: ## install everything that the other targets use
	@tools/setup.sh node postgres pgbouncer redis prometheus pushgateway chromium nginx
	@node test/k6.ts

.PHONY: demo
demo: ## run the whole job: the service, real k6, every gate; a good canary passes, bad ones fail
	@tools/setup.sh node prometheus
	@node tools/demo.ts

.PHONY: test
test: ## lint, types, unit and end-to-end tests on real servers
	@tools/setup.sh node postgres pgbouncer redis prometheus pushgateway chromium nginx
	@tools/test.sh

.PHONY: run
run: ## run the service on embedded defaults (PORT, DATABASE_URL, REDIS_URL, … as docs/configuration.md says)
	@tools/setup.sh node
	@exec node --max-semi-space-size=4 service/main.ts

.PHONY: chat
chat: ## keep a demo hotel's web chat up and print its address
	@tools/setup.sh node
	@exec node tools/chat.ts

.PHONY: smoke
smoke: ## run the k6-smoke gate against BASE_URL
	@tools/setup.sh node
	@echo "smoke: gating $(BASE_URL)"
	@exec npm run -s action -- k6-smoke --with base-url=$(BASE_URL) --with script=k6/smoke.js

.PHONY: canary
canary: ## compare CANARY_URL with BASELINE_URL
	@tools/setup.sh node
	@echo "canary: comparing $(CANARY_URL) with $(BASELINE_URL)"
	@exec npm run -s action -- canary-compare --with baseline-url=$(BASELINE_URL) --with canary-url=$(CANARY_URL) --with script=k6/canary.js

.PHONY: health
health: ## ask the service at BASE_URL whether it is ready
	@curl --silent --show-error --fail-with-body --max-time 10 $(BASE_URL)/health/ready && echo

.PHONY: bench
bench: ## run every benchmark (one: npm run bench -- NAME)
	@tools/setup.sh node postgres redis prometheus
	@npm run -s bench

.PHONY: dist
dist: ## bundle every action into its dist/
	@tools/setup.sh node
	@npm run -s dist

.PHONY: lock
lock: ## make package-lock.json anew after a change of package.json
	@tools/setup.sh node
	@tools/relock.sh

.PHONY: format
format: ## format the sources
	@tools/setup.sh node
	@npm run -s format
