// Keeps version after version of a large file, each a few bytes different from the one before, and tells what
// that cost on the wire and on the disk. Some are spliced of chunks by the client, some uploaded whole and
// split by the server; after each of them the server is killed. In the end every version is read back. The
// exit code is 1 if anything that was acknowledged is gone, or if versions cost more than their new chunks.
//
//     versions_driver --binary build/bin/kiln --versions 50 --mebibytes 64

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "core/digest/chunker.hpp"
#include "core/wire/digests.hpp"
#include "test/end_to_end/data_folder.hpp"
#include "test/end_to_end/dialler.hpp"
#include "test/end_to_end/remote.hpp"
#include "test/end_to_end/server_process.hpp"

namespace {

using namespace kiln;
using namespace kiln::end_to_end;

constexpr duration patience = std::chrono::seconds(60);
constexpr std::size_t edits = 3;         // in each version
constexpr std::size_t whole_every = 10;  // that many versions, one comes whole

struct driver_options {
  std::string binary;
  std::string folder;
  std::uint64_t versions = 50;
  std::uint64_t mebibytes = 64;
  std::uint64_t seed = 1;
};

struct versions_figures {
  std::uint64_t sent = 0;     // bytes of blobs, spliced versions only
  std::uint64_t spliced = 0;  // versions
  std::uint64_t fresh = 0;    // bytes of chunks that no earlier version had
  std::uint64_t chunks = 0;   // different ones
  std::uint64_t on_disk = 0;  // bytes
  double splice_seconds = 0;  // all of them
};

class driver {
public:
  driver(driver_options options, dialler& out) : options_(std::move(options)), out_(out), text_(first()) {}

  expected<void> run() {
    for (std::uint64_t version = 0; version < options_.versions; ++version) {
      if (version > 0) edit(version);
      if (auto started = restart(); !started) return started;
      bool whole = version % whole_every == whole_every - 1;
      if (auto kept = whole ? upload_and_split() : splice(); !kept)
        return with_context(kept.error(), "version {}", version);
      versions_.push_back(digest_of(text_));
      server_->signal(SIGKILL);
    }
    if (auto started = restart(); !started) return started;
    for (const auto& version : versions_)
      if (auto read = client_->check_blob(version); !read) return read;
    if (!wait_for_sweep(data(), patience)) return fail(errc::internal, "the store does not sweep its trash");
    stats_.on_disk = disk_usage(data());
    return check_cost();
  }
  void print() const {
    constexpr double mib = 1 << 20;
    std::printf(
        "%lu versions of %lu MiB, %zu small edits each: %.0f MiB in all, %.1f MiB of %lu different chunks, "
        "%.1f "
        "MiB on the disk; %lu of them spliced, at %.1f MiB sent and %.0f ms for the splice on average\n",
        options_.versions, options_.mebibytes, edits,
        static_cast<double>(options_.versions * options_.mebibytes), static_cast<double>(stats_.fresh) / mib,
        stats_.chunks, static_cast<double>(stats_.on_disk) / mib, stats_.spliced,
        static_cast<double>(stats_.sent) / mib / static_cast<double>(stats_.spliced),
        1000 * stats_.splice_seconds / static_cast<double>(stats_.spliced));
  }

private:
  std::string first() const { return made_bytes(options_.seed, options_.mebibytes << 20); }
  std::string data() const { return options_.folder + "/data"; }

  // Bytes are changed, put in and taken out.
  void edit(std::uint64_t version) {
    for (std::size_t i = 0; i < edits; ++i) {
      auto key = options_.seed * 1000 + version * edits + i;
      auto numbers = made_bytes(key, 8);
      std::uint64_t place = 0;
      std::memcpy(&place, numbers.data(), sizeof place);
      text_.replace(place % (text_.size() - 100), 5 + i, made_bytes(key + 1, 4 + 2 * i));
    }
  }

  expected<void> restart() {
    if (server_) {
      server_->signal(SIGKILL);
      server_->wait(patience);
    }
    server_.reset();
    auto started = server_process::start({{options_.binary, "serve", "--profile", "cache", "--listen",
                                           "127.0.0.1:0", "--data", data(), "--capacity", "20GiB"},
                                          options_.folder + "/log"});
    if (!started) return failure(started.error());
    server_.emplace(std::move(*started));
    auto address = server_->address(patience);
    if (!address) return failure(address.error());
    client_.emplace(out_.dial(*address));
    auto able = client_->ask<v2::ServerCapabilities>(reapi("Capabilities/GetCapabilities"),
                                                     v2::GetCapabilitiesRequest());
    if (!able) return failure(able.error());
    const auto& announced = able->cache_capabilities();
    if (!announced.splice_blob_support() || !announced.has_fast_cdc_2020_params())
      return fail(errc::unimplemented, "the server does not splice");
    parameters_ = {announced.fast_cdc_2020_params().avg_chunk_size_bytes(),
                   announced.fast_cdc_2020_params().seed()};
    return {};
  }

