# `make run` serves, `make test` proves; both install what is missing, build, and go.

BUILD ?= build
TYPE ?= RelWithDebInfo
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

# What Kiln is made of.
PACKAGES := g++ cmake ninja-build ccache mold pkg-config \
  libcaf-dev libgrpc++-dev protobuf-compiler protobuf-compiler-grpc libprotobuf-dev libyaml-cpp-dev libhiredis-dev \
  libboost-dev libboost-test-dev libexpected-dev libfmt-dev libcli11-dev libssl-dev libcurl4-openssl-dev zlib1g-dev libzstd-dev librust-blake3-dev
# What its tests are made of: real clients and tools.
TEST_PACKAGES := bazel-bootstrap bazel-rules-cc bazel-rules-java bazel-rules-proto bazel-skylib bazel-platforms \
  python3 git openssl clang-format-14 b3sum procps

# libFuzzer and its sanitizers, which nothing else needs.
FUZZ_PACKAGES := clang-14 libclang-rt-14-dev
FUZZ_SECONDS ?= 60

.PHONY: run test configure build bench reference conformance format deps test-deps asan fuzz soak restarts vanish clean

run: deps configure
	@cmake --build $(BUILD) --target serving
	@$(BUILD)/bin/kiln $(ARGS)

test: test-deps build
	@ctest --test-dir $(BUILD) --output-on-failure --no-tests=error -j $(or $(JOBS),2)

# Several files as one, which takes half the time where all are compiled. Who edits configures without
# (cmake --preset default): then each file is compiled by itself, as `make asan` does.
configure:
	@test -f $(BUILD)/build.ninja || cmake -S . -B $(BUILD) -G Ninja -DCMAKE_BUILD_TYPE=$(TYPE) -DCMAKE_UNITY_BUILD=ON

build: configure
	@cmake --build $(BUILD)

bench: deps build
	@test/bench/table $(BUILD) $(ARGS)

# docs/reference, from what the binary says of its options. A test fails when it is stale.
reference: deps build
	@test/end_to_end/reference_test.py --binary $(BUILD)/bin/kiln --write

# The table in docs/conformance.md, from a run of the suite; about two minutes.
conformance: deps build
	@test/end_to_end/conformance_table.py --binary $(BUILD)/bin/kiln

format:
	@git ls-files -co --exclude-standard '*.cpp' '*.hpp' | xargs clang-format-14 -i

asan: test-deps
	@cmake --preset asan && cmake --build --preset asan && ctest --preset asan

# Each fuzz target for FUZZ_SECONDS, from the kept corpus (TARGETS="zstd yaml" for some).
fuzz:
	$(call install,$(PACKAGES) $(FUZZ_PACKAGES))
	@cmake --preset fuzz && cmake --build --preset fuzz
	@test/fuzz/run build-fuzz $(FUZZ_SECONDS) $(TARGETS)

# The long form of the crash test: ten thousand kills. The tests run a short one.
soak: test-deps build
	@$(BUILD)/test/crash_driver --binary $(BUILD)/bin/kiln --kills 10000

# Fifty builds of real Bazel, with a restart of the server in the midst of each. The tests do four.
restarts: test-deps build
	@KILN_BINARY=$(BUILD)/bin/kiln test/end_to_end/restarts_test.py --restarts 50 $(ARGS)

# Ten thousand clients that vanish in the midst of a call. The tests do three hundred.
vanish: test-deps build
	@$(BUILD)/test/vanish_driver --binary $(BUILD)/bin/kiln --clients 10000 $(ARGS)

clean:
	@rm -rf $(BUILD) build-asan build-fuzz

# Installs only what is missing, so that a machine that has it all needs neither network nor root.
define install
	@missing=$$(for p in $(1); do dpkg-query -W -f '$${db:Status-Status}' $$p 2>/dev/null | grep -qx installed || echo $$p; done); \
	test -z "$$missing" || { echo "installing:" $$missing; $(SUDO) apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $$missing >/dev/null; }
endef

deps:
	$(call install,$(PACKAGES))

test-deps:
	$(call install,$(PACKAGES) $(TEST_PACKAGES))
