#include "plugins/stores/verify/verify_store.hpp"

#include <algorithm>
#include <utility>

#include "core/base/machine.hpp"
#include "core/contract/checked_source.hpp"
#include "core/store_kit/split.hpp"
#include "core/store_kit/store_wrapper.hpp"

namespace kiln::verify {
namespace {

std::size_t size_of(const write_blobs& order) {
  std::size_t sum = 0;
  for (const auto& entry : order.entries) sum += entry.content.size();
  return sum;
}

struct verdict {
  enum home : std::size_t { good, bad };
  homes of_entries;
  receipts refusals;  ///< of the bad ones
};

expected<verdict> check_all(const write_blobs& order) {
  verdict all;
  for (const auto& entry : order.entries) {
    auto right = caught([&] { return check(entry.blob, entry.content); });
    all.of_entries.push_back(right ? verdict::good : verdict::bad);
    if (!right) all.refusals.results.emplace_back(failure(right.error()));
  }
  return all;
}

// Blobs are checked on their way in, so all but the writing goes straight to the inner store.
class verify_store final : public store_wrapper {
public:
  verify_store(resumable_store::pointer self, store_actor inner, std::shared_ptr<thread_pool> hashing)
      : store_wrapper(self, std::move(inner)), hashing_(std::move(hashing)) {}

  caf::result<receipt> take(write_blob& order) {
    if (order.source) order.source = checked(std::move(order.source), order.blob, hashing_);
    return pass_on(order);
  }

  caf::result<receipts> take(write_blobs& order) {
    auto asker = owe<write_blobs>();
    auto batch = std::make_shared<write_blobs>(std::move(order));
    auto pass = [this, asker, batch](expected<verdict> all) mutable {
      all ? pass_good(std::move(*batch), std::move(*all), asker) : asker.deliver(failure(all.error()));
    };
    if (size_of(*batch) <= hashed_in_place)
      pass(check_all(*batch));
    else
      offload(
          resumable_store(self()), *hashing_, [batch] { return check_all(*batch); }, std::move(pass));
    return asker;
  }

private:
  /// The good ones go on, as a batch, and their receipts return to their places among the refusals.
  void pass_good(write_blobs batch, verdict all, answer<receipts> asker) {
    auto good = std::move(split(std::move(batch), all.of_entries, 2)[verdict::good]);
    if (!good) return asker.deliver(std::move(all.refusals));
    ask(std::move(*good), [asker, all = std::move(all)](expected<receipts> kept) mutable {
      asker.deliver(join_results<receipts>(all.of_entries, {std::move(kept), std::move(all.refusals)}));
    });
  }

  const std::shared_ptr<thread_pool> hashing_;
};

}  // namespace
}  // namespace kiln::verify

namespace kiln {

expected<store_actor> spawn_verify_store(const verify_options& options, const store_context& context) {
  if (context.what == store_role::results)
    return fail(errc::invalid_argument,
                "it would hold action results, and the digest of an action says nothing about the bytes of "
                "its result: nothing can be verified");
  std::shared_ptr<thread_pool> hashing =
      context.env.pools->make("kiln-verify", options.threads.value_or(std::max(processors() / 2, 1U)));
  return spawn_store<verify::verify_store>(context.system, context.env, context.store(options.inner),
                                           std::move(hashing));
}

}  // namespace kiln
