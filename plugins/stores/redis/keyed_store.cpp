#include "plugins/stores/redis/keyed_store.hpp"

#include <unordered_set>

#include "core/observe/log.hpp"
#include "core/wire/too_large.hpp"

namespace kiln::redis_store {
namespace {

std::string milliseconds_of(duration time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

}  // namespace

void keyed_store::add_touch(std::vector<resp_command>& to, const std::string& key) const {
  if (options().ttl) to.push_back(key_command({"PEXPIRE", key, milliseconds_of(*options().ttl)}));
}

resp_command keyed_store::set_command(const std::string& key, byte_chain content) const {
  if (!options().ttl) return key_command({"SET", key}, std::move(content));
  return key_command({"SET", key}, std::move(content), {"PX", milliseconds_of(*options().ttl)});
}

void keyed_store::publish(const std::string& key) const {
  if (options().publish_to.empty()) return;
  pipeline news;
  news.commands.push_back(make_command({"PUBLISH", options().publish_to, key}));
  client->run(std::move(news));
}

void keyed_store::drop_damaged(const digest& blob, const error& why) const {
  redis_figures::count(engine().figures.damaged);
  if (engine().env.log != nullptr)
    engine().env.log->warn("a damaged blob is dropped", {{"store", engine().name}, {"why", why.message()}});
  pipeline order;
  order.commands.push_back(key_command({"UNLINK", names.of(blob)}));
  client->run(std::move(order));
}

error keyed_store::too_large(const digest& blob) const {
  return too_large_for_store(blob, engine().name, options().max_blob_size.bytes);
}

std::vector<digest> named_once_of(const std::vector<digest>& blobs, bool without_empty) {
  std::vector<digest> result;
  std::unordered_set<digest> named;
  result.reserve(blobs.size());
  for (const digest& blob : blobs)
    if (!(without_empty && is_empty_blob(blob)) && named.insert(blob).second) result.push_back(blob);
  return result;
}

}  // namespace kiln::redis_store
