#include "plugins/stores/memory/blob_view.hpp"

#include <utility>

#include "plugins/stores/memory/gather.hpp"

namespace kiln::memory {
namespace {

class block_source final : public blob_source {
public:
  explicit block_source(byte_chain blocks) : blocks_(std::move(blocks)) {}
  void read(next then) override {
    if (next_ == blocks_.pieces().size()) return then(byte_chain());
    then(byte_chain(blocks_.pieces()[next_++]));
  }

private:
  const byte_chain blocks_;
  std::size_t next_ = 0;
};

}  // namespace

blob_content view_of(const byte_chain& blob, std::uint64_t offset, std::uint64_t limit) {
  byte_chain range = blob.slice(offset, limit == 0 ? std::string_view::npos : limit);
  if (range.size() <= block_size) return {std::move(range), nullptr};
  return {{}, std::make_shared<block_source>(std::move(range))};
}

}  // namespace kiln::memory
