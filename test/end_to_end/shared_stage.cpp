#include "test/end_to_end/shared_stage.hpp"

#include <caf/atom.hpp>

#include "core/base/descriptors.hpp"

namespace kiln::end_to_end {
namespace {

caf::actor_system_config& two_threads(caf::actor_system_config& config) {
  config.set("scheduler.policy", caf::atom("sharing"));
  config.set("scheduler.max-threads", 2U);
  return config;
}

}  // namespace

shared_stage::shared_stage(const shared_child_options& options)
    : random_(make_system_random()),
      log_([](std::string_view) { return true; }, system_clock()),
      system_(std::make_unique<caf::actor_system>(two_threads(config_))) {
  raise_descriptor_limit();
  content_ = spawn(options, store_role::content);
  results_ = spawn(options, store_role::results);
}

store_actor shared_stage::spawn(const shared_child_options& options, store_role what) {
  const bool is_content = what == store_role::content;
  filesystem::store_options with;
  with.path = options.folder + (is_content ? "/content" : "/results");
  with.capacity = byte_size{is_content ? options.capacity : 1 << 20};
  with.keep = options.relaxed ? filesystem::durability::relaxed : filesystem::durability::durable;
  with.io_threads = 2;
  with.shared = true;
  with.locks = options.coarse ? filesystem::lock_choice::coarse : filesystem::lock_choice::fine;
  store_context context{*system_, {&system_clock(), random_.get(), &log_, &metrics_}, "shared", what, {}, {}};
  disk& on = *context.env.files;
  auto spawned =
      filesystem::spawn_filesystem_store(with, context,
                                         {&on, context.env.pools->make("disk", with.io_threads), "a boot",
                                          is_content ? order_.get() : order_of_results_.get()});
  if (!spawned) throw std::runtime_error(spawned.error().to_string());
  return *spawned;
}

shared_stage::~shared_stage() {
  caf::anon_send_exit(content_, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(results_, caf::exit_reason::user_shutdown);
  content_ = nullptr;
  results_ = nullptr;
  system_.reset();
}

expected<receipt> shared_stage::write(store_role whom, const digest& blob, std::string content) {
  return ask(whom, write_blob{blob, source_of(bytes::adopt(std::move(content)))});
}

expected<std::string> shared_stage::read(store_role whom, const digest& blob) {
  auto content = ask(whom, read_blob{blob});
  if (!content) return fail(std::move(content).error());
  std::string text(content->head.flatten().view());
  if (!content->rest) return text;
  auto rest = std::make_shared<std::promise<expected<bytes>>>();
  auto ended = rest->get_future();
  collect(std::move(content->rest), 64 << 20,
          [rest](expected<bytes> all) { rest->set_value(std::move(all)); });
  if (ended.wait_for(std::chrono::minutes(1)) != std::future_status::ready)
    throw std::runtime_error("a read has no end");
  auto all = ended.get();
  if (!all) return fail(std::move(all).error());
  text += all->view();
  return text;
}

}  // namespace kiln::end_to_end
