#include "core/admission/refused_connections.hpp"

#include <chrono>
#include <utility>

namespace kiln {
namespace {

constexpr auto time_between_lines = std::chrono::seconds(10);

}  // namespace

refused_connections::refused_connections(metric_registry* in, logger* log, const clock& time,
                                         std::string transport)
    : log_(log), time_(time), transport_(std::move(transport)) {
  if (in != nullptr)
    count_ = &in->counters("kiln_refused_connections_total",
                           "Connections closed because there were too many.", {"transport"})
                  .with({transport_});
}

void refused_connections::note(std::string_view client) {
  if (count_ != nullptr) count_->add();
  const auto now = time_.now();
  std::uint64_t several = 0;
  {
    std::lock_guard lock(mutex_);
    ++untold_;
    if (told_ && now - *told_ < time_between_lines) return;
    told_ = now;
    several = std::exchange(untold_, 0);
  }
  if (log_ != nullptr)
    log_->warn(
        "connections were closed: there are as many as max_connections allows, or half of them are one "
        "client's",
        {{"transport", transport_}, {"connections", several}, {"last_client", client}});
}

}  // namespace kiln
