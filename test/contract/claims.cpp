#include "test/contract/claims.hpp"

namespace kiln::contract {

expected<receipt> write(stage& on, const digest& blob, std::string content) {
  return on.tell(write_blob{blob, deliver(std::move(content))});
}

digest put(stage& on, const std::string& content) {
  digest blob = digest_of(content);
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
