#include "core/net/collect_in_time.hpp"

#include <memory>
#include <utility>

namespace kiln {

void collect_in_time(const std::shared_ptr<web_client>& web, blob_source_ptr source, std::size_t limit,
                     std::optional<duration> wait, const char* doing,
                     std::function<void(expected<bytes>)> then) {
  using done = std::function<void(expected<bytes>)>;
  auto asker = std::make_shared<done>(std::move(then));
  if (wait)
    web->later(*wait, [weak = std::weak_ptr(asker), source, doing] {
      auto late = weak.lock();
      if (!late || !*late) return;
      const error why(errc::deadline_exceeded, fmt::format("the time was over while {}", doing));
      source->cancel(why);
      if (auto waits = std::exchange(*late, nullptr)) waits(failure(why));
    });
  collect(source, limit, [web, asker](expected<bytes> content) {
    web->post([asker, content = std::move(content)]() mutable {
      if (auto waits = std::exchange(*asker, nullptr)) waits(std::move(content));
    });
  });
}

}  // namespace kiln
