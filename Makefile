# What there is to run in this repository; CONTRIBUTING.md says when. Needs make, bash and Go, and
# for the targets nuxt, fronts, types and e2e also Node 20, for e2e Chromium.

FUZZTIME = 5000x
GOLANGCI_LINT = go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# npm writes this file into node_modules at the end of an installation.
INSTALLED = node_modules/.package-lock.json

# Front ends in example/ beside nuxt, each with the npm scripts typecheck and build.
FRONTS = nuxt-local react vue next sveltekit

export NUXT_TELEMETRY_DISABLED = 1

# What the target types needs: the packages whose types it checks, as npm and as pnpm install them.
TYPES = $(patsubst %,e2e/types/%$(INSTALLED),./ next-auth-4/ next-auth-5/ auth-core/) e2e/types/pnpm/node_modules/.modules.yaml

.PHONY: all help test race jsonv2 lint api mutate modules fuzz bench deps nuxt fronts types e2e fmt tidy

all: lint test ## lint and test

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "%-8s %s\n", $$1, $$2 }' Makefile

test: ## all tests of all modules; FLAGS='-run TestRefresh' goes to go test
	@.ci/each go test $(FLAGS) ./...

race: ## the same with the race detector, in random order
	@CGO_ENABLED=1 .ci/each go test -race -shuffle=on -timeout=20m $(FLAGS) ./...

jsonv2: ## the tests of packages that read claims, with encoding/json/v2 of Go 1.26; builds the standard library
	@GOEXPERIMENT=jsonv2 go test $(FLAGS) . ./token ./provider ./internal/claims ./internal/flow ./internal/session ./internal/conformance

lint: ## gofmt, go vet, golangci-lint, the words, the lock files
	@.ci/check-files
	@.ci/each go vet ./...
	@.ci/each $(GOLANGCI_LINT) run ./...
	@go test -run '^TestWords' ./internal/repotest

api: ## write testdata/api.txt, the listing of the exported API, after a change that CHANGELOG has
	@go test ./internal/repotest -run '^TestAPI_IsListed$$' -api

mutate: ## list mistakes in PACKAGES that no test would notice, all nine without; FLAGS='-m cookie/read.go'; many minutes
	@go run ./internal/mutate $(FLAGS) $(PACKAGES)

modules: ## each module without the workspace
	@.ci/each "$$PWD/.ci/standalone" vet ./...
	@.ci/each "$$PWD/.ci/standalone" mod tidy -diff

fuzz: ## each fuzz target for FUZZTIME, a number of runs such as 5000x
	@.ci/each "$$PWD/.ci/fuzz" $(FUZZTIME)

bench: ## processor time of a request, beside other libraries; two minutes
	@go run ./bench

deps: example/nuxt/$(INSTALLED) $(FRONTS:%=example/%/$(INSTALLED)) e2e/$(INSTALLED) $(TYPES) ## download what the other targets need
	@.ci/each go mod download
	@$(GOLANGCI_LINT) version

nuxt: example/nuxt/$(INSTALLED) ## check the types of the Nuxt front end, and build it
	@npm --prefix example/nuxt run typecheck
	@npm --prefix example/nuxt run build

fronts: $(FRONTS:%=front-%) ## check the types of the other front ends, and build them

front-%: example/%/$(INSTALLED)
	@npm --prefix example/$* run typecheck
	@npm --prefix example/$* run build

types: example/nuxt/$(INSTALLED) $(TYPES) ## check the declarations that package typescript writes, with tsc
	@npm --prefix e2e/types test

e2e: nuxt fronts e2e/$(INSTALLED) ## the example and the front ends in Chromium, and users in one database with Node
	@npm --prefix e2e test

fmt: ## format all Go files
	@find . -name '*.go' ! -path '*/node_modules/*' -exec gofmt -l -w {} +

tidy: ## go mod tidy in all modules
	@.ci/each "$$PWD/.ci/standalone" mod tidy

example/%/$(INSTALLED): example/%/package-lock.json
	@npm --prefix example/$* ci --ignore-scripts --no-audit --no-fund

e2e/$(INSTALLED): e2e/package-lock.json
	@npm --prefix e2e ci --ignore-scripts --no-audit --no-fund

e2e/types/%$(INSTALLED): e2e/types/%package-lock.json
	@npm --prefix e2e/types/$* ci --ignore-scripts --no-audit --no-fund

e2e/types/pnpm/node_modules/.modules.yaml: e2e/types/pnpm/pnpm-lock.yaml e2e/types/./$(INSTALLED)
	@npm --prefix e2e/types run --silent pnpm -- install --frozen-lockfile --ignore-scripts
	@touch $@
