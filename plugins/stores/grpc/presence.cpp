#include "plugins/stores/grpc/presence.hpp"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "core/wire/digests.hpp"
#include "core/wire/field_reader.hpp"
#include "core/wire/message_writer.hpp"

namespace kiln::grpc_store {
namespace {

// A digest takes some 80 bytes, and messages of 4 MiB pass everywhere.
constexpr std::size_t digests_in_a_question = 20'000;

struct question {
  digest_function function;
  std::vector<digest> blobs;
};

std::vector<question> questions_about(const std::vector<digest>& asked) {
  std::vector<question> all;
  std::unordered_set<digest> named;
  for (const auto& info : digest_functions()) {
    question open{info.function, {}};
    for (const digest& blob : asked) {
      if (blob.function != info.function || is_empty_blob(blob) || !named.insert(blob).second) continue;
      open.blobs.push_back(blob);
      if (open.blobs.size() == digests_in_a_question) all.push_back(std::exchange(open, {info.function, {}}));
    }
    if (!open.blobs.empty()) all.push_back(std::move(open));
  }
  return all;
}

class finding : public std::enable_shared_from_this<finding> {
public:
  finding(remote_ptr where, std::vector<digest> asked, done<missing_blobs> then)
      : where_(std::move(where)),
        asked_(std::move(asked)),
        questions_(questions_about(asked_)),
        then_(std::move(then)) {}

  // One question after the other: the number of those under way stays that of the askers.
  void go() {
    if (next_ == questions_.size()) return then_(in_order());
    const question& now = questions_[next_++];
    message_writer message;
    message.text(1, where_->options().instance);
    for (const digest& blob : now.blobs) message.put(2, blob);
    message.varint(3, static_cast<std::uint64_t>(now.function));
    where_->ask("/build.bazel.remote.execution.v2.ContentAddressableStorage/FindMissingBlobs",
                message.finish(),
                [self = shared_from_this(), function = now.function](expected<byte_chain> answer) {
                  auto noted = answer ? self->note(*answer, function) : failure(answer.error());
                  if (!noted) return self->then_(failure(noted.error()));
                  self->go();
                });
  }

private:
  expected<void> note(const byte_chain& answer, digest_function function) {
    field_reader fields(answer);
    while (fields.next()) {
      if (!fields.is(2, wire_type::length)) continue;
      bytes encoded = fields.flat();  // the digest's hash is a view of it
      wire_digest found;
      if (!read_digest(encoded.view(), found))
        return where_->explain({errc::internal, "it named a missing blob that cannot be read"});
      auto blob = parse_digest(function, found.hash, found.size);
      if (!blob) return where_->explain({errc::internal, blob.error().message()});
      missing_.insert(*blob);
    }
    if (fields.broken()) return where_->explain({errc::internal, "its answer cannot be read"});
    return {};
  }
  missing_blobs in_order() {
    missing_blobs all;
    for (const digest& blob : asked_)
      if (missing_.erase(blob) > 0) all.blobs.push_back(blob);
    return all;
  }

  const remote_ptr where_;
  const std::vector<digest> asked_;
  const std::vector<question> questions_;
  const done<missing_blobs> then_;
  std::size_t next_ = 0;
  std::unordered_set<digest> missing_;
};

}  // namespace

void find_missing_there(remote_ptr where, std::vector<digest> asked, done<missing_blobs> then) {
  std::make_shared<finding>(std::move(where), std::move(asked), std::move(then))->go();
}

}  // namespace kiln::grpc_store
