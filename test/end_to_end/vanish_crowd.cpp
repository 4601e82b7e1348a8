#include "test/end_to_end/vanish_crowd.hpp"

#include <google/bytestream/bytestream.pb.h>

#include <algorithm>

#include "core/wire/digests.hpp"
#include "core/wire/resource_name.hpp"
#include "test/end_to_end/remote.hpp"

namespace kiln::end_to_end {
namespace {

constexpr const char* read_method = "/google.bytestream.ByteStream/Read";

constexpr std::string_view name_of(midst where) {
  switch (where) {
    case midst::upload:
      return "an upload";
    case midst::read:
      return "a read";
    case midst::tree:
      return "GetTree";
    case midst::execution:
      return "Execute";
  }
  return "";
}

}  // namespace

expected<void> vanish_crowd::gather(duration patience) {
  for (unsigned i = 0; i < order_.clients; ++i) {
    auto who = std::make_unique<client>();
    who->where = all_midsts[i % all_midsts.size()];
    who->cancels = chance_() % 5 == 0;
    who->line = out_.dial(order_.address);
    clients_.push_back(std::move(who));
  }
  for (auto& who : clients_) begin(*who);
  std::unique_lock lock(mutex_);
  bool all = changed_.wait_for(lock, patience, [&] { return !fault_ || arrived_ == clients_.size(); });
  if (!all) return fail(errc::deadline_exceeded, "{} of {} clients were served", arrived_, clients_.size());
  return fault_;
}

void vanish_crowd::begin(client& who) {
  switch (who.where) {
    case midst::upload:
      return begin_upload(who);
    case midst::read: {
      google::bytestream::ReadRequest request;
      request.set_resource_name(make_read_name({"", order_.blob, compressor::identity, {}}));
      return ask(who, read_method, serialise(request));
    }
    case midst::tree: {
      v2::GetTreeRequest request;
      to_wire(order_.trees[chance_() % order_.trees.size()], request.mutable_root_digest());
      return ask(who, reapi("ContentAddressableStorage/GetTree"), serialise(request));
    }
    case midst::execution: {
      v2::ExecuteRequest request;
      to_wire(order_.actions[chance_() % order_.actions.size()], request.mutable_action_digest());
      return ask(who, reapi("Execution/Execute"), serialise(request));
    }
  }
}

// Blobs that fit into a pack and blobs that get a file; every fourth is one that others are uploading, too.
void vanish_crowd::begin_upload(client& who) {
  static const auto content = bytes::adopt(made_bytes(1, 256 << 10));
  auto key = chance_() % 4 == 0 ? chance_() % 8 : chance_();
  auto blob = digest_of(fmt::format("blob {} of {}", key, order_.seed));
  bool small = key % 3 == 0;
  blob.size = small ? 48 << 10 : 4 << 20;
  auto count = small ? 1 : 1 + key % 6;
  auto size = small ? std::size_t{16} << 10 : content.size();
  for (std::uint64_t i = 0; i < count; ++i) {
    google::bytestream::WriteRequest request;
    if (i == 0)
      request.set_resource_name(
          make_write_name({"", blob, compressor::identity, fmt::format("{:016x}", chance_())}));
    request.set_write_offset(static_cast<std::int64_t>(i * size));
    request.set_data(content.data(), size);
    who.messages.push_back(serialise(request));
  }
  if (!small && key >= 8 && key % 2 == 0) {  // one whose other uploads cannot disturb the reader
    google::bytestream::ReadRequest request;
    request.set_resource_name(make_read_name({"", blob, compressor::identity, {}}));
    who.also = serialise(request);
  }
  std::reverse(who.messages.begin(), who.messages.end());
  who.call = who.line->start({"/google.bytestream.ByteStream/Write", {}, {}});
  send_next(who);
}

void vanish_crowd::send_next(client& who) {
  if (who.messages.empty()) return who.also ? read_along(who) : arrived(who, {});
  auto message = std::move(who.messages.back());
  who.messages.pop_back();
  who.call->write(std::move(message), [this, &who](bool sent) {
    if (sent) return send_next(who);
    arrived(who, fail(errc::unavailable, "the upload broke off"));
  });
}

// What was sent is on its way: the server may not have heard of the blob yet.
void vanish_crowd::read_along(client& who) {
  who.reading = who.line->start({read_method, {}, {}});
  who.reading->write(*who.also, [](bool) {});
  who.reading->writes_done();
  who.reading->read([this, &who](expected<std::optional<byte_chain>> first) {
    if (!first && first.error().code() == errc::not_found) return read_along(who);
    if (!first) return arrived(who, failure(first.error()));
    arrived(who, {});
  });
}

// The first message is taken and no other, so that the server cannot come to an end.
void vanish_crowd::ask(client& who, const std::string& method, byte_chain request) {
  who.call = who.line->start({method, {}, {}});
  who.call->write(std::move(request), [](bool) {});
  who.call->writes_done();
  who.call->read([this, &who](expected<std::optional<byte_chain>> first) {
    if (!first) return arrived(who, failure(first.error()));
    if (!*first) return arrived(who, fail(errc::internal, "nothing was answered"));
    arrived(who, {});
  });
}

void vanish_crowd::arrived(client& who, expected<void> how) {
  if (how && who.cancels) who.call->cancel();
  std::lock_guard lock(mutex_);
  if (!how && fault_) fault_ = with_context(how.error(), "a client in the midst of {}", name_of(who.where));
  ++arrived_;
  changed_.notify_all();
}

}  // namespace kiln::end_to_end
