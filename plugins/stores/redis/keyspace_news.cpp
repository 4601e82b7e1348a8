#include "plugins/stores/redis/keyspace_news.hpp"

#include <algorithm>
#include <utility>

#include "core/observe/log.hpp"
#include "plugins/stores/redis/server_fault.hpp"

namespace kiln::redis_store {
namespace {

constexpr duration before_another_try = std::chrono::seconds(1);

bool says_that_it_came(std::string_view what) noexcept {
  return what == "set" || what == "rename_to" || what == "restore" || what == "copy_to";
}
bool says_that_it_left(std::string_view what) noexcept {
  return what == "del" || what == "expired" || what == "evicted" || what == "rename_from" ||
         what == "move_from";
}

}  // namespace

expected<void> tells_enough(const resp_reply& config, const std::string& server) {
  constexpr std::string_view every_class = "g$xe";
  const std::string flags(config.items.size() > 1 ? config.items[1].text.view() : std::string_view());
  auto has = [&](char flag) { return flags.find(flag) != std::string::npos; };
  const bool all = has('A') || std::all_of(every_class.begin(), every_class.end(), has);
  if (has('K') && all) return {};
  return fail(
      errc::failed_precondition,
      "keyspace_news asks for more than {} tells: its notify-keyspace-events are \"{}\"; say CONFIG SET "
      "notify-keyspace-events \"Kg$xe\" there, or set it in its configuration",
      server, flags);
}

keyspace_news::keyspace_news(engine_ptr engine, key_names names, std::shared_ptr<node_finder> finder,
                             trust trusted, heard hear)
    : engine_(std::move(engine)),
      names_(std::move(names)),
      pattern_(fmt::format("__keyspace@{}__:", engine_->options.database)),
      finder_(std::move(finder)),
      trusted_(std::move(trusted)),
      heard_(std::move(hear)),
      next_(*engine_->loop) {}

void keyspace_news::start() {
  if (closed_) return;
  finder_->find([self = shared_from_this()](expected<server_address> found) {
    if (!found) return self->lost(found.error());
    self->open(*found);
  });
}

void keyspace_news::open(const server_address& to) {
  auto hello = greeting_of(*engine_, greeting::demand::master);
  if (!hello) return lost(hello.error());
  redis_connection::open(engine_, to, std::move(*hello),
                         [self = shared_from_this(), to](expected<connection_ptr> fresh) {
                           if (!fresh) {
                             self->finder_->was_wrong(to);
                             return self->lost(fresh.error());
                           }
                           self->subscribe(*fresh);
                         });
}

void keyspace_news::subscribe(const connection_ptr& over) {
  if (closed_) return over->close({errc::cancelled, "the store has ended"});
  connection_ = over;
  over->on_end([weak = weak_from_this()](const error& why) {
    if (auto self = weak.lock()) self->lost(why);
  });
  over->send({make_command({"CONFIG", "GET", "notify-keyspace-events"})}, [weak = weak_from_this(),
                                                                           over](replies answers) {
    auto self = weak.lock();
    if (!self || !over->is_open()) return;
    const auto& config = answers.front();
    if (!config) return;  // it has come to its end
    auto good = config->is_fault()
                    ? expected<void>(fail(error_of(*config, over->name(), self->engine_->options.user)))
                    : tells_enough(*config, over->name());
    if (!good) return over->close(good.error());
    over->send({make_command({"PSUBSCRIBE", self->pattern_ + self->names_.beginning() + "*"})},
               [weak, over](replies confirmed) {
                 auto still = weak.lock();
                 if (still && confirmed.front()) still->listen(over, *confirmed.front());
               });
  });
}

void keyspace_news::listen(const connection_ptr& over, const resp_reply& confirmed) {
  if (confirmed.is_fault()) return over->close(error_of(confirmed, over->name(), engine_->options.user));
  over->listen([weak = weak_from_this()](resp_reply said) {
    if (auto self = weak.lock()) self->take(said);
  });
  complained_ = false;
  trusted_(true);
  stay_in_touch();
}

// "pmessage", the pattern, the channel, the event.
void keyspace_news::take(const resp_reply& said) {
  const auto& words = said.items;
  if (words.size() != 4 || words[0].text.view() != "pmessage") return;
  const auto what = words[3].text.view();
  const bool came = says_that_it_came(what);
  if (!came && !says_that_it_left(what)) return;
  auto blob = names_.read(words[2].text.view().substr(std::min(pattern_.size(), words[2].text.size())));
  if (!blob) return;
  if (untold_.empty())
    engine_->loop->post([weak = weak_from_this()] {
      if (auto self = weak.lock()) self->tell();
    });
  untold_.push_back({*blob, came});
}

void keyspace_news::tell() {
  if (!untold_.empty()) heard_(std::exchange(untold_, {}));
}

// A connection on which nothing comes may be dead: it is asked, and its silence ends it.
void keyspace_news::stay_in_touch() {
  next_.set(engine_->options.command_timeout, [weak = weak_from_this()] {
    auto self = weak.lock();
    if (!self || !self->connection_) return;
    self->connection_->send({make_command({"PING"})}, [weak](const replies&) {
      if (auto still = weak.lock(); still && still->connection_) still->stay_in_touch();
    });
  });
}

void keyspace_news::lost(const error& why) {
  const bool had_it = connection_ != nullptr;
  connection_.reset();
  tell();
  if (had_it) trusted_(false);
  if (closed_) return;
  if (!std::exchange(complained_, true) && engine_->env.log != nullptr)
    engine_->env.log->warn("no news of keys are heard", {{"store", engine_->name}, {"why", why.message()}});
  next_.set(before_another_try, [weak = weak_from_this()] {
    if (auto self = weak.lock()) self->start();
  });
}

void keyspace_news::close() {
  closed_ = true;
  next_.call_off();
  if (auto over = std::exchange(connection_, nullptr)) over->close({errc::cancelled, "the store has ended"});
}

}  // namespace kiln::redis_store
