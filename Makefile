# make demo    builds what it needs and shows a save and a restore on a real three-member etcd
# make test    installs and builds what it needs, and runs all tests
# The rest is for those who work on Holdfast: see docs/contributing.md.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS = -s -w -X main.version=$(VERSION)
BUILD = CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)'
# kubectl parses the version that the embedded API server says.
BUILD_SERVER = CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS) -X k8s.io/component-base/version.gitVersion=v1.37.2'

.PHONY: demo test lab soak bench lint generate build web tools

demo: build
	scripts/demo.sh

test:
	scripts/test.sh

lab: build
	scripts/lab.sh

soak: build tools
	scripts/soak.sh

bench: build tools
	scripts/bench.sh

lint:
	scripts/lint.sh

generate:
	scripts/generate.sh

build: web
	$(BUILD) -o bin/holdfast ./cmd/holdfast
	$(BUILD) -o bin/holdfast-agent ./cmd/holdfast-agent
	cd server && $(BUILD_SERVER) -o ../bin/holdfast-server ./cmd/holdfast-server

web:
	scripts/web.sh

tools:
	test/tools/build.sh
