#include "plugins/stores/chunked/front.hpp"

#include <algorithm>
#include <caf/actor_system.hpp>
#include <caf/default_attachable.hpp>
#include <caf/make_actor.hpp>
#include <caf/monitorable_actor.hpp>
#include <caf/send.hpp>
#include <utility>

namespace kiln::chunked {
namespace {

class front final : public caf::monitorable_actor {
public:
  front(caf::actor_config config, std::int64_t min_size, const store_actor& whole,
        const store_actor& composed)
      : monitorable_actor(config),
        min_size_(min_size),
        whole_(caf::actor_cast<caf::strong_actor_ptr>(whole)),
        composed_(caf::actor_cast<caf::strong_actor_ptr>(composed)) {
    composed_->get()->attach(
        caf::default_attachable::make_monitor(caf::actor_cast<caf::actor_addr>(composed_), address()));
  }

  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit* context) override {
    auto composed_ended = [&](caf::down_msg& news) { cleanup(std::move(news.reason), context); };
    if (handle_system_message(*what, context, false, composed_ended)) return;
    auto& to = concerns_large(what->content()) ? composed_ : whole_;
    to->enqueue(std::move(what), context);
  }

protected:
  void on_cleanup(const caf::error& reason) override {
    caf::anon_send_exit(caf::actor_cast<caf::actor>(composed_), caf::exit_reason::user_shutdown);
    monitorable_actor::on_cleanup(reason);
  }

private:
  bool is_large(const digest& blob) const noexcept { return blob.size >= min_size_; }
  bool is_large(const std::vector<digest>& blobs) const noexcept {
    return std::any_of(blobs.begin(), blobs.end(), [this](const digest& blob) { return is_large(blob); });
  }

  /// Of an order of this kind: whether what it names is large. Nothing if it is another order.
  template <class Order, class Named>
  bool names_large(const caf::type_erased_tuple& words, Named Order::*named, bool& large) const {
    if (!words.match_elements<Order>()) return false;
    large = is_large(words.get_as<Order>(0).*named);
    return true;
  }
  // Orders that name no blobs are for `composed`, and batches are small enough to be always whole.
  bool concerns_large(const caf::type_erased_tuple& words) const {
    bool large = true;
    if (names_large(words, &find_missing::blobs, large) || names_large(words, &read_blob::blob, large) ||
        names_large(words, &read_blobs::blobs, large) || names_large(words, &write_blob::blob, large) ||
        names_large(words, &lend_file::blob, large) || names_large(words, &lease_blobs::blobs, large) ||
        names_large(words, &forget_blob::blob, large))
      return large;
    return !words.match_elements<write_blobs>();
  }

  const std::int64_t min_size_;
  const caf::strong_actor_ptr whole_;
  const caf::strong_actor_ptr composed_;
};

}  // namespace

store_actor make_front(caf::actor_system& system, std::int64_t min_size, const store_actor& whole,
                       const store_actor& composed) {
  auto made = caf::make_actor<front, caf::strong_actor_ptr>(system.next_actor_id(), system.node(), &system,
                                                            caf::actor_config{}, min_size, whole, composed);
  return caf::actor_cast<store_actor>(made);
}

}  // namespace kiln::chunked
