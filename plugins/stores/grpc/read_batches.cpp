#include <unordered_set>
#include <utility>

#include "core/contract/checked_source.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/field_reader.hpp"
#include "core/wire/message.hpp"
#include "core/wire/message_writer.hpp"
#include "core/wire/resource_name.hpp"
#include "google/rpc/status.pb.h"
#include "plugins/stores/grpc/batches.hpp"
#include "plugins/stores/grpc/batching.hpp"
#include "plugins/stores/grpc/remote_download.hpp"
#include "plugins/stores/grpc/zstd_intake.hpp"

namespace kiln::grpc_store {
namespace {

class reading final : public batching<bytes> {
public:
  reading(remote_ptr where, std::vector<digest> blobs, done<blob_batch> then)
      : batching(std::move(where), blobs), asked_(std::move(blobs)), then_(std::move(then)) {}

private:
  void ask_for(const batch_plan::batch& batch) override {
    message_writer message;
    message.text(1, where_->options().instance);
    for (const digest& blob : batch.blobs) message.put(2, blob);
    if (where_->speaks_zstd()) message.varint(3, static_cast<std::uint64_t>(compressor::zstd));
    message.varint(4, static_cast<std::uint64_t>(batch.function));
    where_->ask("/build.bazel.remote.execution.v2.ContentAddressableStorage/BatchReadBlobs", message.finish(),
                [self = shared_from_this(), this, &batch](expected<byte_chain> answer) {
                  if (!answer) {
                    refused(batch, answer.error());
                    return go();
                  }
                  auto posted = where_->hashing()->post([self, this, &batch, answer = std::move(*answer)] {
                    auto noted = caught([&] { return note(answer, batch.function); });
                    if (!noted) settle_rest(batch, noted.error());
                    go();
                  });
                  if (posted) return;
                  settle_rest(batch, posted.error());
                  go();
                });
  }

  expected<void> note(const byte_chain& answer, digest_function function) {
    field_reader fields(answer);
    while (fields.next())
      if (fields.is(1, wire_type::length))
        if (auto noted = note_one(fields.chain(), function); !noted) return noted;
    if (fields.broken()) return where_->explain({errc::internal, "its answer cannot be read"});
    return {};
  }
  expected<void> note_one(const byte_chain& response, digest_function function) {
    bytes encoded, content;
    google::rpc::Status status;
    std::uint64_t packed_by = 0;
    field_reader fields(response);
    while (fields.next()) {
      if (fields.is(1, wire_type::length)) encoded = fields.flat();
      if (fields.is(2, wire_type::length)) content = fields.flat();
      if (fields.is(3, wire_type::length))
        if (auto read = parse_into(status, fields.chain()); !read) return read;
      if (fields.is(4, wire_type::varint)) packed_by = fields.value();
    }
    wire_digest named;
    if (fields.broken() || !read_digest(encoded.view(), named))
      return where_->explain({errc::internal, "its answer cannot be read"});
    auto blob = parse_digest(function, named.hash, named.size);
    if (!blob) return where_->explain({errc::internal, blob.error().message()});
    if (!wanted_.contains(*blob)) return {};  // nor is anything unpacked for it
    expected<bytes> right =
        status.code() != 0 ? failure(error_of(status)) : proven(*blob, content, packed_by);
    settle(*blob, right ? std::move(right) : where_->explain(right.error()));
    return {};
  }
  static expected<bytes> proven(const digest& blob, bytes content, std::uint64_t packed_by) {
    if (packed_by == static_cast<std::uint64_t>(compressor::zstd)) {
      auto plain = unpacked(content, static_cast<std::uint64_t>(blob.size));
      if (!plain) return fail(errc::data_loss, "blob {}: {}", blob, plain.error().message());
      content = std::move(*plain);
    } else if (packed_by != 0) {
      return fail(errc::internal, "blob {} came in compressor {}, which nobody asked for", blob, packed_by);
    }
    return check(blob, content, errc::data_loss).map([&] { return content; });
  }

  void stream(const digest& blob) override {
    auto self = shared_from_this();
    auto keep = [self, this, blob](expected<bytes> content) {
      settle(blob, std::move(content));
      go();
    };
    read_there(where_, {blob, 0, 0}, [blob, keep](expected<blob_content> content) {
      if (!content) return keep(failure(content.error()));
      if (!content->rest) return keep(content->head.flatten());
      auto head = std::move(content->head);
      collect(std::move(content->rest), static_cast<std::size_t>(blob.size),
              [head = std::move(head), keep](expected<bytes> rest) mutable {
                if (!rest) return keep(std::move(rest));
                head.append(std::move(*rest));
                keep(head.flatten());
              });
    });
  }

  void finish() override {
    blob_batch batch;
    batch.results.reserve(asked_.size());
    for (const digest& blob : asked_)
      batch.results.push_back(is_empty_blob(blob) ? expected<bytes>() : outcome_of(blob));
    then_(std::move(batch));
  }

  const std::vector<digest> asked_;
  const std::unordered_set<digest> wanted_{asked_.begin(), asked_.end()};
  const done<blob_batch> then_;
};

}  // namespace

void read_many_there(remote_ptr where, std::vector<digest> blobs, done<blob_batch> then) {
  std::make_shared<reading>(std::move(where), std::move(blobs), std::move(then))->go();
}

}  // namespace kiln::grpc_store
