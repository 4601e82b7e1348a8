#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <map>

#include "test/contract/scratch.hpp"
#include "test/plugins/stores/filesystem/filesystem_model.hpp"

using namespace kiln;
using namespace kiln::test;

BOOST_AUTO_TEST_SUITE(filesystem_models)

namespace {

std::uint64_t from_environment(const char* name, std::uint64_t fallback) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? fallback : std::strtoull(value, nullptr, 10);
}

// KILN_MODEL_SEED: the first seed. KILN_MODEL_RUNS: stores of each shape, a seed each. KILN_MODEL_STEPS: of
// each run. A soak has many, from another seed each time; what is built is tested with the same ones.
void run(model_shape shape, std::uint64_t runs, std::uint64_t steps) {
  // No machine is lost here, so syncs would only cost time; a file system in memory has none.
  const bool in_memory = ::access("/dev/shm", W_OK) == 0 && ::getenv("TMPDIR") == nullptr;
  if (in_memory) contract::move_scratch("/dev/shm");
  const auto first = from_environment("KILN_MODEL_SEED", 1);
  runs = from_environment("KILN_MODEL_RUNS", runs);
  steps = from_environment("KILN_MODEL_STEPS", steps);
  std::map<std::string, std::uint64_t> promises;
  for (std::uint64_t seed = first; seed < first + runs; ++seed) {
    try {
      filesystem_model model(shape, seed);
      for (std::uint64_t i = 0; i < steps; ++i) model.step();
      model.finish();
    } catch (const broken_promise& broken) {
      // One of each kind tells enough.
      if (promises[broken.kind]++ == 0) BOOST_ERROR(broken.what());
    } catch (const std::exception& fault) {
      BOOST_ERROR("shape " << shape.name << ", seed " << seed << ": " << fault.what());
    }
  }
  for (const auto& [promise, times] : promises)
    BOOST_TEST_MESSAGE(shape.name << ": " << times << " of " << runs << " runs broke: " << promise);
  BOOST_TEST(promises.empty(), shape.name << ": seeds " << first << " to " << first + runs - 1);
  contract::move_scratch({});
}

model_shape files() {
  auto options = filesystem_fixture::files_only();
  options.capacity = byte_size{8 << 20};
  return {"files", store_role::content, options, 200 << 10, 400};
}

model_shape packs() {
  auto options = filesystem_fixture::packing();
  options.hot_memory = byte_size{1 << 20};
  return {"packs", store_role::content, options, 100 << 10, 3000};
}

model_shape results() {
  auto options = filesystem_fixture::files_only();
  options.capacity = byte_size{4 << 20};
  return {"results", store_role::results, options, 20 << 10, 1000};
}

model_shape relaxed(model_shape shape) {
  shape.options.keep = filesystem::durability::relaxed;
  return shape;
}
model_shape damaged(model_shape shape) {
  shape.damage = true;
  return shape;
}
model_shape failing(model_shape shape) {
  shape.faults = true;
  return shape;
}

}  // namespace

BOOST_AUTO_TEST_CASE(blobs_in_files) {
  run(files(), 4, 400);
}
BOOST_AUTO_TEST_CASE(blobs_in_packs) {
  run(packs(), 4, 300);
}
BOOST_AUTO_TEST_CASE(results_in_packs) {
  run(results(), 4, 400);
}
BOOST_AUTO_TEST_CASE(relaxed_blobs_in_files) {
  run(relaxed(files()), 2, 400);
}
BOOST_AUTO_TEST_CASE(relaxed_blobs_in_packs) {
  run(relaxed(packs()), 2, 300);
}
BOOST_AUTO_TEST_CASE(damaged_files) {
  run(damaged(files()), 3, 400);
}
BOOST_AUTO_TEST_CASE(damaged_packs) {
  run(damaged(packs()), 3, 300);
}
BOOST_AUTO_TEST_CASE(damaged_results) {
  run(damaged(results()), 3, 400);
}
BOOST_AUTO_TEST_CASE(files_on_a_failing_disk) {
  run(failing(files()), 3, 400);
}
BOOST_AUTO_TEST_CASE(packs_on_a_failing_disk) {
  run(failing(packs()), 3, 300);
}
BOOST_AUTO_TEST_CASE(results_on_a_failing_disk) {
  run(failing(results()), 3, 400);
}

BOOST_AUTO_TEST_SUITE_END()
