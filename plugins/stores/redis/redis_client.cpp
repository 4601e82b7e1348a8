#include "plugins/stores/redis/redis_client.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "plugins/stores/redis/server_fault.hpp"

namespace kiln::redis_store {
namespace {

constexpr unsigned most_redirections = 16;  // one after the other, without a pause
constexpr duration first_pause = std::chrono::milliseconds(25);
constexpr duration longest_pause = std::chrono::milliseconds(500);

std::string user_of(const redis_options& options) {
  return options.user.empty() ? "default" : options.user;
}

}  // namespace

/// A pipeline until each of its commands has an answer that stays.
class redis_client::attempt final : public ends_with_reactor, public std::enable_shared_from_this<attempt> {
public:
  attempt(client_ptr client, pipeline what, outcome_then then)
      : client_(std::move(client)),
        what_(std::move(what)),
        then_(std::move(then)),
        pause_(*client_->engine_->loop),
        give_up_(std::min(what_.until, client_->engine_->now() + client_->options().patience)) {}

  void go() {
    open_.resize(what_.commands.size());
    for (std::size_t i = 0; i < open_.size(); ++i) open_[i] = i;
    result_.answers.assign(open_.size(), fail(errc::internal, "no answer came"));
    elsewhere_.resize(open_.size());
    step();
  }

  // While it waits.
  void end() override {
    if (!std::exchange(waits_, false)) return;
    auto self = shared_from_this();
    pause_.call_off();
    for (const std::size_t at : std::exchange(open_, {}))
      result_.answers[at] = fail(errc::unavailable, "the store has ended");
    finish();
  }

private:
  struct share {
    pipeline part;
    std::vector<std::size_t> places;  ///< of each command in it; ASKING has none
  };
  static constexpr std::size_t no_place = static_cast<std::size_t>(-1);

  // Each node gets its commands as one pipeline.
  void step() {
    if (open_.empty()) return finish();
    std::map<node_ptr, share> shares;
    for (const std::size_t at : std::exchange(open_, {})) {
      const auto& command = what_.commands[at];
      auto& mine = shares[elsewhere_[at] ? elsewhere_[at] : client_->servers_->node_for(guide_of(command))];
      if (elsewhere_[at] && asks_once_) {
        mine.part.commands.push_back(make_command({"ASKING"}));
        mine.places.push_back(no_place);
      }
      elsewhere_[at].reset();
      mine.part.commands.push_back(command);
      mine.places.push_back(at);
    }
    passing_ = redirected_ = false;
    under_way_ = shares.size();
    for (auto& [node, mine] : shares) {
      auto& part = mine.part;
      part.answer_size = what_.answer_size * mine.places.size() / what_.commands.size();
      part.pinned = what_.pinned;
      part.until = what_.until;
      node->submit(std::move(part), [self = shared_from_this(), node = node, places = std::move(mine.places)](
                                        outcome came) { self->take(node, places, std::move(came)); });
    }
  }

  // A transaction goes where its keys are: MULTI itself has none.
  const resp_command& guide_of(const resp_command& command) const {
    if (!what_.is_transaction) return command;
    auto keyed = std::find_if(what_.commands.begin(), what_.commands.end(),
                              [](const resp_command& one) { return one.has_key; });
    return keyed == what_.commands.end() ? command : *keyed;
  }

  void take(const node_ptr& node, const std::vector<std::size_t>& places, outcome came) {
    if (what_.is_transaction)
      take_transaction(node, places, came);
    else
      for (std::size_t i = 0; i < places.size(); ++i)
        if (places[i] != no_place && !goes_on(node, came.answers[i], came.over, {places[i]}))
          settle(places[i], std::move(came.answers[i]), came.over);
    if (came.over) result_.over = std::move(came.over);
    if (--under_way_ == 0) next();
  }
  // If one of its commands was not taken, none was done.
  void take_transaction(const node_ptr& node, const std::vector<std::size_t>& places, outcome& came) {
    for (auto& one : came.answers) {
      if (one && !one->is_fault()) continue;
      if (goes_on(node, one, came.over, places)) return;
      break;
    }
    for (std::size_t i = 0; i < places.size(); ++i) settle(places[i], std::move(came.answers[i]), came.over);
  }

  // Whether the commands at these places are tried again, for what was answered to one of them.
  bool goes_on(const node_ptr& node, const expected<resp_reply>& answer, const connection_ptr& over,
               const std::vector<std::size_t>& places) {
    if (what_.pinned) return false;
    if (!answer) {
      client_->servers_->refresh();
      if (answer.error().code() != errc::unavailable || !what_.repeatable || !over || repeated_) return false;
      broke_ = true;
    } else if (auto where = read_redirection(*answer, over->address())) {
      if (++redirections_ > most_redirections * places_at_once() ||
          (where->only_once && what_.is_transaction))
        return false;
      client_->servers_->moved(*where);
      redirected_ = true;
      if (where->only_once) {
        asks_once_ = true;
        for (const std::size_t at : places) elsewhere_[at] = client_->servers_->node_at(where->to);
      }
    } else if (is_passing(*answer) && client_->engine_->now() < give_up_) {
      passing_ = true;
      if (answer->is_fault("READONLY")) node->look_anew();
      if (answer->is_fault("CLUSTERDOWN") || answer->is_fault("READONLY")) client_->servers_->refresh();
    } else {
      return false;
    }
    open_.insert(open_.end(), places.begin(), places.end());
    return true;
  }
  std::size_t places_at_once() const noexcept { return std::max<std::size_t>(what_.commands.size(), 1); }

  void settle(std::size_t at, expected<resp_reply> answer, const connection_ptr& over) {
    if (answer && answer->is_fault())
      answer = fail(error_of(*answer, over->name(), user_of(client_->options())));
    if (!answer) answer = client_->explain(answer.error());
    result_.answers[at] = std::move(answer);
  }

  void next() {
    if (open_.empty()) return finish();
    std::sort(open_.begin(), open_.end());
    redis_figures::count(client_->engine_->figures.repeated, open_.size());
    repeated_ |= std::exchange(broke_, false);
    if (!passing_) return step();
    wait_ = std::min(wait_ * 2, longest_pause);
    const auto left = give_up_ - client_->engine_->now();
    // Held by itself while it waits: nobody else knows it.
    waits_ = true;
    client_->engine_->loop->enroll(weak_from_this());
    pause_.set(std::min<duration>(wait_, left), [self = shared_from_this()] {
      self->waits_ = false;
      self->step();
    });
  }
  void finish() {
    what_ = {};
    std::exchange(then_, nullptr)(std::move(result_));
  }

  const client_ptr client_;
  pipeline what_;
  outcome_then then_;
  alarm pause_;
  const steady_time give_up_;
  outcome result_;
  std::vector<std::size_t> open_;
  std::vector<node_ptr> elsewhere_;
  std::size_t under_way_ = 0;
  std::size_t redirections_ = 0;
  duration wait_ = first_pause / 2;
  bool passing_ = false, redirected_ = false, broke_ = false, repeated_ = false, asks_once_ = false,
       waits_ = false;
};

void redis_client::run(pipeline what, outcome_then then) {
  engine_->loop->post([self = shared_from_this(), what = std::move(what), then = std::move(then)]() mutable {
    if (what.commands.empty()) return then({});
    std::make_shared<attempt>(self, std::move(what), std::move(then))->go();
  });
}

void redis_client::run(pipeline what) {
  run(std::move(what), [](const outcome&) {});
}

failure redis_client::explain(const error& fault) const {
  return with_context(fault, "store {}", engine_->name);
}

}  // namespace kiln::redis_store
