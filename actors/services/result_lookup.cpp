#include "actors/services/result_lookup.hpp"

#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "core/observe/log.hpp"
#include "core/wire/action_record.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"

namespace kiln {
namespace v2 = build::bazel::remote::execution::v2;
namespace {

constexpr std::size_t max_record = 8 << 20;       // a result and its mark; updates are held below half of it
constexpr std::size_t max_tree = 256 << 20;       // one Tree message, while it is looked at
constexpr std::size_t max_needed = 5'000'000;     // blobs that one result may refer to
constexpr std::size_t directories_at_once = 500;  // in one read

}  // namespace

result_lookup::result_lookup(action_cache_service::pointer self, const action_cache_options& options,
                             const find_result& wanted, outcome then)
    : self_(self),
      options_(options),
      action_(wanted.action),
      function_(wanted.function),
      key_(options.names.of(wanted.kind, wanted.instance, wanted.action)),
      then_(std::move(then)) {}

void result_lookup::start() {
  collect_blob(options_.results, key_, max_record,
               [me = shared_from_this()](expected<bytes> record) { me->take_record(std::move(record)); });
}

void result_lookup::collect_blob(const store_actor& from, const digest& name, std::size_t limit,
                                 std::function<void(expected<bytes>)> then) {
  self_->request(from, caf::infinite, read_blob{name})
      .then(
          [me = shared_from_this(), limit, then](blob_content& content) {
            if (!content.rest) return then(content.head.flatten());
            auto head = std::make_shared<byte_chain>(std::move(content.head));
            collect(content.rest, limit,
                    [actor = action_cache_service(me->self_), head, then](expected<bytes> rest) {
                      if (rest) {
                        head->append(std::move(*rest));
                        rest = head->flatten();
                      }
                      caf::anon_send(actor, lookup_resumed{[then, all = std::move(rest)] { then(all); }});
                    });
          },
          [then](const caf::error& fault) { then(failure(from_caf(fault))); });
}

void result_lookup::take_record(expected<bytes> record) {
  if (!record) return then_(fail(std::move(record).error()));
  auto result = unwrap_result(*record);
  if (!result) return drop_record(result.error());
  auto parsed = parse<v2::ActionResult>(*result);
  if (!parsed) return drop_record(parsed.error());
  found_ = {std::move(*result), std::move(*parsed)};
  if (!options_.settings.check_completeness) return then_(std::move(found_));
  if (auto noted = note_outputs(); !noted) return drop_record(noted.error());
  read_next_tree();
}

// A record that cannot be read would be in the way for ever: it goes, and the action counts as never run.
void result_lookup::drop_record(const error& why) {
  if (options_.env.log != nullptr)
    options_.env.log->warn("dropping an action result that cannot be read",
                           {{"action", action_}, {"why", why}});
  self_->request(options_.results, caf::infinite, forget_blob{key_})
      .then([](const forgotten&) {}, [](const caf::error&) {});
  then_(fail(errc::not_found, "no result for action {}", action_));
}

expected<void> result_lookup::note(const v2::Digest& name) {
  if (needed_.size() == max_needed)
    return fail(errc::resource_exhausted, "it refers to over {} blobs", max_needed);
  auto blob = from_wire(name, function_);
  if (!blob) return failure(blob.error());
  needed_.push_back(*blob);
  return {};
}

expected<void> result_lookup::note_outputs() {
  const auto& result = found_.parsed;
  for (const auto& file : result.output_files())
    if (auto noted = note(file.digest()); !noted) return noted;
  for (const auto* stream : {result.has_stdout_digest() ? &result.stdout_digest() : nullptr,
                             result.has_stderr_digest() ? &result.stderr_digest() : nullptr})
    if (stream != nullptr)
      if (auto noted = note(*stream); !noted) return noted;
  for (const auto& directory : result.output_directories()) {
    if (directory.has_tree_digest()) {
      if (auto noted = note(directory.tree_digest()); !noted) return noted;
      trees_.push_back(needed_.back());
    }
    if (directory.has_root_directory_digest()) {
      if (auto noted = note(directory.root_directory_digest()); !noted) return noted;
      if (seen_.insert(needed_.back()).second) directories_.push_back(needed_.back());
    }
  }
  return {};
}

expected<void> result_lookup::note_files(const v2::Directory& directory) {
  for (const auto& file : directory.files())
    if (auto noted = note(file.digest()); !noted) return noted;
  return {};
}

void result_lookup::read_next_tree() {
  if (trees_.empty()) return read_directories();
  auto next = trees_.back();
  trees_.pop_back();
  collect_blob(options_.content, next, max_tree, [me = shared_from_this()](expected<bytes> content) {
    if (!content) return me->then_(fail(std::move(content).error()));
    if (auto taken = me->take_tree(*content); !taken) return me->drop_record(taken.error());
    me->read_next_tree();
  });
}

expected<void> result_lookup::take_tree(const bytes& content) {
  auto tree = parse<v2::Tree>(content);
  if (!tree) return failure(tree.error());
  if (auto noted = note_files(tree->root()); !noted) return noted;
  for (const auto& child : tree->children())
    if (auto noted = note_files(child); !noted) return noted;
  return {};
}

void result_lookup::read_directories() {
  if (directories_.empty()) return ask_missing();
  auto count = std::min(directories_.size(), directories_at_once);
  read_blobs level{{directories_.end() - static_cast<std::ptrdiff_t>(count), directories_.end()}};
  directories_.resize(directories_.size() - count);
  self_->request(options_.content, caf::infinite, std::move(level))
      .then(
          [me = shared_from_this()](const blob_batch& batch) {
            for (const auto& one : batch.results)
              if (!one) return me->then_(fail(one.error()));
            if (auto taken = me->take_directories(batch); !taken) return me->drop_record(taken.error());
            me->read_directories();
          },
          [me = shared_from_this()](const caf::error& fault) { me->then_(failure(from_caf(fault))); });
}

expected<void> result_lookup::take_directories(const blob_batch& level) {
  for (const auto& content : level.results) {
    auto directory = parse<v2::Directory>(*content);
    if (!directory) return failure(directory.error());
    if (auto noted = note_files(*directory); !noted) return noted;
    for (const auto& child : directory->directories()) {
      if (auto noted = note(child.digest()); !noted) return noted;
      if (seen_.insert(needed_.back()).second) directories_.push_back(needed_.back());
    }
  }
  return {};
}

void result_lookup::ask_missing() {
  if (needed_.empty()) return then_(std::move(found_));
  self_->request(options_.content, caf::infinite, find_missing{std::move(needed_)})
      .then(
          [me = shared_from_this()](const missing_blobs& missing) {
            if (missing.blobs.empty()) return me->then_(std::move(me->found_));
            me->then_(fail(errc::not_found, "the result for action {} refers to blob {}, which is gone",
                           me->action_, missing.blobs.front()));
          },
          [me = shared_from_this()](const caf::error& fault) { me->then_(failure(from_caf(fault))); });
}

}  // namespace kiln
