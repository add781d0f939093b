# `make` lists what there is.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GOLANGCI := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
# Three packages at a time: most start servers or a browser of their own and wait
# for them more than they compute.
GOTEST   := go test -p 3 -timeout 20m
# The race detector watches everything but two pieces of machine-written code:
# SQLite translated from C, which works in memory of its own that the detector
# does not see anyway and takes three to four times as long under it, and the
# Graph SDK, whose models take minutes to compile. What they do with sync, and all
# that calls them, stays watched.
RACE     := -race -gcflags=modernc.org/...=-race=false -gcflags=github.com/microsoftgraph/msgraph-sdk-go/...=-race=false
# Every fuzz target as "package target".
FUZZERS   = go test -list '^Fuzz' ./... | awk '/^Fuzz/ {t[n++] = $$1} /^ok/ {for (i = 0; i < n; i++) print $$2, t[i]; n = 0}'
FUZZ     ?= .

# What `make bench` makes a directory of, and how large a registry.
PEOPLE  ?= 100000
GROUPS  ?= 1000
MEMBERS ?= 200
ROWS    ?= 1000000

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## Run usher with a sample directory and a mail catcher, in a temporary folder
	go run ./cmd/usher demo

.PHONY: build
build: ## Build the static binary bin/usher
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/usher ./cmd/usher

.PHONY: test
test: TEST ?= ./...
test: servers ## Run every test under the race detector (TEST=./internal/store)
	$(GOTEST) $(RACE) $(TEST)

.PHONY: servers
servers: ## Install the servers that tests start, where it may; else say what is skipped
	@deploy/test-servers.sh

# What fuzzing found interesting is kept here from run to run; what it found
# wrong, the go command keeps in the package's testdata/fuzz, to be committed.
CORPUS ?= $(CURDIR)/.soak

.PHONY: fuzz-short
fuzz-short: FUZZTIME ?= 10s
fuzz-short: fuzz ## Fuzz every parser for ten seconds each (FUZZTIME=…, FUZZ=regexp)

.PHONY: soak
soak: FUZZTIME ?= 10m
soak: servers fuzz ## Fuzz for ten minutes each, the corpus kept in .soak, then the long tests
	USHER_SOAK=1 go test -p 1 -timeout 6h $(RACE) ./...

# Every target has its turn, also behind one that failed.
.PHONY: fuzz
fuzz:
	@$(FUZZERS) | { failed=; while read -r package target; do \
		[[ $$target =~ $(FUZZ) ]] || continue; \
		echo "== $$package $$target, $(FUZZTIME)"; \
		go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 2s "$$package" \
			-args "-test.fuzzcachedir=$(CORPUS)/$$package" </dev/null || failed+=" $$target"; \
	done; [ -z "$$failed" ] || { echo "failed:$$failed"; exit 1; }; }

BENCH = go run ./internal/bench -people $(PEOPLE) -groups $(GROUPS) -members $(MEMBERS) -rows $(ROWS) -postgres
.PHONY: bench bench-ldap bench-scim bench-console
bench: servers ## Time syncs, SCIM and the console, on both databases (PEOPLE=… GROUPS=… MEMBERS=… ROWS=…)
	$(BENCH)
bench-ldap: servers ## Time a real LDAP sync against ldapsearch
	$(BENCH) -only ldap
bench-scim: servers ## Count SCIM requests in a small registry and in a large one
	$(BENCH) -only scim
bench-console: servers ## Time the console's pages over a report of PEOPLE rows
	$(BENCH) -only console

.PHONY: verify
verify: tidy-check generate-check lint ## Check that everything is generated, tidy, formatted and linted

.PHONY: tidy-check
tidy-check:
	go mod tidy -diff

# The tree may hold work in progress: only what generating changes counts.
TREE = { git status --porcelain; git diff HEAD; } | git hash-object --stdin
.PHONY: generate-check
generate-check:
	@before=$$($(TREE)); $(MAKE) --no-print-directory generate; \
	if [ "$$before" != "$$($(TREE))" ]; then \
		echo 'generated files were out of date; commit what changed:'; git status --short; exit 1; \
	fi

.PHONY: lint
lint: ## Run the linters, gofmt and go vet among them
	$(GOLANGCI) run ./...

.PHONY: fmt
fmt: ## Format the code
	$(GOLANGCI) fmt ./...

.PHONY: generate
generate: ## Write generated code anew
	go generate ./...

.PHONY: migrate-diff
migrate-diff: ## Write the migrations for a changed schema (NAME=what_changed)
	@[ -n '$(NAME)' ] || { echo 'say what changed: make migrate-diff NAME=add_colour'; exit 64; }
	go run ./ent/migrate $(NAME)

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin dist coverage.out
