#include "actors/tools/conform/probe.hpp"

#include <algorithm>

namespace kiln::conform {
namespace {

std::string words_for(std::initializer_list<errc> codes) {
  std::string text;
  for (auto code : codes) text += (text.empty() ? "" : " or ") + std::string(name_of(code));
  return text;
}

std::string words_for(const ending& got) {
  return got.silent ? "no answer in time" : kiln::conform::shown(got.status);
}

}  // namespace

probe::probe(const rule& about, const setting& where)
    : where_(where),
      what_(about.what),
      number_(static_cast<std::uint64_t>(about.number)),
      end_(where.time->now() + where.longest),
      to_(where.dial()) {}

probe::~probe() {
  clean_up();
}

void probe::clean_up() {
  while (!cleaning_.empty()) {
    auto clean = std::move(cleaning_.back());
    cleaning_.pop_back();
    try {
      clean();
    } catch (const verdict&) {
      // What cannot be cleaned up is no news about the rule.
    }
  }
}

std::string probe::fresh_uuid() {
  auto bits = noise(fresh_number(), 16);
  bits[6] = static_cast<char>((bits[6] & 0x0f) | 0x40);
  bits[8] = static_cast<char>((bits[8] & 0x3f) | 0x80);
  std::string text;
  for (std::size_t i = 0; i < bits.size(); ++i)
    text += fmt::format("{}{:02x}", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                        static_cast<unsigned char>(bits[i]));
  return text;
}

std::string probe::name_of(const std::string& kind, const blob& what) const {
  auto function = is_named_in_paths(what.function) ? path_name(what.function) + "/" : "";
  return in_instance(fmt::format("{}{}{}/{}", kind, function, what.digest.hash(), what.digest.size_bytes()));
}

duration probe::patience() const {
  return std::max<duration>(std::min<duration>(where_.patience, end_ - time().now()), duration(0));
}

std::shared_ptr<exchange> probe::note(const std::string& method) {
  // A rule that asks ten thousand times is understood by its last questions.
  constexpr std::size_t most = 12;
  if (transcript_.size() == most) transcript_.pop_front();
  return transcript_.emplace_back(std::make_shared<exchange>(exchange{method, {}, {}, {}}));
}

std::unique_ptr<conversation> probe::start(const std::string& method, asked_with with) {
  auto all = with.anonymous ? metadata() : where_.metadata;
  all.insert(all.end(), with.metadata.begin(), with.metadata.end());
  return std::make_unique<conversation>(*to_, outbound_request{method, std::move(all), with.deadline});
}

// ---- questions

answer<v2::FindMissingBlobsResponse> probe::find_missing(const std::vector<v2::Digest>& blobs) {
  auto request = this->request<v2::FindMissingBlobsRequest>();
  for (const auto& one : blobs) *request.add_blob_digests() = one;
  return ask<v2::FindMissingBlobsResponse>(reapi("ContentAddressableStorage/FindMissingBlobs"), request);
}

answer<v2::FindMissingBlobsResponse> probe::find_missing(const blob& one) {
  auto request = this->request<v2::FindMissingBlobsRequest>();
  request.set_digest_function(one.function);
  *request.add_blob_digests() = one.digest;
  return ask<v2::FindMissingBlobsResponse>(reapi("ContentAddressableStorage/FindMissingBlobs"), request);
}

answer<v2::BatchUpdateBlobsResponse> probe::batch_update(const std::vector<blob>& blobs) {
  auto request = this->request<v2::BatchUpdateBlobsRequest>();
  for (const auto& one : blobs) {
    request.set_digest_function(one.function);
    auto* added = request.add_requests();
    *added->mutable_digest() = one.digest;
    added->set_data(one.data);
  }
  return ask<v2::BatchUpdateBlobsResponse>(reapi("ContentAddressableStorage/BatchUpdateBlobs"), request);
}

answer<v2::BatchReadBlobsResponse> probe::batch_read(const std::vector<v2::Digest>& blobs) {
  auto request = this->request<v2::BatchReadBlobsRequest>();
  for (const auto& one : blobs) *request.add_digests() = one;
  return ask<v2::BatchReadBlobsResponse>(reapi("ContentAddressableStorage/BatchReadBlobs"), request);
}

answer<v2::GetTreeResponse> probe::get_tree(const v2::Digest& root) {
  auto request = this->request<v2::GetTreeRequest>();
  *request.mutable_root_digest() = root;
  return ask<v2::GetTreeResponse>(reapi("ContentAddressableStorage/GetTree"), request);
}

answer<v2::ActionResult> probe::get_result(const v2::Digest& action) {
  auto request = this->request<v2::GetActionResultRequest>();
  *request.mutable_action_digest() = action;
  return ask<v2::ActionResult>(reapi("ActionCache/GetActionResult"), request);
}

answer<v2::ActionResult> probe::update_result(const v2::Digest& action, const v2::ActionResult& result) {
  auto request = this->request<v2::UpdateActionResultRequest>();
  *request.mutable_action_digest() = action;
  *request.mutable_action_result() = result;
  return ask<v2::ActionResult>(reapi("ActionCache/UpdateActionResult"), request);
}

answer<v2::ServerCapabilities> probe::capabilities(const std::string& instance) {
  v2::GetCapabilitiesRequest request;
  request.set_instance_name(instance);
  return ask<v2::ServerCapabilities>(reapi("Capabilities/GetCapabilities"), request);
}

probe::read_answer probe::read(const std::string& name, std::int64_t offset, std::int64_t limit) {
  bs::ReadRequest request;
  request.set_resource_name(name);
  request.set_read_offset(offset);
  request.set_read_limit(limit);
  return ask<bs::ReadResponse>(byte_stream("Read"), request);
}

answer<bs::WriteResponse> probe::write(const std::string& name, std::string_view data, std::size_t piece) {
  auto talk = start_write();
  bs::WriteRequest request;
  request.set_resource_name(name);
  for (std::size_t at = 0; at == 0 || at < data.size(); at += piece) {
    request.set_write_offset(static_cast<std::int64_t>(at));
    request.set_data(std::string(data.substr(at, piece)));
    request.set_finish_write(at + piece >= data.size());
    if (!talk.send(request)) break;
    request.clear_resource_name();
  }
  return talk.finish();
}

answer<bs::QueryWriteStatusResponse> probe::query_write_status(const std::string& name) {
  bs::QueryWriteStatusRequest request;
  request.set_resource_name(name);
  return ask<bs::QueryWriteStatusResponse>(byte_stream("QueryWriteStatus"), request);
}

// ---- steps

void probe::store(const blob& what) {
  if (what.data.size() > static_cast<std::size_t>(server().batch_limit() / 2)) {
    ok(write(write_name(what), what.data));
    return;
  }
  store(std::vector<blob>{what});
}

void probe::store(const std::vector<blob>& what) {
  auto done = ok(batch_update(what));
  check(done.responses_size() == static_cast<int>(what.size()), "one response for each blob");
  for (const auto& one : done.responses())
    check(one.status().code() == 0, "every blob is stored (a step on the way)");
}

bool probe::is_missing(const blob& what) {
  auto missing = ok(find_missing(what));
  return missing.missing_blob_digests_size() > 0;
}

// ---- expectations

void probe::expect(const ending& got, std::initializer_list<errc> any_of) {
  bool met = !got.silent && std::find(any_of.begin(), any_of.end(), got.status.code()) != any_of.end();
  if (met) return;
  if (has(what_, needs::optional) && !got.silent && got.status.code() == errc::unimplemented)
    throw verdict{outcome::unimplemented, got.said ? got.said->method : "", {}};
  fail(words_for(any_of), words_for(got));
}

void probe::refused(const ending& got) {
  bool broke = got.status.code() == errc::internal || got.status.code() == errc::unknown ||
               got.status.code() == errc::unavailable;
  if (!got.status.ok() && !got.silent && !broke) return;
  fail("a refusal (such as INVALID_ARGUMENT)", words_for(got));
}

void probe::check(bool holds, const std::string& expected) {
  if (holds) return;
  std::string received = "nothing";
  if (!transcript_.empty()) {
    const auto& last = *transcript_.back();
    received = last.received.kept.empty() ? last.status : last.received.kept.back();
  }
  fail(expected, received);
}

void probe::fail(std::string expected, std::string received) {
  throw verdict{outcome::fail, std::move(expected), std::move(received)};
}

void probe::skip(std::string why) {
  throw verdict{outcome::skipped, std::move(why), {}};
}

errc code_of(const google::rpc::Status& status) noexcept {
  return static_cast<errc>(status.code());
}

std::string data_of(const probe::read_answer& got) {
  std::string data;
  for (const auto& one : got.messages) data += one.data();
  return data;
}

}  // namespace kiln::conform
