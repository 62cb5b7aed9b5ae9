# Bulkhead. `make` alone says what there is.
SHELL   := /bin/bash
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)
# The race detector needs a C compiler; without one the tests still run.
RACE    := $(shell command -v cc >/dev/null 2>&1 && echo -race)
CGO     := $(if $(RACE),1,0)
FUZZ    ?= 20000x
PKG     ?= ./...
# Packages whose tests run whole labs and nodes: one after another, since they fill a small machine alone.
LABS    := /(bench/lab|cmd/bulkhead|proxy/keeper)$$
# Flags of bench datapath: make bench BENCH=--quick
BENCH   ?=

.DEFAULT_GOAL := help
.PHONY: help build lab bench bench-isolation instrument-check instrument-tools bench-tools test unit fuzz lint fmt conformance moves scale nghttp2 nghttp2-tools report-check image-check clean

help: ## Show this list
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Build the executables into bin/
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/bulkhead ./cmd/bulkhead-node ./cmd/bulkhead-cell ./cmd/bulkhead-sidecar ./cmd/bulkhead-attack

lab: build ## Run the crash drill in every placement, print the table, write out/
	bin/bulkhead drill run crash

bench: build ## Measure the data path beside nginx, haproxy and others (docs/performance.md)
	bin/bulkhead bench datapath $(BENCH)

bench-isolation: build ## Measure what isolation costs: a short run, one size, one round
	bin/bulkhead bench isolation --pods 10 --repeat 1

instrument-check: build ## Check the load and the recorder against wrk and iperf3 (docs/instrument.md)
	bin/bulkhead bench instrument

instrument-tools: ## Install what instrument-check needs, on Debian and as root
	apt-get install -y wrk iperf3

# A policy-rc.d that says 101 keeps Debian from starting their services; one that is there already is left alone.
bench-tools: ## Install the peers of bench datapath, on Debian and as root
	@set -e; policy=/usr/sbin/policy-rc.d; test -e $$policy || { printf '#!/bin/sh\nexit 101\n' >$$policy; chmod +x $$policy; trap "rm -f $$policy" EXIT; }; \
	apt-get install -y nginx-light libnginx-mod-stream haproxy
	@for service in nginx haproxy; do command -v systemctl >/dev/null && systemctl disable --now $$service 2>/dev/null || true; done

test: lint unit fuzz ## Pass every check: lint, tests (race detector), a short fuzz of every decoder

unit: ## Run the tests only
	@$(if $(RACE),:,echo "no C compiler: running without the race detector")
ifeq ($(PKG),./...)
	CGO_ENABLED=$(CGO) go test $(RACE) -timeout 20m $$(go list ./... | grep -vE '$(LABS)')
	CGO_ENABLED=$(CGO) go test $(RACE) -timeout 40m -p 1 $$(go list ./... | grep -E '$(LABS)')
else
	CGO_ENABLED=$(CGO) go test $(RACE) -timeout 20m $(PKG)
endif

fuzz: ## Fuzz every decoder, FUZZ=20000x executions each
	FUZZ=$(FUZZ) .ci/fuzz

lint: ## gofmt, go vet, staticcheck (pinned in .tools)
	@test -z "$$(gofmt -l cmd proxy identity redirect bench)" || { gofmt -l cmd proxy identity redirect bench; echo "run: make fmt"; exit 1; }
	go vet $(PKG)
	go tool -modfile=.tools/go.mod staticcheck $(PKG)

fmt: ## Format the code
	gofmt -w cmd proxy identity redirect bench

conformance: ## Run the tests that show what a peer of ztunnel does, write docs/conformance.md
	go run ./bench/conformance

moves: ## A hundred moves under load: none of some 50,000 connections may notice one (docs/decisions/0035)
	BULKHEAD_MOVES=100 go test -run TestMovesUnderLoad -count=1 -v -timeout 20m ./proxy/keeper

scale: ## Meshes of 10,000 to 100,000 workloads with a real control and a real node (docs/discovery.md)
	BULKHEAD_SCALE=10000,30000,100000 go test -run TestScale -count=1 -v -timeout 30m ./proxy/keeper

nghttp2: ## Run nghttp2's programs against the data path, in both directions
	BULKHEAD_NGHTTP2=1 go test -run NGHTTP2 -count=1 ./proxy ./proxy/h2

nghttp2-tools: ## Install what nghttp2 needs, on Debian and as root
	apt-get install -y nghttp2-client nghttp2-proxy
	@command -v systemctl >/dev/null && systemctl disable --now nghttpx 2>/dev/null || true

report-check: ## Open a report in Chromium at 390 and 1280 pixels, light and dark
	BULKHEAD_BROWSER=1 go test ./bench/web -run TestInABrowser -count=1 -v

image-check: ## Run what the Dockerfile runs, without an engine
	.ci/image-check

clean: ## Remove what was built and recorded
	rm -rf bin out
