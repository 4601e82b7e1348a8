#include <algorithm>
#include <fstream>
#include <iterator>

#include "test/plugins/stores/filesystem/filesystem_model.hpp"

namespace kiln::test {

using contract::deliver;

void filesystem_model::write_one() {
  entry& which = any_entry();
  auto what = shape_.what == store_role::results ? fresh_version() : which.value;
  note(fmt::format("write {} of {} bytes", which.name, what.size));
  auto answer =
      house_.begin(write_blob{which.name, deliver(content_of(what), {1 + chance(100'000), false, {}})});
  house_.run();
  if (!*answer) breach("every order is answered", "write_blob");
  hear_news();
  if (!**answer) check_refusal((**answer).error());
  written(which, what, *answer);
}

// Too short, too long, other bytes, or a source that fails: no trace of it, and what was there stays.
void filesystem_model::write_broken() {
  entry& which = any_entry();
  auto what = shape_.what == store_role::results ? fresh_version() : which.value;
  auto content = content_of(what);
  contract::delivery how{1 + chance(50'000), false, {}};
  auto kind = shape_.what == store_role::results ? 3 : chance(4);
  if (kind == 0) content.pop_back();
  if (kind == 1) content += "!";
  if (kind == 2) content.back() = static_cast<char>(content.back() ^ 1);
  if (kind == 3) {
    content.resize(chance(content.size() + 1));
    how.fault = error(errc::cancelled, "the client left");
  }
  note(fmt::format("write {} wrongly ({})", which.name, kind));
  auto answer = house_.begin(write_blob{which.name, deliver(std::move(content), how)});
  house_.run();
  if (!*answer) breach("every order is answered", "write_blob of a broken source");
  hear_news();
  if (!**answer) return;
  // The source of what is there already is not read.
  if (!(**answer)->was_present || which.is == state::absent || which.is == state::forgotten)
    breach("what is sent wrongly is refused", which.name.to_string());
  used(which);
}

void filesystem_model::write_many(std::size_t count, std::size_t at_least) {
  write_blobs order;
  std::vector<std::pair<entry*, version>> sent;
  std::vector<bool> wrong;
  for (std::size_t i = 0; i < count; ++i) {
    entry& which = any_entry();
    // One of a kind: two results for one action in one batch have no order.
    if (std::any_of(sent.begin(), sent.end(), [&](const auto& one) { return one.first == &which; })) continue;
    auto what = shape_.what == store_role::results ? fresh_version() : which.value;
    if (at_least > 0 && what.size < at_least) continue;
    auto content = content_of(what);
    wrong.push_back(shape_.what == store_role::content && one_in(20));
    if (wrong.back()) content.front() = static_cast<char>(content.front() ^ 1);
    order.entries.push_back({which.name, bytes::adopt(std::move(content))});
    sent.emplace_back(&which, what);
  }
  note(fmt::format("write_blobs of {}", sent.size()));
  auto answer = house_.begin(std::move(order));
  house_.run();
  if (!*answer) breach("every order is answered", "write_blobs");
  hear_news();
  if (!**answer) {
    if (calm()) breach("what is sent well is taken", (**answer).error().to_string());
    for (const auto& [which, what] : sent) written(*which, what, std::nullopt);
    return;
  }
  for (std::size_t i = 0; i < sent.size(); ++i) {
    auto& [which, what] = sent[i];
    const auto& result = (**answer)->results.at(i);
    if (wrong[i]) {
      if (result && !result->was_present) breach("what is sent wrongly is refused", which->name.to_string());
      continue;
    }
    if (!result) check_refusal(result.error());
    written(*which, what, std::optional(result));
  }
}

// Half to one and a half capacities of what nobody asked for before, and then somebody asks for what was used
// last.
void filesystem_model::burst() {
  const auto capacity = shape_.options.capacity.bytes_of(0);
  const auto until = written_ + capacity / 2 + chance(capacity);
  note(fmt::format("a burst of {} bytes", until - written_));
  while (written_ < until) {
    auto before = written_;
    write_many(40, shape_.largest / 8);
    if (one_in(8)) find();
    if (written_ == before && !calm()) return;
  }
}

void filesystem_model::read_answered(entry& which, const read_blob& order, expected<std::string> answer) {
  hear_news();
  if (answer)
    observe_bytes(which, *answer, order.offset, order.limit);
  else if (answer.error().code() == errc::out_of_range && which.is != state::kept)
    return;
  else
    observe_failure(which, answer.error(), "reading");
}

void filesystem_model::read_one(entry& which, bool whole) {
  read_blob order{which.name, 0, 0};
  if (!whole) {
    order.offset = chance(which.value.size);
    order.limit = 1 + chance(which.value.size);
    if (shape_.what == store_role::results) order.offset = 0;  // the size of another version is another one
  }
  note(fmt::format("read {} from {} for {}", which.name, order.offset, order.limit));
  read_answered(which, order, house_.read(order.blob, order.offset, order.limit));
}

void filesystem_model::read_many() {
  std::vector<entry*> asked;
  read_blobs order;
  for (std::size_t i = 0, count = 1 + chance(20); i < count; ++i) {
    asked.push_back(&any_entry());
    order.blobs.push_back(asked.back()->name);
  }
  note(fmt::format("read_blobs of {}", asked.size()));
  auto answer = house_.ask(std::move(order));
  hear_news();
  if (!answer) {
    if (calm()) breach("what is there can be had", "read_blobs: " + answer.error().to_string());
    return;
  }
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const auto& result = answer->results.at(i);
    if (result)
      observe_bytes(*asked[i], std::string(result->view()), 0, 0);
    else
      observe_failure(*asked[i], result.error(), "reading together");
  }
}

void filesystem_model::find() {
  find_missing order;
  for (std::size_t i = 0, count = 1 + chance(60); i < count; ++i) order.blobs.push_back(any_entry().name);
  note(fmt::format("find_missing of {}", order.blobs.size()));
  auto asked = order.blobs;
  auto answer = house_.ask(std::move(order));
  hear_news();
  if (!answer) breach("every order is answered", "find_missing: " + answer.error().to_string());
  auto next = answer->blobs.begin();
  std::set<digest> named;
  for (const auto& blob : asked) {
    entry& which = *by_name_.at(blob);
    if (next != answer->blobs.end() && *next == blob && named.insert(blob).second) {
      ++next;
      observe_missing(which);
    } else if (!named.contains(blob)) {
      seen(which);
    }
  }
  if (next != answer->blobs.end()) breach("missing blobs are named once, in the order asked", "find_missing");
}

void filesystem_model::lend() {
  entry& which = any_entry();
  note(fmt::format("lend {}", which.name));
  auto answer = house_.lend(which.name);
  hear_news();
  if (!answer) {
    if (answer.error().code() != errc::resource_exhausted)
      return observe_failure(which, answer.error(), "lending");
    return check_refusal(answer.error());
  }
  std::ifstream file(answer->path, std::ios::binary);
  std::string found((std::istreambuf_iterator<char>(file)), {});
  // What is rotten has been proved once, and is believed for a while.
  if (!which.rotten) observe_bytes(which, found, 0, 0);
  holds_.push_back({{which.name}, answer->hold});
}

void filesystem_model::lease() {
  std::uint64_t weight = 0;
  for (const auto& held : holds_)
    for (const auto& blob : held.blobs) weight += by_name_.at(blob)->value.size;
  if (weight > shape_.options.capacity.bytes_of(0) / 16) holds_.clear();
  house_.run();
  lease_blobs order;
  for (std::size_t i = 0, count = 1 + chance(6); i < count; ++i) order.blobs.push_back(any_entry().name);
  note(fmt::format("lease {}", order.blobs.size()));
  auto asked = order.blobs;
  auto answer = house_.ask(std::move(order));
  hear_news();
  if (!answer) breach("every order is answered", "lease_blobs: " + answer.error().to_string());
  hold fresh{{}, answer->hold};
  for (const auto& blob : asked) {
    entry& which = *by_name_.at(blob);
    if (std::find(answer->missing.begin(), answer->missing.end(), blob) != answer->missing.end()) {
      observe_missing(which);
    } else {
      seen(which);
      fresh.blobs.push_back(blob);
    }
  }
  holds_.push_back(std::move(fresh));
}

void filesystem_model::forget() {
  entry& which = any_entry();
  note(fmt::format("forget {}", which.name));
  auto answer = house_.ask(forget_blob{which.name});
  which.leases = 0;  // it goes though it is leased
  for (auto& held : holds_) std::erase(held.blobs, which.name);
  if (which.is == state::kept) which.is = state::unsure;
  hear_news();
  if (!answer) {
    if (calm()) breach("what is there can be had", "forgetting: " + answer.error().to_string());
    return;
  }
  if (!answer->was_present) return observe_missing(which);
  happened(which, "forgotten");
  // A disk that fails may keep a file, and content that comes back is no harm.
  which.is = calm() && !blind_ ? state::forgotten : state::unsure;
  if (which.is == state::forgotten) which.harmed = which.rotten = false;
}

void filesystem_model::flush() {
  note("flush");
  auto answer = house_.ask(flush_store{});
  if (!answer && calm()) breach("every order is answered", "flush_store: " + answer.error().to_string());
}

// Orders for different blobs that are under way together, and perhaps a crash in the midst of them.
void filesystem_model::several_at_once() {
  std::set<entry*> taken;
  std::vector<std::function<void()>> judgements;
  const bool to_crash = calm() && one_in(6);
  note(fmt::format("several at once{}", to_crash ? ", and a crash among them" : ""));
  for (std::size_t i = 0, count = 2 + chance(8); i < count; ++i) {
    entry& which = any_entry();
    if (!taken.insert(&which).second) continue;
    auto kind = chance(3);
    if (kind == 0) {
      auto answer = house_.begin(find_missing{{which.name}});
      judgements.push_back([this, &which, answer] {
        if (!*answer || !**answer) return;
        (**answer)->blobs.empty() ? seen(which) : observe_missing(which);
      });
    } else {
      auto what = shape_.what == store_role::results ? fresh_version() : which.value;
      auto source = deliver(content_of(what), {1 + chance(60'000), false, {}});
      auto answer = house_.begin(write_blob{which.name, std::move(source)});
      judgements.push_back([this, &which, what, answer, to_crash] {
        if (!*answer && !to_crash) breach("every order is answered", "write_blob among others");
        // A process that is being killed answers nobody, so what it said while it went is no answer.
        if (*answer && !**answer && !to_crash) check_refusal((**answer).error());
        written(which, what, *answer && (**answer || !to_crash) ? *answer : std::nullopt);
      });
    }
    if (one_in(2)) house_.run_jobs(chance(4));
  }
  if (!to_crash) {
    house_.run();
    hear_news();
    for (const auto& judge : judgements) judge();
    return;
  }
  house_.run_jobs(chance(10));
  hear_news();
  for (const auto& judge : judgements) judge();
  crash();
}

}  // namespace kiln::test
