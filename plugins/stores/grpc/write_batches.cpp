#include <optional>
#include <unordered_map>
#include <utility>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/compress/zstd.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"
#include "core/wire/message_writer.hpp"
#include "core/wire/resource_name.hpp"
#include "plugins/stores/grpc/batches.hpp"
#include "plugins/stores/grpc/batching.hpp"
#include "plugins/stores/grpc/remote_upload.hpp"

namespace kiln::grpc_store {
namespace {

namespace v2 = build::bazel::remote::execution::v2;

// Bytes: less of them is packed to as many.
constexpr std::size_t worth_packing = 256;

bool has_its_size(const write_blobs::entry& entry) noexcept {
  return static_cast<std::int64_t>(entry.content.size()) == entry.blob.size;
}

std::vector<digest> worth_sending(const write_blobs& order) {
  std::vector<digest> blobs;
  for (const auto& entry : order.entries)
    if (has_its_size(entry)) blobs.push_back(entry.blob);
  return blobs;
}

class writing final : public batching<receipt> {
public:
  writing(remote_ptr where, write_blobs order, done<receipts> then)
      : batching(std::move(where), worth_sending(order)), order_(std::move(order)), then_(std::move(then)) {
    for (const auto& entry : order_.entries)
      if (has_its_size(entry)) contents_.emplace(entry.blob, entry.content);
  }

private:
  void ask_for(const batch_plan::batch& batch) override {
    if (!where_->packs_batches()) return send(batch, message_of(batch, {}));
    auto posted = where_->hashing()->post([self = shared_from_this(), this, &batch] {
      auto message =
          caught([&]() -> expected<byte_chain> { return message_of(batch, where_->options().zstd_level); });
      if (message) return send(batch, std::move(*message));
      settle_rest(batch, message.error());
      go();
    });
    if (posted) return;
    settle_rest(batch, posted.error());
    go();
  }
  // Packed at this level, where that makes a blob smaller.
  byte_chain message_of(const batch_plan::batch& batch, std::optional<int> level) const {
    message_writer message;
    message.text(1, where_->options().instance);
    for (const digest& blob : batch.blobs) {
      bytes content = contents_.at(blob);
      auto form = compressor::identity;
      if (level && content.size() > worth_packing)
        if (auto packed = zstd_encode(content.view(), *level, content.size() - content.size() / 8)) {
          content = std::move(*packed);
          form = compressor::zstd;
        }
      const auto packed_by = static_cast<std::uint64_t>(form);
      message.open(2, message_writer::digest_size(1, blob) + message_writer::data_size(2, content.size()) +
                          message_writer::varint_size(3, packed_by));
      message.put(1, blob);
      message.data(2, content);
      message.varint(3, packed_by);
    }
    message.varint(5, static_cast<std::uint64_t>(batch.function));
    return message.finish();
  }
  void send(const batch_plan::batch& batch, byte_chain message) {
    where_->ask("/build.bazel.remote.execution.v2.ContentAddressableStorage/BatchUpdateBlobs",
                std::move(message),
                [self = shared_from_this(), this, &batch](const expected<byte_chain>& answer) {
                  if (!answer)
                    refused(batch, answer.error());
                  else if (auto noted = note(*answer, batch.function); !noted)
                    settle_rest(batch, noted.error());
                  go();
                });
  }
  expected<void> note(const byte_chain& answer, digest_function function) {
    auto message = parse<v2::BatchUpdateBlobsResponse>(answer);
    if (!message) return where_->explain({errc::internal, message.error().message()});
    for (const auto& response : message->responses()) {
      auto blob = from_wire(response.digest(), function);
      if (!blob) return where_->explain({errc::internal, blob.error().message()});
      if (response.status().code() == 0)
        settle(*blob, receipt{static_cast<std::uint64_t>(blob->size), false});
      else
        settle(*blob, where_->explain(error_of(response.status())));
    }
    return {};
  }

  void stream(const digest& blob) override {
    write_there(where_, blob, source_of(contents_.at(blob)),
                [self = shared_from_this(), this, blob](expected<receipt> written) {
                  settle(blob, std::move(written));
                  go();
                });
  }

  void finish() override {
    receipts answers;
    answers.results.reserve(order_.entries.size());
    for (const auto& entry : order_.entries) {
      if (!has_its_size(entry))
        answers.results.emplace_back(
            fail(errc::invalid_argument, "{} bytes came as blob {}", entry.content.size(), entry.blob));
      else if (is_empty_blob(entry.blob))
        answers.results.emplace_back(receipt{0, true});
      else
        answers.results.push_back(outcome_of(entry.blob));
    }
    then_(std::move(answers));
  }

  const write_blobs order_;
  const done<receipts> then_;
  std::unordered_map<digest, bytes> contents_;
};

}  // namespace

void write_many_there(remote_ptr where, write_blobs order, done<receipts> then) {
  std::make_shared<writing>(std::move(where), std::move(order), std::move(then))->go();
}

}  // namespace kiln::grpc_store
