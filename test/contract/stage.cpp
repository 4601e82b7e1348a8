#include "test/contract/stage.hpp"

#include <stdlib.h>

#include <boost/algorithm/string/split.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/atom.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <condition_variable>
#include <mutex>

#include "test/contract/scratch.hpp"

// A guest's program is told by its flags instead.
#ifndef KILN_PLUGIN_FOLDER
#include "test/places.hpp"
#endif

namespace kiln::contract {

struct stage::notebook {
  std::mutex mutex;
  std::condition_variable written;
  std::vector<digest> gone;
  std::map<digest, bool> last_word;
  std::size_t longest = 0;

  void note(const std::vector<digest>& blobs, bool there) {
    std::lock_guard lock(mutex);
    if (!there) gone.insert(gone.end(), blobs.begin(), blobs.end());
    for (const auto& blob : blobs) last_word[blob] = there;
    longest = std::max(longest, blobs.size());
    written.notify_all();
  }
};

namespace {

[[noreturn]] void give_up(const std::string& why) {
  throw std::runtime_error(why);
}

// Loaded once: a plugin stays in the process anyway.
const plugin_registry& plugins() {
  static const plugin_registry all = [] {
    plugin_registry registry;
    std::vector<std::string> folders;
    boost::split(folders, std::string(KILN_PLUGIN_FOLDER), [](char c) { return c == ':'; });
    for (const auto& folder : folders)
      if (auto loaded = registry.load_folder(folder); !loaded) give_up(loaded.error().message());
    return registry;
  }();
  return all;
}

std::vector<configured> read_stores(const subject& what, const std::string& folder, std::uint64_t capacity) {
  auto lookup = [&](std::string_view name) -> std::optional<std::string> {
    if (name == "FOLDER") return folder;
    if (name == "CAPACITY") return std::to_string(capacity) + "B";
    if (const char* value = std::getenv(std::string(name).c_str())) return value;
    return std::nullopt;
  };
  auto parsed = parse_document("stores: {subject: " + what.yaml + "}", "subject.yaml", lookup);
  if (!parsed) give_up(parsed.error().message());
  faults collected = parsed->diagnostics();
  store_refs references;
  const kind_table table = plugins().store_schemas();
  auto named = read_kinds(*parsed->root().find("stores"), table, collected, references);
  auto stores = resolve_stores(std::move(named), references, table, collected);
  if (auto good = collected.as_result(); !good) give_up(good.error().message());
  return stores;
}

}  // namespace

stage::scratch_folder::scratch_folder() {
  std::string name = (scratch_place() / "kiln-contract-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) give_up("no temporary folder could be made");
  path = name;
}

stage::scratch_folder::~scratch_folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

stage::stage(const subject& what, std::uint64_t capacity)
    : what_(what),
      capacity_(capacity),
      random_(make_system_random()),
      log_(std::make_unique<logger>([](std::string_view) { return true; }, system_clock())) {
  open();
}

void stage::open() {
  config_ = std::make_unique<caf::actor_system_config>();
  config_->set("scheduler.policy", caf::atom("sharing"));
  config_->set("scheduler.max-threads", 2U);
  system_ = std::make_unique<caf::actor_system>(*config_);
  store_context context{*system_, {&system_clock(), random_.get(), log_.get(), &metrics_}, {}, {}, {}, {}};
  context.dial =
      what_.dial ? what_.dial : [](const std::string& endpoint) -> expected<std::shared_ptr<channel>> {
    return fail(errc::unavailable, "nothing can be dialled here, not even {}", endpoint);
  };
  auto tree = store_tree::spawn(read_stores(what_, folder_.path.string(), capacity_),
                                {{"subject", what_.what}}, plugins(), context);
  if (!tree) give_up(tree.error().message());
  tree_.emplace(std::move(*tree));
  store_ = tree_->find("subject");
}

stage::~stage() {
  close();
}

void stage::restart() {
  close();
  open();
}

// The system waits for its actors: first they are all told to end.
void stage::close() {
  for (const auto& asker : askers_) caf::anon_send_exit(asker, caf::exit_reason::kill);
  if (listener_) caf::anon_send_exit(listener_, caf::exit_reason::kill);
  store_ = nullptr;
  listener_ = nullptr;
  tree_.reset();
  askers_.clear();
  system_.reset();
}

void stage::watch() {
  news_ = std::make_shared<notebook>();
  listener_ = system_->spawn([news = news_]() -> store_observer::behavior_type {
    return {[news](const blobs_stored& came) { news->note(came.blobs, true); },
            [news](const blobs_evicted& left) { news->note(left.blobs, false); }};
  });
  caf::anon_send(store_, watch_store{listener_});
}

std::vector<digest> stage::gone(std::size_t count) {
  std::unique_lock lock(news_->mutex);
  if (!news_->written.wait_for(lock, patience, [&] { return news_->gone.size() >= count; }))
    give_up("news of blobs that left did not come");
  return news_->gone;
}

stage::word stage::last_word(const std::function<bool(const word&)>& is_so) {
  std::unique_lock lock(news_->mutex);
  if (!news_->written.wait_for(lock, patience, [&] { return is_so(news_->last_word); }))
    give_up("the news of blobs did not come");
  return news_->last_word;
}

std::size_t stage::longest_news() const {
  std::lock_guard lock(news_->mutex);
  return news_->longest;
}

}  // namespace kiln::contract
