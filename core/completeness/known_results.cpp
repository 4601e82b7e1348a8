#include "core/completeness/known_results.hpp"

#include <build/bazel/remote/execution/v2/remote_execution.pb.h>

#include <algorithm>
#include <utility>

#include "core/digest/record_key.hpp"
#include "core/wire/action_record.hpp"
#include "core/wire/message.hpp"

namespace kiln {
namespace v2 = build::bazel::remote::execution::v2;

known_results::known_results(store_asker& asker, store_actor results, const std::string& of)
    : asker_(asker),
      results_(std::move(results)),
      key_(record_key(record_kind::known_results, {}, digest_of(of))) {}

// A line each: what it is named, and the function of what it names. In an ActionResult, as the standard
// output of nobody, for some stores of results keep nothing else.
bytes known_results::in_words(const names& all) {
  v2::ActionResult record;
  auto& text = *record.mutable_stdout_raw();
  for (const auto& one : all)
    text += fmt::format("{} {} {} {}\n", info_of(one.key.function).name, one.key.hex(), one.key.size,
                        info_of(one.function).name);
  return wrap_result(serialise(record));
}

known_results::names known_results::of_words(const bytes& record) {
  names all;
  auto content = unwrap_result(record);
  if (!content) return all;
  auto parsed = parse<v2::ActionResult>(*content);
  if (!parsed) return all;
  std::string_view text = parsed->stdout_raw();
  auto word = [&](char end) {
    const auto size = std::min(text.find(end), text.size());
    auto found = text.substr(0, size);
    text.remove_prefix(std::min(size + 1, text.size()));
    return found;
  };
  while (!text.empty() && all.size() < most) {
    const auto* named_by = find_function(word(' '));
    const auto hash = word(' ');
    const auto size = word(' ');
    const auto* names_by = find_function(word('\n'));
    const bool is_number = !size.empty() && size.size() < 19 &&
                           std::all_of(size.begin(), size.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (named_by == nullptr || names_by == nullptr || !is_number) break;
    auto key = parse_digest(named_by->function, hash, std::stoll(std::string(size)));
    if (!key) break;
    all.push_back({*key, names_by->function});
  }
  return all;
}

void known_results::read(std::function<void(names)> then) {
  asker_.ask(results_, read_blobs{{key_}, waits_for_ever},
             [then = std::move(then)](expected<blob_batch> batch) {
               if (!batch || batch->results.size() != 1 || !batch->results.front()) return then({});
               auto all = of_words(*batch->results.front());
               std::reverse(all.begin(), all.end());
               then(std::move(all));
             });
}

void known_results::note_change(std::function<names()> now) {
  if (std::exchange(waiting_, true)) return;
  asker_.after(delay_, [this, now = std::move(now)] {
    waiting_ = false;
    delay_ = then_every;
    asker_.ask(results_, write_blob{key_, source_of(in_words(now()))}, [](const expected<receipt>&) {});
  });
}

}  // namespace kiln
