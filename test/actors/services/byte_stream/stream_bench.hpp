#pragma once

#include "actors/services/byte_stream/byte_stream.hpp"
#include "google/bytestream/bytestream.pb.h"
#include "test/actors/services/common/noise.hpp"
#include "test/actors/services/common/service_bench.hpp"

namespace kiln::test {

namespace bs = google::bytestream;

inline const std::string read_method = "/google.bytestream.ByteStream/Read";
inline const std::string write_method = "/google.bytestream.ByteStream/Write";
inline const std::string query_method = "/google.bytestream.ByteStream/QueryWriteStatus";

/// ByteStream in front of a store, and clients that read and write.
struct stream_bench : service_bench {
  explicit stream_bench(const char* store = trusting, byte_size largest = {64 << 20}) : service_bench(store) {
    byte_stream_options options;
    options.max_parked = 2;
    options.max_parked_bytes.bytes = 10 << 20;
    cache_limits limits;
    limits.max_blob_size = largest;
    add_routes(routes, std::vector{own(spawn_byte_stream(actors(), env(), options, limits,
                                                         make_compression(env(), {}), blobs))});
  }

  std::shared_ptr<direct_call> read(const std::string& name, std::int64_t offset = 0,
                                    std::int64_t limit = 0) {
    bs::ReadRequest request;
    request.set_resource_name(name);
    request.set_read_offset(offset);
    request.set_read_limit(limit);
    return ask_service(read_method, request);
  }
  static std::string data_of(const direct_call& call) {
    BOOST_TEST(call.finished_well(), call.status().value_or(error()).to_string());
    std::string all;
    for (const auto& message : call.messages()) {
      BOOST_TEST(message.size() <= 2u << 20);
      all += parse<bs::ReadResponse>(message).value().data();
    }
    return all;
  }

  static std::string upload_name(const digest& blob, const std::string& uuid = "u") {
    return "uploads/" + uuid + "/blobs/" + blob.to_string();
  }
  static byte_chain message(const std::string& name, std::int64_t offset, const std::string& data,
                            bool finish = false) {
    bs::WriteRequest request;
    request.set_resource_name(name);
    request.set_write_offset(offset);
    request.set_data(data);
    request.set_finish_write(finish);
    return serialise(request);
  }
  std::shared_ptr<direct_call> begin_write() {
    auto call = start(write_method);
    run();
    return call;
  }
  void say(const std::shared_ptr<direct_call>& call, byte_chain words) {
    call->send(std::move(words));
    run();
  }
  /// Sends `content` from `offset` on, in messages of 16 KiB, to its end.
  std::shared_ptr<direct_call> write(const digest& blob, const std::string& content, std::size_t offset = 0,
                                     const std::string& uuid = "u") {
    auto call = begin_write();
    constexpr std::size_t step = 16 << 10;
    do {
      auto part = content.substr(offset, step);
      bool last = offset + part.size() == content.size();
      say(call, message(upload_name(blob, uuid), static_cast<std::int64_t>(offset), part, last));
      offset += part.size();
    } while (offset < content.size());
    call->close();
    run();
    return call;
  }
  static std::int64_t committed(const direct_call& call) {
    return only_answer<bs::WriteResponse>(call).committed_size();
  }
  errc code_of_write(std::vector<byte_chain> words) {
    auto call = begin_write();
    for (auto& one : words) call->send(std::move(one));
    call->close();
    run();
    BOOST_TEST_REQUIRE(call->status().has_value(), "the call was not finished");
    return call->status()->code();
  }
  bs::QueryWriteStatusResponse status_of(const std::string& name) {
    bs::QueryWriteStatusRequest request;
    request.set_resource_name(name);
    return answer_of<bs::QueryWriteStatusResponse>(query_method, request);
  }
};

struct checking_stream_bench : stream_bench {
  checking_stream_bench() : stream_bench(checking) {}
};

}  // namespace kiln::test