  std::vector<bytes> chunks_of_text() {
    chunker cutting(parameters_);
    cutting.feed(bytes(text_.data(), text_.size(), nullptr));
    cutting.end();
    std::vector<bytes> chunks;
    while (auto chunk = cutting.next()) chunks.push_back(std::move(*chunk));
    return chunks;
  }
  void count(const digest& chunk) {
    if (!known_.insert(chunk).second) return;
    ++stats_.chunks;
    stats_.fresh += static_cast<std::uint64_t>(chunk.size);
  }

  // As a client does that cuts by itself: it sends only what the server does not have.
  expected<void> splice() {
    std::unordered_map<digest, bytes> content;
    std::vector<digest> names;
    v2::SpliceBlobRequest request;
    to_wire(digest_of(text_), request.mutable_blob_digest());
    request.set_chunking_function(v2::ChunkingFunction::FAST_CDC_2020);
    for (const auto& chunk : chunks_of_text()) {
      names.push_back(digest_of(chunk.view()));
      content.emplace(names.back(), chunk);
      count(names.back());
      to_wire(names.back(), request.add_chunk_digests());
    }
    auto missing = client_->find_missing(names);
    if (!missing) return failure(missing.error());
    for (const auto& chunk : *missing) {
      stats_.sent += static_cast<std::uint64_t>(chunk.size);
      auto stored = client_->update_blobs({{chunk, std::string(content.at(chunk).view())}});
      if (!stored) return failure(stored.error());
      if (!stored->front().ok()) return failure(stored->front());
    }
    auto began = system_clock().now();
    auto spliced =
        client_->ask<v2::SpliceBlobResponse>(reapi("ContentAddressableStorage/SpliceBlob"), request);
    if (!spliced) return failure(spliced.error());
    stats_.splice_seconds += std::chrono::duration<double>(system_clock().now() - began).count();
    ++stats_.spliced;
    return {};
  }

  // As a client does that knows nothing of chunks, followed by one that does.
  expected<void> upload_and_split() {
    v2::SplitBlobRequest request;
    to_wire(digest_of(text_), request.mutable_blob_digest());
    if (auto stored = client_->write(digest_of(text_), bytes::copy_of(text_)); !stored) return stored;
    auto split = client_->ask<v2::SplitBlobResponse>(reapi("ContentAddressableStorage/SplitBlob"), request);
    if (!split) return failure(split.error());
    auto ours = chunks_of_text();
    bool same = ours.size() == static_cast<std::size_t>(split->chunk_digests_size());
    for (std::size_t i = 0; same && i < ours.size(); ++i) {
      auto name = digest_of(ours[i].view());
      same = name.hex() == split->chunk_digests(static_cast<int>(i)).hash();
      count(name);
    }
    if (!same) return fail(errc::internal, "the server cuts in other places than we do");
    return {};
  }

  // A twentieth beside the chunks is for the store's own records and the ends of blocks.
  expected<void> check_cost() const {
    if (stats_.on_disk <= stats_.fresh + stats_.fresh / 20 + (1 << 20)) return {};
    return fail(errc::internal, "{} bytes of different chunks take {} on the disk", stats_.fresh,
                stats_.on_disk);
  }

  const driver_options options_;
  dialler& out_;
  std::string text_;
  std::optional<server_process> server_;
  std::optional<remote> client_;
  fast_cdc_parameters parameters_;
  std::vector<digest> versions_;
  std::unordered_set<digest> known_;
  versions_figures stats_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Keeps many versions of a file and tells what that cost");
  driver_options options;
  options.folder =
      fmt::format("{}/kiln-versions.{}", std::filesystem::temp_directory_path().string(), ::getpid());
  app.add_option("--binary", options.binary, "The kiln to be used")->required();
  app.add_option("--versions", options.versions, "How many");
  app.add_option("--mebibytes", options.mebibytes, "The size of each");
  app.add_option("--seed", options.seed, "Other bytes, other edits");
  app.add_option("--folder", options.folder, "Where the data goes; removed afterwards");
  CLI11_PARSE(app, argc, argv);
  auto plugins = std::filesystem::path(options.binary).parent_path() / "../lib/kiln/plugins";
  auto out = dialler::load(plugins.string());
  if (!out) {
    std::fprintf(stderr, "versions_driver: %s\n", out.error().to_string().c_str());
    return 1;
  }
  std::filesystem::create_directories(options.folder);
  expected<void> done;
  {
    driver versions(options, *out);
    done = versions.run();
    versions.print();
  }
  std::filesystem::remove_all(options.folder);
  if (!done) std::printf("VIOLATION %s\n", done.error().to_string().c_str());
  return done ? 0 : 1;
}
