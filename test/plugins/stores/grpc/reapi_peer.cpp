#include "test/plugins/stores/grpc/reapi_peer.hpp"

#include <stdexcept>
#include <utility>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/compress/zstd.hpp"
#include "core/observe/log.hpp"
#include "core/observe/metrics.hpp"
#include "core/plugin/loader.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"
#include "core/wire/resource_name.hpp"
#include "google/bytestream/bytestream.pb.h"
#include "test/places.hpp"

namespace kiln::test {
namespace {

namespace v2 = build::bazel::remote::execution::v2;

std::unique_ptr<transport> make_wire() {
  static plugin_registry plugins;
  static logger log([](std::string_view) { return true; }, system_clock());
  static metric_registry metrics;
  static const auto random = make_system_random();
  if (plugins.transport("grpc") == nullptr)
    if (auto loaded = plugins.load(KILN_PLUGIN_FOLDER "/kiln_transport_grpc.so"); !loaded)
      throw std::runtime_error(loaded.error().message());
  const transport_plugin* plugin = plugins.transport("grpc");
  auto text = parse_document("{listen: [\"127.0.0.1:0\"], threads: 1}", "peer.yaml");
  faults wrong;
  store_refs none;
  auto options = plugin->schema()->read_any(text->root(), wrong, none);
  auto wire = plugin->make(options, {{&system_clock(), random.get(), &log, &metrics}, "peer"});
  if (!wrong.empty() || !wire) throw std::runtime_error("no transport for the peer " + wrong.to_string());
  return std::move(*wire);
}

template <class Message>
void reply(const call_ptr& to, const Message& message) {
  to->reply(serialise(message));
}

digest_function function_of(int number) {
  return number == 0 ? digest_function::sha256 : static_cast<digest_function>(number);
}

std::string pack(const std::string& text) {
  return std::string(zstd_encode(text, 3, text.size() + 1024)->view());
}

void set_status(google::rpc::Status* to, const error& fault) {
  to->set_code(static_cast<int>(fault.code()));
  to->set_message(fault.message());
}

}  // namespace

reapi_peer::reapi_peer() : wire_(make_wire()) {
  add_routes();
  if (auto served = wire_->serve(routes_); !served) throw std::runtime_error(served.error().message());
}

reapi_peer::~reapi_peer() = default;

std::shared_ptr<channel> reapi_peer::dial() {
  return wire_->dial(wire_->addresses().at(0));
}

void reapi_peer::add_routes() {
  add_cas_routes();
  add_stream_routes();
  add_status_route();
  add_result_routes();
  routes_.add("/build.bazel.remote.execution.v2.Capabilities/GetCapabilities",
              {requests::one, [this](const call_ptr& from, const byte_chain&) {
                 std::lock_guard lock(mutex);
                 v2::ServerCapabilities capabilities;
                 auto* cache = capabilities.mutable_cache_capabilities();
                 cache->set_max_batch_total_size_bytes(how.batch_limit);
                 if (how.knows_zstd) {
                   cache->add_supported_compressors(v2::Compressor::ZSTD);
                   cache->add_supported_batch_update_compressors(v2::Compressor::ZSTD);
                 }
                 ++calls["GetCapabilities"];
                 reply(from, capabilities);
               }});
}

void reapi_peer::let_go() {
  std::lock_guard lock(mutex);
  how.hold_batch_reads = false;
  for (const auto& answer : std::exchange(held, {})) answer();
}

bool reapi_peer::admit(const call_ptr& from) {
  const std::string& method = from->info().method;
  const auto short_name = method.substr(method.rfind('/') + 1);
  ++calls[short_name];
  said[short_name].push_back(from->info().metadata);
  clients.insert(from->info().peer);
  if (how.unavailable == 0) return true;
  --how.unavailable;
  from->finish({errc::unavailable, "the peer is not in the mood"});
  return false;
}

void reapi_peer::add_cas_routes() {
  const std::string service = "/build.bazel.remote.execution.v2.ContentAddressableStorage/";
  routes_.add(service + "FindMissingBlobs",
              {requests::one, [this](const call_ptr& from, const byte_chain& request) {
                 std::lock_guard lock(mutex);
                 if (!admit(from)) return;
                 auto order = parse<v2::FindMissingBlobsRequest>(request);
                 v2::FindMissingBlobsResponse answer;
                 // Backwards: the protocol promises no order.
                 for (int i = order->blob_digests_size(); i-- > 0;) {
                   auto blob = from_wire(order->blob_digests(i), function_of(order->digest_function()));
                   if (!blobs.contains(*blob)) to_wire(*blob, answer.add_missing_blob_digests());
                 }
                 reply(from, answer);
               }});
  routes_.add(service + "BatchReadBlobs",
              {requests::one, [this](const call_ptr& from, const byte_chain& request) {
                 std::lock_guard lock(mutex);
                 if (!admit(from)) return;
                 auto order = parse<v2::BatchReadBlobsRequest>(request);
                 batch_reads.push_back(order->digests_size());
                 v2::BatchReadBlobsResponse answer;
                 for (int i = order->digests_size(); i-- > 0;) {
                   auto blob = from_wire(order->digests(i), function_of(order->digest_function()));
                   if (how.abhorred && *blob == *how.abhorred)
                     return from->finish({errc::invalid_argument, "the peer abhors one of them"});
                   auto* each = answer.add_responses();
                   to_wire(*blob, each->mutable_digest());
                   if (auto found = blobs.find(*blob); found != blobs.end()) {
                     each->set_data(found->second);
                     if (how.flip_a_bit) (*each->mutable_data())[0] ^= 1;
                     if (how.forget_the_end) each->mutable_data()->pop_back();
                     const auto& forms = order->acceptable_compressors();
                     if (std::find(forms.begin(), forms.end(), v2::Compressor::ZSTD) != forms.end()) {
                       each->set_data(pack(each->data()));
                       each->set_compressor(v2::Compressor::ZSTD);
                     }
                   } else {
                     set_status(each->mutable_status(), {errc::not_found, "the peer has no such blob"});
                   }
                 }
                 largest_batch = std::max(largest_batch, serialise(answer).size());
                 if (how.hold_batch_reads)
                   held.push_back([from, answer] { reply(from, answer); });
                 else
                   reply(from, answer);
               }});
  routes_.add(service + "BatchUpdateBlobs",
              {requests::one, [this](const call_ptr& from, const byte_chain& request) {
                 std::lock_guard lock(mutex);
                 if (!admit(from)) return;
                 largest_batch = std::max(largest_batch, request.size());
                 auto order = parse<v2::BatchUpdateBlobsRequest>(request);
                 v2::BatchUpdateBlobsResponse answer;
                 for (const auto& entry : order->requests()) {
                   auto blob = from_wire(entry.digest(), function_of(order->digest_function()));
                   auto* each = answer.add_responses();
                   to_wire(*blob, each->mutable_digest());
                   if (how.refusal)
                     set_status(each->mutable_status(), *how.refusal);
                   else if (entry.compressor() == v2::Compressor::ZSTD)
                     blobs[*blob] =
                         zstd_decode(entry.data(), static_cast<std::uint64_t>(blob->size), 23)->view();
                   else
                     blobs[*blob] = entry.data();
                 }
                 reply(from, answer);
               }});
}

namespace {

// Writes [from, to) in messages of a few hundred KiB, then finishes.
void stream_out(const call_ptr& to, std::shared_ptr<std::string> text, std::size_t at, error last_word) {
  if (at == text->size()) return to->finish(std::move(last_word));
  google::bytestream::ReadResponse message;
  message.set_data(text->substr(at, 300'000));
  const std::size_t next = at + message.data().size();
  to->write(serialise(message), [=](bool taken) {
    if (taken) stream_out(to, text, next, last_word);
  });
}

struct incoming {
  std::string name;
  std::string content;
};

// Reads an upload to its end, or until `enough` says after some message that it is over, and hands it on.
void stream_in(const call_ptr& from, std::shared_ptr<incoming> upload,
               std::function<bool(std::size_t)> enough, std::function<void()> then) {
  from->read([=](expected<std::optional<byte_chain>> message) {
    if (!message || !*message) return from->finish({errc::cancelled, "the upload ended before its end"});
    auto part = parse<google::bytestream::WriteRequest>(**message);
    if (upload->name.empty()) upload->name = part->resource_name();
    upload->content += part->data();
    if (enough(part->data().size()) || part->finish_write()) return then();
    stream_in(from, upload, enough, then);
  });
}

}  // namespace

void reapi_peer::add_stream_routes() {
  routes_.add(
      "/google.bytestream.ByteStream/Read",
      {requests::one, [this](const call_ptr& from, const byte_chain& request) {
         std::lock_guard lock(mutex);
         if (!admit(from)) return;
         auto order = parse<google::bytestream::ReadRequest>(request);
         names.push_back(order->resource_name());
         auto name = parse_read_name(order->resource_name());
         auto found = blobs.find(name->blob);
         if (found == blobs.end()) return from->finish({errc::not_found, "the peer has no such blob"});
         auto text = std::make_shared<std::string>(found->second.substr(
             static_cast<std::size_t>(order->read_offset()),
             order->read_limit() == 0 ? std::string::npos : static_cast<std::size_t>(order->read_limit())));
         error last_word;
         if (how.flip_a_bit) text->back() ^= 1;
         if (how.forget_the_end) text->pop_back();
         if (name->form == compressor::zstd) *text = pack(*text);
         if (how.break_read_after && *how.break_read_after < text->size()) {
           text->resize(*how.break_read_after);
           last_word = {errc::unavailable, "the peer broke off"};
           how.break_read_after.reset();
         }
         stream_out(from, text, 0, last_word);
       }});
  routes_.add(
      "/google.bytestream.ByteStream/Write",
      {requests::many, [this](const call_ptr& from, const byte_chain&) {
         auto upload = std::make_shared<incoming>();
         {
           std::lock_guard lock(mutex);
           if (!admit(from)) return;
           messages_of_last_write = 0;
         }
         auto broken = std::make_shared<bool>(false);
         auto enough = [this, upload, broken](std::size_t fresh) {
           std::lock_guard lock(mutex);
           ++messages_of_last_write;
           uploaded += fresh;
           if (auto before = partial.extract(upload->name)) upload->content.insert(0, before.mapped());
           *broken = how.break_write_after && upload->content.size() >= *how.break_write_after;
           return *broken || how.say_complete_at_once;
         };
         stream_in(from, upload, enough, [this, from, upload, broken] {
           std::lock_guard lock(mutex);
           if (*broken) {
             upload->content.resize(*how.break_write_after);
             how.break_write_after.reset();
             if (!how.forgets_uploads) partial[upload->name] = upload->content;
             return from->finish({errc::unavailable, "the peer broke off"});
           }
           if (how.refusal) return from->finish(*how.refusal);
           names.push_back(upload->name);
           auto name = parse_write_name(upload->name);
           auto sent = static_cast<std::int64_t>(upload->content.size());
           if (name->form == compressor::zstd && !how.say_complete_at_once) {
             auto plain = zstd_decode(upload->content, static_cast<std::uint64_t>(name->blob.size), 23);
             if (!plain) return from->finish(plain.error());
             upload->content = std::string(plain->view());
           }
           if (!how.say_complete_at_once) blobs[name->blob] = upload->content;
           google::bytestream::WriteResponse answer;
           const bool is_packed = name->form == compressor::zstd;
           answer.set_committed_size(!is_packed ? name->blob.size : how.say_complete_at_once ? -1 : sent);
           reply(from, answer);
         });
       }});
}

void reapi_peer::add_status_route() {
  routes_.add("/google.bytestream.ByteStream/QueryWriteStatus",
              {requests::one, [this](const call_ptr& from, const byte_chain& request) {
                 std::lock_guard lock(mutex);
                 if (!admit(from)) return;
                 auto order = parse<google::bytestream::QueryWriteStatusRequest>(request);
                 auto found = partial.find(order->resource_name());
                 if (found == partial.end())
                   return from->finish({errc::not_found, "the peer knows no such upload"});
                 google::bytestream::QueryWriteStatusResponse answer;
                 answer.set_committed_size(static_cast<std::int64_t>(found->second.size()));
                 reply(from, answer);
               }});
}

void reapi_peer::add_result_routes() {
  routes_.add("/build.bazel.remote.execution.v2.ActionCache/GetActionResult",
              {requests::one, [this](const call_ptr& from, const byte_chain& request) {
                 std::lock_guard lock(mutex);
                 if (!admit(from)) return;
                 auto order = parse<v2::GetActionResultRequest>(request);
                 auto action = from_wire(order->action_digest(), function_of(order->digest_function()));
                 auto found = results.find(*action);
                 if (found == results.end()) return from->finish({errc::not_found, "no such result"});
                 from->reply(bytes::copy_of(found->second));
               }});
  routes_.add("/build.bazel.remote.execution.v2.ActionCache/UpdateActionResult",
              {requests::one, [this](const call_ptr& from, const byte_chain& request) {
                 std::lock_guard lock(mutex);
                 if (!admit(from)) return;
                 auto order = parse<v2::UpdateActionResultRequest>(request);
                 auto action = from_wire(order->action_digest(), function_of(order->digest_function()));
                 results[*action] = order->action_result().SerializeAsString();
                 reply(from, order->action_result());
               }});
}

}  // namespace kiln::test
