#include <charconv>

#include "google/bytestream/bytestream.pb.h"
#include "test/conformance/lie.hpp"

namespace kiln::conformance {
namespace {

namespace bs = google::bytestream;
using said = bs::WriteRequest;
using query = bs::QueryWriteStatusRequest;
using standing = bs::QueryWriteStatusResponse;

bool compressed(const std::string& name) {
  return name.find("/compressed-blobs/") != std::string::npos;
}

// Goes with a write from message to message.
struct progress {
  std::string name;
  std::int64_t first_offset = 0;
  std::int64_t sent = 0;
  bool any = false;
  bool finished = false;

  void note(const said& message) {
    if (!any) {
      name = message.resource_name();
      first_offset = message.write_offset();
    }
    any = true;
    sent += static_cast<std::int64_t>(message.data().size());
    finished = finished || message.finish_write();
  }
  std::int64_t size() const {
    std::int64_t number = 0;
    auto at = name.rfind('/') + 1;
    std::from_chars(name.data() + at, name.data() + name.size(), number);
    return number;
  }
};

// Has the right server hear other messages than were sent, or not all of them.
lie mishearing_writes(int rule, std::function<bool(const progress&, said&)> change) {
  return {rule, "Write", [change](const call_info&) {
            meddling made;
            made.request = [change, so_far = progress()](byte_chain& message) mutable {
              auto request = parse<said>(message);
              if (!request) return true;
              bool passes = change(so_far, *request);
              so_far.note(*request);
              message = byte_chain(serialise(*request));
              return passes;
            };
            return made;
          }};
}

lie refusing_writes(int rule, std::function<bool(const said&)> such, errc code) {
  return refusing<said>(rule, "Write", std::move(such), code);
}

bs::WriteResponse committed(std::int64_t size) {
  bs::WriteResponse response;
  response.set_committed_size(size);
  return response;
}

// Takes the end of the stream for the end of the blob.
lie finishing_unasked() {
  return {97, "Write", [](const call_info&) {
            auto so_far = std::make_shared<progress>();
            meddling made;
            made.request = [so_far](byte_chain& message) {
              if (auto request = parse<said>(message)) so_far->note(*request);
              return true;
            };
            made.half_close = [so_far]() -> std::optional<byte_chain> {
              bool whole = so_far->any && so_far->sent == so_far->size() && !compressed(so_far->name);
              if (so_far->finished || !whole) return std::nullopt;
              said last;
              last.set_write_offset(so_far->first_offset + so_far->sent);
              last.set_finish_write(true);
              return byte_chain(serialise(last));
            };
            return made;
          }};
}

// Does not look where the pieces belong.
lie believing_offsets() {
  return {
      94, "Write", [](const call_info&) {
        auto so_far = std::make_shared<progress>();
        auto wrong = std::make_shared<bool>(false);
        meddling made;
        made.request = [so_far, wrong](byte_chain& message) {
          auto request = parse<said>(message);
          if (!request) return true;
          bool early = request->write_offset() < 100;
          if (so_far->any && !so_far->finished && early && so_far->size() == 100)
            *wrong = request->write_offset() != so_far->first_offset + so_far->sent;
          so_far->note(*request);
          return true;
        };
        made.instead = [wrong]() -> std::optional<std::pair<error, std::vector<byte_chain>>> {
          if (!*wrong) return std::nullopt;
          return std::pair<error, std::vector<byte_chain>>{error(), {byte_chain(serialise(committed(100)))}};
        };
        return made;
      }};
}

lie content_with_silence() {
  return {
      114, "Write", [](const call_info&) {
        auto any = std::make_shared<bool>(false), closed = std::make_shared<bool>(false);
        meddling made;
        made.request = [any](byte_chain&) { return *any = true; };
        made.half_close = [closed]() -> std::optional<byte_chain> {
          *closed = true;
          return std::nullopt;
        };
        made.instead = [any, closed]() -> std::optional<std::pair<error, std::vector<byte_chain>>> {
          if (*any || !*closed) return std::nullopt;
          return std::pair<error, std::vector<byte_chain>>{error(), {byte_chain(serialise(committed(0)))}};
        };
        return made;
      }};
}

std::vector<lie> status_lies() {
  return {
      misquoting<query, standing>(121, "QueryWriteStatus",
                                  [](const query&, standing& answer) {
                                    if (answer.committed_size() == 1000) answer.set_complete(false);
                                  }),
      misjudging<query>(126, "QueryWriteStatus",
                        [](const query&, error& status, std::vector<byte_chain>&) {
                          if (status.code() == errc::invalid_argument)
                            status = {errc::internal, status.message()};
                        }),
  };
}

}  // namespace

std::vector<lie> writing_lies() {
  std::vector<lie> all{
      refusing_writes(
          18,
          [](const said& first) {
            return first.resource_name().find("/no-uuid/") != std::string::npos ||
                   first.resource_name().starts_with("uploads/no-uuid/");
          },
          errc::internal),
      refusing_writes(
          19, [](const said& first) { return first.resource_name().ends_with("/some/metadata.txt"); },
          errc::invalid_argument),
      accepting<said, bs::WriteResponse>(
          92, "Write", [](const said& first) { return first.resource_name().empty(); }, committed(100)),
      mishearing_writes(93,
                        [](const progress& so_far, said& message) {
                          if (so_far.any) message.clear_resource_name();
                          return true;
                        }),
      believing_offsets(),
      mishearing_writes(96, [](const progress& so_far, said&) { return !so_far.finished; }),
      finishing_unasked(),
      misquoting<said, bs::WriteResponse>(98, "Write",
                                          [](const said& first, bs::WriteResponse& answer) {
                                            if (first.data().size() == 1 && answer.committed_size() == 1)
                                              answer.set_committed_size(-1);
                                          }),
      mishearing_writes(106,
                        [](const progress& so_far, said& message) {
                          progress after = so_far;
                          after.note(message);
                          if (after.finished && after.size() == 100 && after.sent < 100 &&
                              after.first_offset == 0 && !compressed(after.name))
                            message.set_finish_write(false);
                          return true;
                        }),
      refusing_writes(
          112, [](const said& first) { return first.data().empty() && !first.finish_write(); },
          errc::invalid_argument),
      accepting<said, bs::WriteResponse>(
          113, "Write", [](const said& first) { return first.write_offset() > 1ll << 40; }, committed(100)),
      content_with_silence(),
  };
  auto more = status_lies();
  std::move(more.begin(), more.end(), std::back_inserter(all));
  return all;
}

}  // namespace kiln::conformance
