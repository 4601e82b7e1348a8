#pragma once

#include <random>

#include "test/plugins/stores/kit/acting_store.hpp"

namespace kiln::test {

/// Orders, delays and failures by a seed, against plain bookkeeping of what each name must be found with.
/// Each name has one writer at a time; everything else overlaps as it comes. `On` is a fixture over acting
/// stores.
///
/// A name is held to what was acknowledged before an order about it began: content is found whole, a result
/// is that one or one that was written since. Where it is being forgotten at the same time nothing is held,
/// nor, where the fixture says `failed_writes_may_hide`, of a result whose overwriting has failed.
template <class On>
class chaos {
public:
  chaos(On& on, std::uint64_t seed) : on_(on), random_(seed) {
    for (auto& [name, part] : on_.all()) {
      part.how->is_slow = [this] { return is_calm_ ? false : below(10) < 3; };
    }
  }

  /// What is found wrong is told at the end.
  std::string fault;

  void know(const digest& name, std::uint64_t version) {
    auto& one = names_[name];
    one.acked = one.begun = version;
    one.is_there = version > 0;
    known_.push_back(name);
  }
  std::string content_of(const digest& name, std::uint64_t version) const {
    if (on_.what == store_role::content) return contents_.at(name);
    return name.hex().substr(0, 8) + "#" + std::to_string(version);
  }
  void set_content(const digest& name, std::string content) { contents_[name] = std::move(content); }

