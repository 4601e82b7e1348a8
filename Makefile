# `make run` serves, `make test` proves; both install what is missing, build, and go.

BUILD ?= build
TYPE ?= RelWithDebInfo
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

# What Kiln is made of.
PACKAGES := g++ cmake ninja-build ccache mold pkg-config \
  libcaf-dev libgrpc++-dev protobuf-compiler protobuf-compiler-grpc libprotobuf-dev libyaml-cpp-dev \
  libboost-dev libboost-test-dev libexpected-dev libfmt-dev libcli11-dev libssl-dev libcurl4-openssl-dev zlib1g-dev libzstd-dev libseccomp-dev libhiredis-dev librust-blake3-dev
# What its tests are made of: real clients and tools.
TEST_PACKAGES := bazel-bootstrap bazel-rules-cc bazel-rules-java bazel-rules-proto bazel-skylib bazel-platforms \
  redis-server redis-sentinel libxslt1.1 python3 python3-pip git openssl curl clang-format-14 b3sum procps e2fsprogs xfsprogs mount

# libFuzzer and its sanitizers, which nothing else needs.
FUZZ_PACKAGES := clang-14 libclang-rt-14-dev
FUZZ_SECONDS ?= 60

.PHONY: run test configure build bench reference conformance format deps test-deps asan tsan fuzz soak soak-layouts powercuts restarts vanish clean

run: deps configure
	@cmake --build $(BUILD) --target serving
	@$(BUILD)/bin/kiln $(ARGS)

# Clients that are no packages come while the compiler works.
test: test-deps configure
	@test/end_to_end/fetch_clients $(BUILD)/clients & cmake --build $(BUILD) && wait && \
	  ctest --test-dir $(BUILD) --output-on-failure --no-tests=error -j $(or $(JOBS),3)

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

# Services and stores under TSan. CAF=FOLDER has a libcaf_core.so that was built with -fsanitize=thread, too: without it the
# hand-over of messages between threads is unseen, and test/tsan.supp hides what crosses it.
tsan: test-deps
	@cmake --preset tsan && cmake --build --preset tsan
	@LD_LIBRARY_PATH=$(CAF) ctest --preset tsan

# Each fuzz target for FUZZ_SECONDS, from the kept corpus (TARGETS="zstd yaml" for some).
fuzz:
	$(call install,$(PACKAGES) $(FUZZ_PACKAGES))
	@cmake --preset fuzz && cmake --build --preset fuzz
	@test/fuzz/run build-fuzz $(FUZZ_SECONDS) $(TARGETS)

# The long forms of the crash test, of the model of the filesystem store and of several processes on one folder, which the
# tests run shortly: KILLS kills, RUNS houses of each shape, and so many seconds, from another seed each time. RUNS=2000
# takes hours.
KILLS ?= 2000
RUNS ?= 200
SHARED_SECONDS ?= 60
soak: test-deps build
	@$(BUILD)/test/crash_driver --binary $(BUILD)/bin/kiln --kills $(KILLS)
	@$(BUILD)/test/shared_driver --seconds $(SHARED_SECONDS) --bench 10
	@KILN_MODEL_SEED=$${SEED:-$$(date +%s)} KILN_MODEL_RUNS=$(RUNS) \
	  $(BUILD)/test/plugins_tests --run_test=filesystem_models --log_level=message

# The same with each durable layout of stores, redis and a bucket among them: KILLS_EACH kills of each, of the bucket a fifth.
# An hour or more.
KILLS_EACH ?= 500
soak-layouts: test-deps build
	@test/end_to_end/fetch_clients $(BUILD)/clients
	@KILN_BINARY=$(BUILD)/bin/kiln test/end_to_end/crash_layouts_test.py $(BUILD)/test/crash_driver --kills $(KILLS_EACH) $(ARGS)

# Power cuts of an ext4 and an xfs disk under a server: CUTS for each of them, durable and relaxed. Needs root.
CUTS ?= 100
powercuts: test-deps build
	@$(BUILD)/test/power_driver --binary $(BUILD)/bin/kiln --cuts $(CUTS) $(ARGS)

# Fifty builds of real Bazel, with a restart of the server in the midst of each. The tests do four.
restarts: test-deps build
	@KILN_BINARY=$(BUILD)/bin/kiln test/end_to_end/restarts_test.py --restarts 50 $(ARGS)

# Ten thousand clients that vanish in the midst of a call. The tests do three hundred.
vanish: test-deps build
	@$(BUILD)/test/vanish_driver --binary $(BUILD)/bin/kiln --clients 10000 $(ARGS)

clean:
	@rm -rf $(BUILD) build-asan build-tsan build-fuzz

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
