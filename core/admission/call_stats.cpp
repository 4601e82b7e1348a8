#include "core/admission/call_stats.hpp"

#include <algorithm>

#include "core/observe/memory_budget.hpp"

namespace kiln {

call_stats::call_stats(metric_registry* in, const std::string& transport) {
  if (in == nullptr) return;
  calls_ = &in->gauges("kiln_calls", "Calls that have not ended.", {"transport"}).with({transport});
  bytes_ = &in->gauges("kiln_bytes", "Bytes of messages in use.", {"transport"}).with({transport});
  refused_ =
      &in->counters("kiln_refused_total", "Calls turned away before any service saw them.", {"transport"})
           .with({transport});
  auto& ended = in->counters("kiln_calls_total", "Calls that ended, by status.", {"transport", "status"});
  for (std::size_t code = 0; code < ended_.size(); ++code)
    ended_[code] = &ended.with({transport, std::string(name_of(static_cast<errc>(code)))});
}

void call_stats::call_began() const noexcept {
  if (calls_ != nullptr) calls_->add(1);
}

void call_stats::call_ended(errc code) const noexcept {
  if (calls_ == nullptr) return;
  calls_->add(-1);
  if (auto index = static_cast<std::size_t>(code); index < ended_.size()) ended_[index]->add();
}

void call_stats::call_refused() const noexcept {
  if (refused_ != nullptr) refused_->add();
}

void call_stats::bytes_held(std::int64_t more) const noexcept {
  if (bytes_ != nullptr) bytes_->add(static_cast<double>(more));
}

void claim_messages(metric_registry* in, std::uint64_t bytes) {
  if (in == nullptr) return;
  memory_claim all{"transports", "messages", bytes};
  for (const auto& known : claimed_memory(*in))
    if (known.part == all.part && known.purpose == all.purpose) all.bytes = std::max(all.bytes, known.bytes);
  claim_memory(in, all);
}

}  // namespace kiln
