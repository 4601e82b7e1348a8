#include "test/end_to_end/crash_load.hpp"

#include <cmath>
#include <iterator>
#include <map>
#include <random>

#include "core/wire/digests.hpp"

namespace kiln::end_to_end {

/// One of them: a thread's worth of calls, the same for the same seed as far as they come.
class uploader {
public:
  uploader(crash_load& load, unsigned number)
      : load_(load), number_(number), chance_(load.shape_.seed * 1000003 + number) {}

  void run() {
    while (load_.counting_ && turn()) load_.note_acknowledged();
    load_.note_end();
  }

private:
  bool turn() {
    auto dice = chance_() % 100;
    if (dice < 40) return upload_batch();
    if (dice < 70 || kept_.empty()) return write();
    if (dice < 78) return load_.shape_.splices ? splice() : write();
    return update_result();
  }

  // To a quarter of its size.
  static void make_compressible(std::string& content) {
    for (char& letter : content) letter = static_cast<char>('a' + (letter & 3));
  }

  // Every eighth blob is one that the others may be uploading just now.
  remote::blob make_blob(std::uint64_t largest, digest_function function) {
    bool shared = chance_() % 8 == 0;
    std::uint64_t key = shared ? load_.shape_.seed * 64 + chance_() % 64 : chance_();
    std::mt19937_64 of_the_key(key);
    // As many blobs between 1 and 2 bytes as between 1 and 2 MiB.
    double share = static_cast<double>(of_the_key() % 1000001) / 1e6;
    auto size = static_cast<std::size_t>(std::exp2(share * std::log2(static_cast<double>(largest))));
    auto content = made_bytes(key, size);
    if (key % 2 == 0) make_compressible(content);
    auto name = digest_of(content, function);
    return {name, std::move(content)};
  }

  // Half of them as most clients do, and the others under all that is served.
  digest_function any_function() {
    constexpr digest_function others[] = {digest_function::sha384, digest_function::sha512,
                                          digest_function::blake3, digest_function::sha256tree};
    return chance_() % 2 == 0 ? digest_function::sha256 : others[chance_() % std::size(others)];
  }

  bool upload_batch() {
    std::vector<remote::blob> blobs(1 + chance_() % 12);
    const auto function = any_function();
    for (auto& blob : blobs) blob = make_blob(8 << 10, function);
    return send(blobs);
  }

  bool send(const std::vector<remote::blob>& blobs) {
    for (const auto& blob : blobs) load_.ledger_.blob_sent(blob.first);
    auto results = load_.server_.update_blobs(blobs);
    if (!results) return failed("BatchUpdateBlobs", results.error());
    for (std::size_t i = 0; i < blobs.size(); ++i) {
      if (!(*results)[i].ok()) return failed("BatchUpdateBlobs", (*results)[i]);
      keep(blobs[i].first);
    }
    return true;
  }

  bool write() {
    auto [name, content] = make_blob(load_.shape_.largest, any_function());
    load_.ledger_.blob_sent(name);
    auto written = load_.server_.write(name, bytes::adopt(std::move(content)));
    if (!written) return failed(fmt::format("Write of {}", name), written.error());
    keep(name);
    return true;
  }

  // Of one to three mebibytes, as clients do it that cut files themselves.
  bool splice() {
    const auto function = any_function();
    std::vector<digest> chunks;
    std::string whole;
    for (auto count = 2 + chance_() % 4; count > 0; --count) {
      auto content = made_bytes(chance_(), (300 << 10) + chance_() % (300 << 10));
      whole += content;
      chunks.push_back(digest_of(content, function));
      if (!send({{chunks.back(), std::move(content)}})) return false;
    }
    auto name = digest_of(whole, function);
    load_.ledger_.blob_sent(name);
    auto spliced = load_.server_.splice(name, chunks);
    if (!spliced && spliced.error().code() == errc::not_found && load_.shape_.tight) return true;
    if (!spliced) return failed(fmt::format("SpliceBlob of {}", name), spliced.error());
    keep(name);
    return true;
  }

  bool update_result() {
    auto slot = chance_() % 5;
    constexpr digest_function functions[] = {digest_function::sha256, digest_function::blake3,
                                             digest_function::sha512, digest_function::sha384,
                                             digest_function::sha256tree};
    auto function = functions[slot];
    auto action = digest_of(fmt::format("action {} of uploader {}, {}", slot, number_, load_.shape_.seed / 4),
                            function);
    v2::ActionResult result;
    result.set_stdout_raw(fmt::format("version {:016x}", chance_()));
    for (int i = 0; i < 2; ++i) {
      auto* file = result.add_output_files();
      file->set_path(fmt::format("out/{}", i));
      to_wire(any_kept(function), file->mutable_digest());
    }
    load_.ledger_.result_sent(action, result);
    auto updated = load_.server_.update_result(action, result);
    if (!updated) return failed("UpdateActionResult", updated.error());
    if (load_.counting_) load_.ledger_.result_acknowledged(action);
    return true;
  }

  // A result's digests are all of its action's function.
  digest any_kept(digest_function function) {
    auto& those = kept_[function];
    if (!those.empty()) return those[chance_() % those.size()];
    return digest_of("", function);
  }

  void keep(const digest& blob) {
    if (!load_.counting_) return;
    load_.ledger_.blob_acknowledged(blob);
    kept_[blob.function].push_back(blob);
  }
  bool failed(const std::string& what, const error& fault) {
    load_.note_failure(what, fault);
    return false;
  }

  crash_load& load_;
  const unsigned number_;
  std::mt19937_64 chance_;
  std::map<digest_function, std::vector<digest>> kept_;
};

crash_load::crash_load(const load_shape& shape, const remote& server, crash_ledger& ledger)
    : shape_(shape), server_(server), ledger_(ledger), running_(shape.uploaders) {
  for (unsigned i = 0; i < shape.uploaders; ++i)
    threads_.emplace_back([this, i] { uploader(*this, i).run(); });
}

void crash_load::wait(std::uint64_t acknowledgements, duration time) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, time, [&] { return acknowledged_ >= acknowledgements || running_ == 0; });
}

void crash_load::join() {
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

std::vector<std::string> crash_load::complaints() const {
  std::lock_guard lock(mutex_);
  return complaints_;
}

void crash_load::note_acknowledged() {
  std::lock_guard lock(mutex_);
  ++acknowledged_;
  changed_.notify_all();
}

void crash_load::note_failure(const std::string& what, const error& fault) {
  // A server that hangs is no better for having been killed in the end.
  if (failures_expected_ && fault.code() != errc::deadline_exceeded) return;
  std::lock_guard lock(mutex_);
  complaints_.push_back(fmt::format("{} failed while the server was up: {}", what, fault.to_string()));
}

void crash_load::note_end() {
  std::lock_guard lock(mutex_);
  --running_;
  changed_.notify_all();
}

}  // namespace kiln::end_to_end
