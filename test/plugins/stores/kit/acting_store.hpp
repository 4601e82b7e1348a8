#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

#include "core/digest/hasher.hpp"
#include "core/store_kit/store_wrapper.hpp"
#include "test/contract/sources.hpp"
#include "test/harness/deterministic_system.hpp"
#include "test/harness/seen_orders.hpp"

namespace kiln::test {

/// How a store of a test behaves. Confined to the test's thread.
struct conduct {
  std::map<std::string, error> faults;      ///< by the kind of order
  std::map<digest, error> faults_of_reads;  ///< by the blob
  std::function<blob_content()> instead_of_reads;
  bool hangs = false;            ///< takes orders, and answers none
  bool hangs_in_writes = false;  ///< the same for those that write
  /// Whether an order waits before the store begins with it, until the test lets it go on. Asked for each.
  std::function<bool()> is_slow;
  std::vector<std::function<void()>> waiting;  ///< orders
  std::vector<std::shared_ptr<void>> owed;     ///< answers of one that hung
  seen_orders seen;

  template <class Order>
  void fail_with(error why) {
    faults.insert_or_assign(typeid(Order).name(), std::move(why));
  }
  void heal() {
    faults.clear();
    faults_of_reads.clear();
    hangs = hangs_in_writes = false;
    owed.clear();
  }
};

/// Does what its conduct says.
class acting_store final : public store_wrapper {
public:
  acting_store(resumable_store::pointer self, store_actor inner, std::shared_ptr<conduct> how)
      : store_wrapper(self, std::move(inner)), how_(std::move(how)) {}

  template <class Order>
  caf::result<answer_to<Order>> take(Order& order) {
    ++how_->seen.counts[typeid(Order).name()];
    how_->seen.times.insert(order.until);
    constexpr bool writes = std::is_same_v<Order, write_blob> || std::is_same_v<Order, write_blobs>;
    if (how_->hangs || (writes && how_->hangs_in_writes)) return hang(order);
    if (auto fault = how_->faults.find(typeid(Order).name()); fault != how_->faults.end())
      return to_caf(fault->second);
    if (auto fault = fault_of(order)) return to_caf(*fault);
    if constexpr (std::is_same_v<Order, read_blob>)
      if (auto instead = how_->instead_of_reads) return instead();
    if (!how_->is_slow || !how_->is_slow()) return pass_on(order);
    auto asker = owe<Order>();
    auto late = std::make_shared<Order>(std::move(order));
    how_->waiting.push_back([this, home = resumable_store(self()), late, asker] {
      caf::anon_send(home, resume{[this, late, asker] {
                       ask(std::move(*late), [asker](expected<answer_to<Order>> said) mutable {
                         asker.deliver(std::move(said));
                       });
                     }});
    });
    return asker;
  }
  void take(watch_store& order) {
    ++how_->seen.watched;
    pass_on(order);
  }

private:
  template <class Order>
  caf::result<answer_to<Order>> hang(Order& order) {
    struct held {
      Order order;
      answer<answer_to<Order>> asker;
    };
    auto kept = std::make_shared<held>(held{std::move(order), owe<Order>()});
    how_->owed.push_back(kept);
    return kept->asker;
  }
  template <class Order>
  std::optional<error> fault_of(const Order& order) const {
    if constexpr (std::is_same_v<Order, read_blob>)
      if (auto fault = how_->faults_of_reads.find(order.blob); fault != how_->faults_of_reads.end())
        return fault->second;
    return std::nullopt;
  }

  const std::shared_ptr<conduct> how_;
};

/// Stores with a conduct each, which a test puts side by side.
class acting_stores {
public:
  struct part {
    std::shared_ptr<conduct> how = std::make_shared<conduct>();
    store_actor itself;  ///< the store without conduct
    store_actor shown;
    store_promises promised;

    template <class Order>
    std::size_t seen() const {
      return how->seen.of<Order>();
    }
  };

  deterministic_system system;
  store_role what = store_role::content;
  store_actor top;

