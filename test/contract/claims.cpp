#include "test/contract/claims.hpp"

#include <stdlib.h>

#include <filesystem>

#include "test/contract/scratch.hpp"

namespace kiln::contract {
namespace {

// Claims are proved one at a time, and none of them names a blob on another thread.
digest_function in_use = digest_function::sha256;
// Several times what a claim writes.
constexpr std::uintmax_t room_in_memory = std::uintmax_t{512} << 20;

}  // namespace

digest digest_now(std::string_view content) {
  return kiln::digest_of(content, in_use);
}

std::size_t large_size() {
  return in_use == digest_functions().front().function ? std::size_t{64} << 20 : std::size_t{9} << 20;
}

void prove_under(digest_function function, const claim& which, const subject& what) {
  struct scope {
    scope(digest_function now, bool digits) {
      in_use = now;
      write_noise_in_digits(digits);
      // On the disk for the first, as it is for most clients; the others would only wait for the same syncs
      // again.
      if (now == digest_functions().front().function || ::getenv("TMPDIR") != nullptr) return;
      std::error_code fault;
      auto memory = std::filesystem::space("/dev/shm", fault);
      if (fault || memory.available < room_in_memory) return;
      move_scratch("/dev/shm");
    }
    ~scope() {
      in_use = digest_function::sha256;
      write_noise_in_digits(false);
      move_scratch({});
    }
  } names(function, what.compresses);
  BOOST_TEST_CONTEXT("under " << info_of(function).name) {
    which.prove(what);
  }
}

expected<receipt> write(stage& on, const digest& blob, std::string content) {
  return on.tell(write_blob{blob, deliver(std::move(content))});
}

digest put(stage& on, const std::string& content) {
  digest blob = digest_now(content);
  auto written = write(on, blob, content);
  BOOST_REQUIRE_MESSAGE(written, "writing " << content.size() << " bytes: " << text_of(written));
  return blob;
}

expected<std::string> read(stage& on, const digest& blob, std::uint64_t offset, std::uint64_t limit) {
  auto content = on.tell(read_blob{blob, offset, limit});
  if (!content) return failure(content.error());
  return drain(std::move(*content));
}

bool is_missing(stage& on, const digest& blob) {
  auto missing = on.tell(find_missing{{blob}});
  BOOST_REQUIRE_MESSAGE(missing, text_of(missing));
  return !missing->blobs.empty();
}

}  // namespace kiln::contract
