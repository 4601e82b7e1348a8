#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "test/fuzz/fuzz.hpp"
#include "test/places.hpp"

/// Each target's function has a name of its own here.
#define KILN_FUZZ_TARGET(name) extern "C" int kiln_fuzz_##name(const std::uint8_t*, std::size_t);
KILN_FUZZ_TARGET(byte_stream_messages)
KILN_FUZZ_TARGET(cas_messages)
KILN_FUZZ_TARGET(configuration)
KILN_FUZZ_TARGET(disk_records)
KILN_FUZZ_TARGET(execute_request)
KILN_FUZZ_TARGET(http_requests)
KILN_FUZZ_TARGET(merkle)
KILN_FUZZ_TARGET(packed_messages)
KILN_FUZZ_TARGET(resource_name)
KILN_FUZZ_TARGET(rpc_messages)
KILN_FUZZ_TARGET(yaml)
KILN_FUZZ_TARGET(zstd)
#undef KILN_FUZZ_TARGET

BOOST_AUTO_TEST_SUITE(fuzz)

namespace {

// A broken promise aborts, which Boost.Test reports with the file that was tried last.
void replay(const char* target, int (*attempt)(const std::uint8_t*, std::size_t)) {
  std::size_t tried = 0;
  for (const auto& each :
       std::filesystem::directory_iterator(std::string(KILN_SOURCE_FOLDER "/test/fuzz/corpus/") + target)) {
    BOOST_TEST_CONTEXT(each.path().string()) {
      std::ifstream file(each.path(), std::ios::binary);
      const std::string text(std::istreambuf_iterator<char>(file), {});
      BOOST_TEST(attempt(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()) == 0);
      ++tried;
    }
  }
  BOOST_TEST(tried > 0u);
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_fuzzing_began_with_and_found_breaks_no_promise) {
  replay("byte_stream_messages", kiln_fuzz_byte_stream_messages);
  replay("cas_messages", kiln_fuzz_cas_messages);
  replay("configuration", kiln_fuzz_configuration);
  replay("disk_records", kiln_fuzz_disk_records);
  replay("execute_request", kiln_fuzz_execute_request);
  replay("http_requests", kiln_fuzz_http_requests);
  replay("merkle", kiln_fuzz_merkle);
  replay("packed_messages", kiln_fuzz_packed_messages);
  replay("resource_name", kiln_fuzz_resource_name);
  replay("rpc_messages", kiln_fuzz_rpc_messages);
  replay("yaml", kiln_fuzz_yaml);
  replay("zstd", kiln_fuzz_zstd);
}

BOOST_AUTO_TEST_SUITE_END()
