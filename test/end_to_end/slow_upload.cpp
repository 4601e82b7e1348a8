#include "test/end_to_end/slow_upload.hpp"

#include <google/bytestream/bytestream.pb.h>

#include "core/wire/resource_name.hpp"

namespace kiln::end_to_end {

slow_upload::slow_upload(channel& to, std::string content)
    : content_(std::move(content)),
      name_(digest_of(content_)),
      call_(to.start({"/google.bytestream.ByteStream/Write", {}, std::chrono::seconds(120)})) {
  send(0, content_.size() / 2);
}

void slow_upload::send(std::size_t from, std::size_t to) {
  google::bytestream::WriteRequest request;
  request.set_resource_name(
      make_write_name({"", name_, compressor::identity, "00000000-0000-4000-8000-000000000000"}));
  request.set_write_offset(static_cast<std::int64_t>(from));
  request.set_data(content_.substr(from, to - from));
  request.set_finish_write(to == content_.size());
  auto sent = std::make_shared<std::promise<void>>();
  auto when_sent = sent->get_future();
  call_->write(serialise(request), [sent](bool) { sent->set_value(); });
  when_sent.wait();
}

expected<std::int64_t> slow_upload::finish() {
  send(content_.size() / 2, content_.size());
  call_->writes_done();
  return answer();
}

expected<std::int64_t> slow_upload::answer() {
  using message = std::optional<byte_chain>;
  auto first = wait_for<message>([&](auto then) { call_->read(std::move(then)); });
  if (!first) return failure(first.error());
  if (!*first) return fail(errc::internal, "the upload ended without an answer");
  auto response = parse<google::bytestream::WriteResponse>(**first);
  if (!response) return failure(response.error());
  auto status = wait_for<message>([&](auto then) { call_->read(std::move(then)); });
  if (!status) return failure(status.error());
  return response->committed_size();
}

}  // namespace kiln::end_to_end
