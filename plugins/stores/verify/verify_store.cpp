#include "plugins/stores/verify/verify_store.hpp"

#include <algorithm>
#include <utility>

#include "core/base/machine.hpp"
#include "core/contract/checked_source.hpp"
#include "core/store_kit/store_wrapper.hpp"

namespace kiln::verify {
namespace {

std::size_t size_of(const write_blobs& order) {
  std::size_t sum = 0;
  for (const auto& entry : order.entries) sum += entry.content.size();
  return sum;
}

/// What was wrong with each entry.
using verdicts = std::vector<expected<void>>;

expected<verdicts> check_all(const write_blobs& order) {
  verdicts all;
  all.reserve(order.entries.size());
  for (const auto& entry : order.entries)
    all.push_back(caught([&] { return check(entry.blob, entry.content); }));
  return all;
}

// The receipts return to their places among the refusals.
expected<receipts> merged(const verdicts& all, receipts kept) {
  receipts merged;
  std::size_t next = 0;
  for (const auto& verdict : all) {
    if (!verdict)
      merged.results.emplace_back(failure(verdict.error()));
    else if (next < kept.results.size())
      merged.results.push_back(std::move(kept.results[next++]));
    else
      return fail(errc::internal, "the inner store gave only {} receipts", kept.results.size());
  }
  return merged;
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
    auto pass = [this, asker, batch](expected<verdicts> all) mutable {
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
  /// The good ones go on, as a batch.
  void pass_good(write_blobs batch, verdicts all, answer<receipts> asker) {
    write_blobs good{{}, batch.until};
    for (std::size_t i = 0; i < all.size(); ++i)
      if (all[i]) good.entries.push_back(std::move(batch.entries[i]));
    if (good.entries.empty()) return asker.deliver(merged(all, {}));
    ask(std::move(good), [asker, all = std::move(all)](expected<receipts> kept) mutable {
      asker.deliver(kept ? merged(all, std::move(*kept)) : std::move(kept));
    });
  }

  const std::shared_ptr<thread_pool> hashing_;
};

}  // namespace
}  // namespace kiln::verify

namespace kiln {

expected<store_actor> spawn_verify_store(const verify_options& options, const store_context& context) {
  if (context.what == holds::results)
    return fail(errc::invalid_argument,
                "it would hold action results, and the digest of an action says nothing about the bytes of "
                "its result: nothing can be verified");
  std::shared_ptr<thread_pool> hashing =
      context.env.pools->make("kiln-verify", options.threads.value_or(std::max(processors() / 2, 1U)));
  return spawn_store<verify::verify_store>(context.system, context.env, context.store(options.inner),
                                           std::move(hashing));
}

}  // namespace kiln
