#include "core/wire/message.hpp"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message.h>
#include <google/protobuf/stubs/logging.h>

#include <limits>

#include "core/wire/parsed_weight.hpp"

namespace kiln {
namespace {

namespace pb = google::protobuf;

constexpr int recursion_limit = 100;

class chain_input final : public pb::io::ZeroCopyInputStream {
public:
  explicit chain_input(std::span<const bytes> pieces) : pieces_(pieces) {}

  bool Next(const void** data, int* size) override {
    if (at_ == pieces_.size()) return false;
    std::string_view rest = pieces_[at_].view().substr(offset_);
    *data = rest.data();
    *size = static_cast<int>(rest.size());
    seen_ += static_cast<std::int64_t>(rest.size());
    ++at_;
    offset_ = 0;
    return true;
  }
  void BackUp(int count) override {
    --at_;
    offset_ = pieces_[at_].size() - static_cast<std::size_t>(count);
    seen_ -= count;
  }
  bool Skip(int count) override {
    const void* data = nullptr;
    int size = 0;
    while (count > 0 && Next(&data, &size)) {
      if (size > count) BackUp(size - count);
      count -= std::min(size, count);
    }
    return count == 0;
  }
  std::int64_t ByteCount() const override { return seen_; }

private:
  std::span<const bytes> pieces_;
  std::size_t at_ = 0;
  std::size_t offset_ = 0;
  std::int64_t seen_ = 0;
};

// protobuf writes to the error stream when a peer's text is not UTF-8; a peer must not be able to fill it.
void quieten_protobuf() {
  static const auto former = pb::SetLogHandler(nullptr);
  (void)former;
}

/// Two bytes of a message may become an object of 80: a few of 16 MiB would be all the memory that there is.
expected<void> check_weight(const pb::MessageLite& message, const byte_chain& from) {
  const auto* whole = dynamic_cast<const pb::Message*>(&message);
  if (whole == nullptr || from.size() <= weighed_above) return {};
  const auto most = most_parsed_weight(from.size());
  if (parsed_weight(*whole->GetDescriptor(), from, most) <= most) return {};
  return fail(
      errc::invalid_argument,
      "the {} bytes of a {} have so many small parts that more than {} MiB of memory would be needed to "
      "parse them",
      from.size(), message.GetTypeName(), most >> 20);
}

}  // namespace

expected<void> parse_into(pb::MessageLite& message, const byte_chain& from) {
  quieten_protobuf();
  if (from.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    return fail(errc::invalid_argument, "a message of {} bytes is no {}", from.size(), message.GetTypeName());
  if (auto fine = check_weight(message, from); !fine) return fine;
  chain_input input(from.pieces());
  pb::io::CodedInputStream coded(&input);
  coded.SetRecursionLimit(recursion_limit);
  if (!message.ParseFromCodedStream(&coded) || !coded.ConsumedEntireMessage())
    return fail(errc::invalid_argument, "the {} bytes are no {}", from.size(), message.GetTypeName());
  return {};
}

bytes serialise(const pb::MessageLite& message) {
  std::size_t size = message.ByteSizeLong();
  buffer whole(size);
  pb::io::ArrayOutputStream array(whole.data(), static_cast<int>(size));
  pb::io::CodedOutputStream coded(&array);
  coded.SetSerializationDeterministic(true);
  message.SerializeWithCachedSizes(&coded);
  return whole.freeze(size);
}

}  // namespace kiln
