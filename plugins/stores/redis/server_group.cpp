#include "plugins/stores/redis/server_group.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace kiln::redis_store {
namespace {

constexpr duration between_questions = std::chrono::milliseconds(200);

std::vector<server_address> addresses_of(const redis_options& options) {
  std::vector<server_address> all;
  for (const auto& text : options.endpoints)
    if (auto address = parse_server_address(text)) all.push_back(std::move(*address));
  return all;
}

std::string name_of_all(const redis_options& options) {
  std::string name = options.endpoints.front();
  if (options.endpoints.size() > 1) name += fmt::format(" and {} more", options.endpoints.size() - 1);
  if (options.mode == redis_mode::sentinel) return fmt::format("master {} of {}", options.master, name);
  return name;
}

}  // namespace

std::shared_ptr<node_finder> finder_of(const engine_ptr& engine) {
  auto endpoints = addresses_of(engine->options);
  if (engine->options.mode == redis_mode::sentinel) return find_by_sentinels(engine, std::move(endpoints));
  return find_among(std::move(endpoints));
}

server_group::server_group(engine_ptr engine) : engine_(std::move(engine)), again_(*engine_->loop) {
  const bool is_cluster = engine_->options.mode == redis_mode::cluster;
  first_ = make_node(name_of_all(engine_->options), finder_of(engine_),
                     is_cluster ? greeting::demand::any : greeting::demand::master);
}

node_ptr server_group::make_node(std::string name, std::shared_ptr<node_finder> finder,
                                 greeting::demand wanted) {
  return std::make_shared<redis_node>(engine_, std::move(name), std::move(finder), wanted);
}

node_ptr server_group::node_for(const resp_command& command) {
  if (engine_->options.mode != redis_mode::cluster || !command.has_key) return first_;
  const auto* master = slots_.master_of(command.slot);
  if (master != nullptr) return node_at(*master);
  refresh();
  return first_;
}

node_ptr server_group::node_at(const server_address& address) {
  auto& node = nodes_[address.to_string()];
  if (!node) {
    node = make_node(address.to_string(), find_among({address}), greeting::demand::any);
    node->on_failure([weak = weak_from_this()] {
      if (auto self = weak.lock()) self->refresh();
    });
  }
  return node;
}

void server_group::moved(const redirection& where) {
  if (!where.only_once) slots_.move(where.slot, where.to);
  refresh();
}

void server_group::refresh() {
  if (engine_->options.mode != redis_mode::cluster || asking_ || closed_ || !may_ask_) return;
  asking_ = true;
  may_ask_ = false;
  again_.set(between_questions, [weak = weak_from_this()] {
    auto self = weak.lock();
    if (!self) return;
    self->may_ask_ = true;
  });
  // Anybody who answers: the seeds, or whoever is known.
  auto whom = first_;
  for (const auto& [name, node] : nodes_)
    if (whom->is_failing()) whom = node;
  ask_for_slots(whom);
}

void server_group::ask_for_slots(const node_ptr& whom) {
  pipeline question;
  question.commands.push_back(make_command({"CLUSTER", "SLOTS"}));
  question.answer_size = 64 << 10;
  whom->submit(std::move(question), [weak = weak_from_this()](outcome what) {
    auto self = weak.lock();
    if (!self || self->closed_) return;
    self->asking_ = false;
    const auto& answer = what.answers.front();
    if (!answer || !self->slots_.read(*answer, what.over->address())) return;
    self->forget_strangers();
  });
}

void server_group::forget_strangers() {
  std::set<std::string> masters;
  for (const auto& one : slots_.masters()) masters.insert(one.to_string());
  std::vector<node_ptr> gone;
  std::erase_if(nodes_, [&](const auto& entry) {
    if (masters.contains(entry.first)) return false;
    gone.push_back(entry.second);
    return true;
  });
  for (const auto& one : gone)
    one->close({errc::unavailable, fmt::format("{} is no master of the cluster any more", one->name())});
}

void server_group::close(const error& why) {
  closed_ = true;
  again_.call_off();
  first_->close(why);
  for (auto& [name, node] : std::exchange(nodes_, {})) node->close(why);
}

}  // namespace kiln::redis_store
