#include "test/end_to_end/crash_check.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <span>
#include <thread>
#include <unordered_set>

namespace kiln::end_to_end {
namespace {

constexpr unsigned checkers = 8;
constexpr std::int64_t small_blob = 64 << 10;
constexpr std::size_t names_at_once = 4096;
constexpr std::size_t reads_at_once = 32;

class checking {
public:
  checking(const remote& server, crash_ledger& ledger, check_rules rules)
      : server_(server), ledger_(ledger), rules_(rules) {}

  check_outcome run(const crash_ledger::selection& chosen) {
    find_missing(chosen.blobs);
    std::map<digest_function, std::vector<digest>> small;  // a batch is of one function
    for (const auto& blob : chosen.blobs) {
      if (blob.name.size <= small_blob)
        small[blob.name.function].push_back(blob.name);
      else
        jobs_.push_back([this, name = blob.name] {
          auto read = server_.check_blob(name);
          judge(name, read ? error() : read.error());
        });
    }
    for (const auto& [function, names] : small)
      for (std::size_t at = 0; at < names.size(); at += reads_at_once) {
        auto some = std::span(names).subspan(at, std::min(reads_at_once, names.size() - at));
        jobs_.push_back([this, some = std::vector(some.begin(), some.end())] { read_batch(some); });
      }
    for (const auto& result : chosen.results) jobs_.push_back([this, &result] { read_result(result); });
    work();
    return std::move(outcome_);
  }

private:
  void find_missing(const std::vector<crash_ledger::blob_record>& blobs) {
    for (std::size_t at = 0; at < blobs.size(); at += names_at_once) {
      std::vector<digest> names;
      for (const auto& blob : std::span(blobs).subspan(at, std::min(names_at_once, blobs.size() - at)))
        names.push_back(blob.name);
      auto missing = server_.find_missing(names);
      if (!missing) return complain("FindMissingBlobs", missing.error());
      missing_.insert(missing->begin(), missing->end());
    }
    for (const auto& blob : blobs)
      if (blob.acknowledged && !rules_.may_forget && !rules_.may_miss && missing_.contains(blob.name))
        violation(fmt::format("{} was acknowledged and is reported missing", blob.name),
                  &check_outcome::lost);
  }

  void read_batch(const std::vector<digest>& names) {
    auto read = server_.check_blobs(names);
    if (!read) return complain("BatchReadBlobs", read.error());
    for (std::size_t i = 0; i < names.size(); ++i) judge(names[i], (*read)[i]);
  }

  void judge(const digest& name, const error& read) {
    bool listed = !missing_.contains(name);
    if (read.ok()) {
      note_read(name);
      if (!listed && rules_.serves_unlisted) return;  // it may stay, or leave
      if (!listed) violation(fmt::format("{} is reported missing and yet is served", name));
    } else if (read.code() != errc::not_found) {
      return complain(fmt::format("reading {}", name), read);
    } else if (listed && !rules_.may_forget) {
      violation(fmt::format("{} is reported present and cannot be read: {}", name, read.to_string()),
                &check_outcome::lost);
    }
    ledger_.settle_blob(name, read.ok());
  }

  void note_read(const digest& name) {
    std::lock_guard lock(mutex_);
    ++outcome_.blobs;
    outcome_.bytes += static_cast<std::uint64_t>(name.size);
  }

  void read_result(const crash_ledger::result_record& wanted) {
    auto found = server_.get_result(wanted.action);
    if (found) {
      auto same = [&](const std::optional<v2::ActionResult>& one) {
        return one && one->SerializeAsString() == found->SerializeAsString();
      };
      const bool earlier = rules_.may_go_back && wanted.earlier.contains(found->SerializeAsString());
      if (!same(wanted.acknowledged) && !same(wanted.sent) && !earlier)
        violation(fmt::format("the result of action {} is one that was never sent, or an old one: {}",
                              wanted.action, found->ShortDebugString()),
                  &check_outcome::wrong);
      std::lock_guard lock(mutex_);
      ++outcome_.results;
    } else if (found.error().code() != errc::not_found) {
      return complain(fmt::format("the result of action {}", wanted.action), found.error());
    } else if (wanted.acknowledged && !rules_.may_forget && !rules_.may_miss) {
      violation(fmt::format("the result of action {} was acknowledged and is gone", wanted.action),
                &check_outcome::lost);
    }
    ledger_.settle_result(wanted.action, found ? std::optional(std::move(*found)) : std::nullopt);
  }

  void complain(const std::string& what, const error& fault) {
    auto text = fmt::format("{} failed: {}", what, fault.to_string());
    if (fault.code() == errc::data_loss) return violation(std::move(text), &check_outcome::wrong);
    if (fault.code() != errc::unavailable) return violation(std::move(text));
    std::lock_guard lock(mutex_);
    outcome_.unavailable.push_back(std::move(text));
  }
  void violation(std::string text, std::uint64_t check_outcome::*kind = nullptr) {
    std::lock_guard lock(mutex_);
    if (kind) ++(outcome_.*kind);
    outcome_.violations.push_back(std::move(text));
  }

  void work() {
    std::atomic<std::size_t> next{0};
    auto some = [&] {
      for (auto job = next++; job < jobs_.size(); job = next++) jobs_[job]();
    };
    std::vector<std::thread> threads;
    for (unsigned i = 1; i < checkers; ++i) threads.emplace_back(some);
    some();
    for (auto& thread : threads) thread.join();
  }

  const remote& server_;
  crash_ledger& ledger_;
  const check_rules rules_;
  std::unordered_set<digest> missing_;
  std::vector<std::function<void()>> jobs_;
  std::mutex mutex_;
  check_outcome outcome_;
};

}  // namespace

check_outcome check(const remote& server, crash_ledger& ledger, const crash_ledger::selection& chosen,
                    check_rules rules) {
  return checking(server, ledger, rules).run(chosen);
}

}  // namespace kiln::end_to_end