  void run(int steps, const std::function<void(std::mt19937_64&)>& harm) {
    for (int i = 0; i < steps && fault.empty(); ++i) {
      act();
      if (below(20) == 0) harm(random_);
      on_.system.run_some(below(40));
      if (below(3) == 0) let_one_go_on();
      check_answers();
    }
    is_calm_ = true;
    for (auto& [name, part] : on_.all()) part.how->heal();
    leases_.clear();
    for (int i = 0; i < 10'000 && (i == 0 || let_one_go_on()); ++i) on_.system.run();
    on_.system.run();
    check_answers();
    if (fault.empty() && !open_.empty()) fault = "an order was never answered";
    check_all();
  }

private:
  struct known {
    std::uint64_t acked = 0, begun = 0;
    bool is_there = false;      ///< was acknowledged, and nobody forgets it
    bool is_gone = false;       ///< was forgotten, and nobody writes it
    std::uint64_t changes = 0;  ///< times that somebody began to forget it
    std::uint64_t writes = 0;   ///< times that somebody began to write it
    int being_forgotten = 0;
    bool is_written = false;
  };
  struct snapshot {
    digest name;
    known then;
  };
  using check = std::function<bool()>;  ///< false as long as there is no answer

  unsigned below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
  const digest& any() { return known_[random_() % known_.size()]; }
  std::vector<digest> some() {
    std::set<digest> few;
    for (unsigned i = 0; i <= below(6); ++i) few.insert(any());
    return {few.begin(), few.end()};
  }
  void wrong(const std::string& what, const digest& name) {
    if (fault.empty()) fault = what + ": " + name.to_string();
  }

  std::vector<snapshot> look(const std::vector<digest>& all) {
    std::vector<snapshot> seen;
    for (const auto& name : all) seen.push_back({name, names_[name]});
    return seen;
  }
  bool must_be_there(const snapshot& at) {
    const auto& now = names_[at.name];
    return at.then.is_there && at.then.being_forgotten == 0 && at.then.changes == now.changes;
  }
  bool must_be_gone(const snapshot& at) {
    return at.then.is_gone && at.then.writes == names_[at.name].writes && !at.then.is_written;
  }
  void check_presence(const snapshot& at, bool is_missing) {
    if (is_missing && must_be_there(at)) wrong("missing, and it was acknowledged", at.name);
    if (!is_missing && must_be_gone(at)) wrong("there, and it was forgotten", at.name);
  }
  // An outage is no answer; that it is nowhere is one.
  template <class T>
  void check_bytes(const snapshot& at, const expected<T>& got, std::string_view text) {
    if (!got) {
      const auto code = got.error().code();
      if (code == errc::not_found)
        check_presence(at, true);
      else if (code != errc::unavailable && code != errc::resource_exhausted && code != errc::unimplemented)
        wrong("failed with " + got.error().to_string(), at.name);
      return;
    }
    check_presence(at, false);
    if (on_.what == store_role::content) {
      if (text != contents_[at.name]) wrong("has other bytes", at.name);
      return;
    }
    const auto mark = text.find('#');
    if (mark == std::string_view::npos || text.substr(0, mark) != at.name.hex().substr(0, 8))
      return wrong("is another's result", at.name);
    const auto version = std::stoull(std::string(text.substr(mark + 1)));
    if (version > names_[at.name].begun) wrong("was never written", at.name);
    if (must_be_there(at) && version < at.then.acked)
      wrong("is older than what was acknowledged (" + std::to_string(version) + " < " +
                std::to_string(at.then.acked) + ")",
            at.name);
  }

  void find() {
    auto seen = look(some());
    find_missing order;
    for (const auto& one : seen) order.blobs.push_back(one.name);
    auto answer = on_.begin(order);
    open_.push_back([this, seen, answer] {
      if (!*answer) return false;
      if (!**answer) return true;
      const std::set<digest> missing((*answer)->value().blobs.begin(), (*answer)->value().blobs.end());
      for (const auto& one : seen) check_presence(one, missing.contains(one.name));
      return true;
    });
  }
  void read() {
    auto seen = look({any()});
    auto answer = on_.begin(read_blob{seen[0].name});
    open_.push_back([this, seen, answer] {
      if (!*answer) return false;
      const auto& got = **answer;
      check_bytes(seen[0], got, got ? got->head.flatten().view() : "");
      return true;
    });
  }
  void read_batch() {
    auto seen = look(some());
    read_blobs order;
    for (const auto& one : seen) order.blobs.push_back(one.name);
    auto answer = on_.begin(order);
    open_.push_back([this, seen, answer] {
      if (!*answer) return false;
      if (!**answer) return true;
      for (std::size_t i = 0; i < seen.size(); ++i) {
        const auto& got = (*answer)->value().results.at(i);
        check_bytes(seen[i], got, got ? got->view() : "");
      }
      return true;
    });
  }
  void lease() {
    auto seen = look(some());
    lease_blobs order;
    for (const auto& one : seen) order.blobs.push_back(one.name);
    auto answer = on_.begin(order);
    open_.push_back([this, seen, answer] {
      if (!*answer) return false;
      if (!**answer) return true;
      auto& got = (*answer)->value();
      const std::set<digest> missing(got.missing.begin(), got.missing.end());
      for (const auto& one : seen) check_presence(one, missing.contains(one.name));
      leases_.push_back(std::move(got.hold));
      if (leases_.size() > 5) leases_.erase(leases_.begin() + static_cast<std::ptrdiff_t>(below(5)));
      return true;
    });
  }

  bool begin_write(known& one) {
    if (one.is_written || one.being_forgotten > 0) return false;
    one.is_written = true;
    one.is_gone = false;
    ++one.begun;
    ++one.writes;
    return true;
  }
  void end_write(const digest& name, std::uint64_t version, std::uint64_t changes, bool good) {
    auto& one = names_[name];
    one.is_written = false;
    if (good && one.changes == changes) {
      one.acked = version;
      one.is_there = true;
    }
    if constexpr (requires { On::failed_writes_may_hide; })
      if (!good && on_.what == store_role::results) {
        one.is_there = false;
        ++one.changes;
      }
  }
  void write() {
    const auto name = any();
    auto& one = names_[name];
    if (!begin_write(one)) return;
    auto answer = on_.begin(write_blob{name, contract::deliver(content_of(name, one.begun))});
    open_.push_back([this, name, version = one.begun, changes = one.changes, answer] {
      if (!*answer) return false;
      end_write(name, version, changes, (*answer)->has_value());
      return true;
    });
  }
  void write_batch() {
    write_blobs order;
    std::vector<snapshot> seen;
    for (const auto& name : some()) {
      auto& one = names_[name];
      if (!begin_write(one)) continue;
      order.entries.push_back({name, bytes::copy_of(content_of(name, one.begun))});
      seen.push_back({name, one});
    }
    if (seen.empty()) return;
    auto answer = on_.begin(order);
    open_.push_back([this, seen, answer] {
      if (!*answer) return false;
      for (std::size_t i = 0; i < seen.size(); ++i) {
        const bool good = **answer && (*answer)->value().results.at(i).has_value();
        end_write(seen[i].name, seen[i].then.begun, seen[i].then.changes, good);
      }
      return true;
    });
  }
  void forget() {
    const auto name = any();
    auto& one = names_[name];
    one.is_there = false;
    ++one.changes;
    ++one.being_forgotten;
    auto answer = on_.begin(forget_blob{name});
    open_.push_back([this, name, was_written = one.is_written, writes = one.writes, answer] {
      if (!*answer) return false;
      auto& now = names_[name];
      --now.being_forgotten;
      if (**answer && !was_written && writes == now.writes) now.is_gone = true;
      return true;
    });
  }
  void act() {
    switch (below(16)) {
      case 0:
        return forget();
      case 1:
      case 2:
        return write_batch();
      case 3:
      case 4:
      case 5:
        return write();
      case 6:
        return lease();
      case 7:
      case 8:
      case 9:
        return find();
      case 10:
      case 11:
      case 12:
        return read_batch();
      default:
        return read();
    }
  }

  bool let_one_go_on() {
    std::vector<conduct*> with;
    for (auto& [name, part] : on_.all())
      if (!part.how->waiting.empty()) with.push_back(part.how.get());
    if (with.empty()) return false;
    auto& waiting = with[random_() % with.size()]->waiting;
    const auto which = waiting.begin() + static_cast<std::ptrdiff_t>(random_() % waiting.size());
    auto next = std::move(*which);
    waiting.erase(which);
    next();
    return true;
  }
  void check_answers() {
    std::erase_if(open_, [](const check& one) { return one(); });
  }
  void check_all() {
    for (int round = 0; round < 2 && fault.empty(); ++round) {
      for (const auto& name : known_) {
        auto seen = look({name});
        auto got = on_.ask(read_blobs{{name}});
        if (got) check_bytes(seen[0], got->results.at(0), got->results.at(0) ? got->results[0]->view() : "");
        check_presence(seen[0], on_.is_missing(name));
      }
    }
  }

  On& on_;
  std::mt19937_64 random_;
  bool is_calm_ = false;
  std::map<digest, known> names_;
  std::map<digest, std::string> contents_;
  std::vector<digest> known_;
  std::vector<check> open_;
  std::vector<std::shared_ptr<const void>> leases_;
};

}  // namespace kiln::test