  explicit acting_stores(std::uint64_t seed = 1, pick order = pick::oldest) : system(seed, order) {}
  ~acting_stores() {
    for (auto& [name, one] : parts_) {
      // What a test has said refers to what is gone by now.
      one.how->is_slow = nullptr;
      one.how->instead_of_reads = nullptr;
      one.how->waiting.clear();
      one.how->owed.clear();
    }
    system.run();
  }

  part& add(const std::string& name, const std::string& yaml = "{type: memory, capacity: 64MiB}") {
    auto& one = parts_[name];
    one.itself = system.spawn_store(yaml, what);
    one.shown = system.own(spawn_store<acting_store>(system.actors(), system.env(), one.itself, one.how));
    return one;
  }
  part& operator[](const std::string& name) { return parts_.at(name); }
  std::map<std::string, part>& all() { return parts_; }

  /// For a store of this name over those above.
  store_context context(const std::string& name) {
    store_context made{system.actors(),
                       system.env(),
                       name,
                       what,
                       [this](const store_ref& one) { return parts_.at(one.name).shown; },
                       {}};
    made.promises = [this](const store_ref& one) { return parts_.at(one.name).promised; };
    return made;
  }
  void open(expected<store_actor> spawned) {
    if (!spawned) throw std::runtime_error(spawned.error().message());
    top = system.own(*spawned);
  }

  template <class Order>
  expected<answer_to<Order>> ask(Order order) {
    return system.ask<answer_to<Order>>(top, std::move(order));
  }
  template <class Order>
  auto begin(Order order) {
    return system.begin<answer_to<Order>>(top, std::move(order));
  }
  /// The same, and lets everybody act.
  template <class Order>
  auto started(Order order) {
    auto answer = begin(std::move(order));
    system.run();
    return answer;
  }
  steady_time after(duration time) { return system.time().now() + time; }

  digest put(const std::string& name, const std::string& content) {
    return put_blob(system, parts_.at(name).itself, content);
  }
  bool has(const std::string& name, const digest& blob) {
    return system.ask<missing_blobs>(parts_.at(name).itself, find_missing{{blob}})->blobs.empty();
  }
  bool is_missing(const digest& blob) { return !ask(find_missing{{blob}})->blobs.empty(); }
  expected<receipt> write(const digest& blob, const std::string& content) {
    return ask(write_blob{blob, contract::deliver(content)});
  }
  void plant(const std::string& name, const digest& blob, const std::string& content) {
    auto kept = system.ask<receipts>(parts_.at(name).itself, write_blobs{{{blob, bytes::copy_of(content)}}});
    if (!kept || !kept->results.at(0)) throw std::runtime_error("nothing could be planted");
  }
  /// All of it, or the error that it ends with.
  expected<std::string> read(const digest& blob) { return drain(ask(read_blob{blob})); }
  expected<std::string> read_in(const std::string& name, const digest& blob) {
    return drain(system.ask<blob_content>(parts_.at(name).itself, read_blob{blob}));
  }
  expected<std::string> drain(expected<blob_content> content) {
    if (!content) return failure(content.error());
    std::string text(content->head.flatten().view());
    if (!content->rest) return text;
    auto said = std::make_shared<std::optional<expected<bytes>>>();
    collect(std::move(content->rest), 1 << 28, [said](expected<bytes> all) { *said = std::move(all); });
    system.run();
    if (!*said) throw std::runtime_error("the bytes did not come");
    if (!**said) return failure((*said)->error());
    return text + std::string((*said)->value().view());
  }

  std::uint64_t counted(metric_name name, const std::string& store) {
    return system.metrics().counters(name, "", {"store"}).with({store}).value();
  }

private:
  std::map<std::string, part> parts_;
};

/// Other bytes than these, and as many.
inline std::string rotten(const std::string& content) {
  return std::string(content.size(), '~');
}

/// The code of an answer, "OK" if it is none, and "nothing" as long as there is none.
template <class T>
std::string_view said(const expected<T>& answer) {
  return name_of(answer ? errc::ok : answer.error().code());
}
template <class T>
std::string_view said(const std::shared_ptr<std::optional<expected<T>>>& answer) {
  return *answer ? said(**answer) : "nothing";
}

}  // namespace kiln::test
