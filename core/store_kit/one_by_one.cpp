#include "core/store_kit/one_by_one.hpp"

#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "core/store_kit/few_at_once.hpp"

namespace kiln::one_by_one {

std::vector<digest> each_once(const std::vector<digest>& blobs, store_role what) {
  const bool has_the_empty_one = what == store_role::content;
  std::vector<digest> result;
  std::unordered_set<digest> named;
  for (const digest& blob : blobs)
    if (!(has_the_empty_one && is_empty_blob(blob)) && named.insert(blob).second) result.push_back(blob);
  return result;
}

void find_all(const find_missing& order, store_role what, std::size_t at_once, look one,
              done<missing_blobs> then) {
  struct finding {
    std::vector<digest> asked;
    std::vector<char> absent;  // not bool, for several threads set them
    std::mutex mutex;
    error fault;
  };
  auto all = std::make_shared<finding>();
  all->asked = each_once(order.blobs, what);
  all->absent.resize(all->asked.size());
  few_at_once::run(
      all->asked.size(), at_once,
      [all, one = std::move(one)](std::size_t which, std::function<void()> ended) {
        {
          std::lock_guard lock(all->mutex);
          if (!all->fault.ok()) return ended();
        }
        one(all->asked[which], [all, which, ended = std::move(ended)](const expected<bool>& is_there) {
          if (!is_there) {
            std::lock_guard lock(all->mutex);
            all->fault = is_there.error();
          } else if (!*is_there) {
            all->absent[which] = 1;
          }
          ended();
        });
      },
      [all, then = std::move(then)] {
        if (!all->fault.ok()) return then(failure(all->fault));
        missing_blobs missing;
        for (std::size_t i = 0; i < all->asked.size(); ++i)
          if (all->absent[i] != 0) missing.blobs.push_back(all->asked[i]);
        then(std::move(missing));
      });
}

void read_all(const read_blobs& order, store_role what, std::size_t at_once, read one,
              done<blob_batch> then) {
  struct reading {
    std::vector<digest> asked, once;
    std::vector<expected<bytes>> results;
  };
  auto all = std::make_shared<reading>();
  all->asked = order.blobs;
  all->once = each_once(all->asked, what);
  all->results.resize(all->once.size());
  few_at_once::run(
      all->once.size(), at_once,
      [all, one = std::move(one)](std::size_t which, std::function<void()> ended) {
        one(all->once[which], [all, which, ended = std::move(ended)](expected<bytes> content) {
          all->results[which] = std::move(content);
          ended();
        });
      },
      [all, then = std::move(then)] {
        std::unordered_map<digest, std::size_t> place;
        for (std::size_t i = 0; i < all->once.size(); ++i) place[all->once[i]] = i;
        blob_batch answer;
        for (const digest& blob : all->asked) {
          auto found = place.find(blob);
          answer.results.push_back(found == place.end() ? expected<bytes>() : all->results[found->second]);
        }
        then(std::move(answer));
      });
}

void write_all(write_blobs order, std::size_t at_once, write one, done<receipts> then) {
  struct writing {
    write_blobs order;
    std::vector<expected<receipt>> results;
  };
  auto all = std::make_shared<writing>();
  all->order = std::move(order);
  all->results.resize(all->order.entries.size());
  few_at_once::run(
      all->results.size(), at_once,
      [all, one = std::move(one)](std::size_t which, std::function<void()> ended) {
        one(all->order.entries[which], [all, which, ended = std::move(ended)](expected<receipt> outcome) {
          all->results[which] = std::move(outcome);
          ended();
        });
      },
      [all, then = std::move(then)] { then(receipts{std::move(all->results)}); });
}

expected<blob_content> part_of_result(const read_blob& order, const bytes& record) {
  if (order.offset > record.size())
    return fail(errc::out_of_range, "offset {} lies behind the end of result {}", order.offset, order.blob);
  const auto limit = order.limit == 0 ? record.size() : order.limit;
  return blob_content{record.slice(order.offset, limit), nullptr};
}

}  // namespace kiln::one_by_one
