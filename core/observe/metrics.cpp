#include "core/observe/metrics.hpp"

#include "core/observe/printable.hpp"

namespace kiln {
namespace {

constexpr std::size_t label_value_limit = 128;

// Peers choose label values: bound them, and keep them valid UTF-8 on one line.
std::string tame(std::string_view value) {
  std::string result;
  for (auto rest = value.substr(0, label_value_limit); !rest.empty();) {
    const auto next = first_code_point(rest);
    if (next.valid && is_printable(next.value))
      result += rest.substr(0, next.size);
    else
      result += '?';
    rest.remove_prefix(next.size);
  }
  return result;
}

std::vector<std::string> names_of(const std::vector<metric_name>& labels) {
  std::vector<std::string> result;
  for (auto label : labels) result.emplace_back(label.text());
  return result;
}

}  // namespace

template <class Metric>
Metric& metric_family<Metric>::with(label_values values) {
  values.resize(labels_.size());
  for (auto& value : values) value = tame(value);
  std::lock_guard lock(mutex_);
  auto found = series_.find(values);
  if (found == series_.end()) {
    if (series_.size() >= limit_) values.assign(labels_.size(), "other");
    found = series_.try_emplace(std::move(values)).first;
    if (!found->second) found->second = make_();
  }
  return *found->second;
}

template <class Metric>
std::vector<std::pair<label_values, const Metric*>> metric_family<Metric>::snapshot() const {
  std::vector<std::pair<label_values, const Metric*>> result;
  std::lock_guard lock(mutex_);
  for (const auto& [values, metric] : series_) result.emplace_back(values, metric.get());
  return result;
}

template class metric_family<counter>;
template class metric_family<gauge>;
template class metric_family<histogram>;

template <class Metric>
metric_family<Metric>& metric_registry::declare(metric_name name, std::string_view help,
                                                const std::vector<metric_name>& labels,
                                                std::function<std::unique_ptr<Metric>()> make) {
  const std::string key(name.text());
  const auto label_names = names_of(labels);
  std::lock_guard lock(mutex_);
  for (auto [entry, end] = families_.equal_range(key); entry != end; ++entry) {
    auto* same_kind = std::get_if<std::unique_ptr<metric_family<Metric>>>(&entry->second);
    if (same_kind && (*same_kind)->labels() == label_names) return **same_kind;
  }
  auto family =
      std::make_unique<metric_family<Metric>>(std::string(help), label_names, series_limit_, std::move(make));
  auto& result = *family;
  families_.emplace(key, std::move(family));  // behind the others of its name
  return result;
}

metric_family<counter>& metric_registry::counters(metric_name name, std::string_view help,
                                                  std::vector<metric_name> labels) {
  return declare<counter>(name, help, labels, [] { return std::make_unique<counter>(); });
}

metric_family<gauge>& metric_registry::gauges(metric_name name, std::string_view help,
                                              std::vector<metric_name> labels) {
  return declare<gauge>(name, help, labels, [] { return std::make_unique<gauge>(); });
}

metric_family<histogram>& metric_registry::histograms(metric_name name, std::string_view help,
                                                      std::vector<double> bounds,
                                                      std::vector<metric_name> labels) {
  return declare<histogram>(name, help, labels,
                            [bounds = std::move(bounds)] { return std::make_unique<histogram>(bounds); });
}

std::vector<std::string> metric_registry::conflicts() const {
  std::vector<std::string> result;
  std::lock_guard lock(mutex_);
  for (auto entry = families_.begin(); entry != families_.end(); entry = families_.upper_bound(entry->first))
    if (families_.count(entry->first) > 1) result.push_back(entry->first);
  return result;
}

std::vector<std::pair<std::string_view, const metric_registry::any_family*>> metric_registry::snapshot()
    const {
  std::vector<std::pair<std::string_view, const any_family*>> result;
  std::lock_guard lock(mutex_);
  for (auto entry = families_.begin(); entry != families_.end(); entry = families_.upper_bound(entry->first))
    result.emplace_back(entry->first, &entry->second);
  return result;
}

}  // namespace kiln
