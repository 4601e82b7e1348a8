#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/observe/instrument.hpp"

namespace kiln {

/// The name of a metric or of a label: snake_case, begins with a letter. Checked by the compiler.
class metric_name {
public:
  consteval metric_name(const char* name) : name_(name) {  // NOLINT: a literal is a name
    if (name_.empty() || name_[0] < 'a' || name_[0] > 'z') throw "metric names begin with a letter";
    if (name_ == "le" || name_ == "quantile") throw "reserved by Prometheus";
    for (char c : name_)
      if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_') throw "metric names are snake_case";
  }
  constexpr std::string_view text() const noexcept { return name_; }

private:
  std::string_view name_;
};

using label_values = std::vector<std::string>;

/// The series of one name, told apart by the values of its labels. Any thread.
template <class Metric>
class metric_family {
public:
  using series = std::map<label_values, std::unique_ptr<Metric>>;

  metric_family(std::string help, std::vector<std::string> labels, std::size_t limit,
                std::function<std::unique_ptr<Metric>()> make)
      : help_(std::move(help)), labels_(std::move(labels)), limit_(limit), make_(std::move(make)) {}

  /// The series of these values, one for each label; missing ones are empty, surplus ones ignored. It stays
  /// for the life of the registry: fetch it once and keep it. Beyond the limit every new combination shares
  /// the series whose values are all "other", so no peer can grow the table. Takes a lock.
  Metric& with(label_values values = {});

  const std::string& help() const noexcept { return help_; }
  const std::vector<std::string>& labels() const noexcept { return labels_; }
  /// What is there now, ordered by label values. The pointers stay good.
  std::vector<std::pair<label_values, const Metric*>> snapshot() const;

private:
  const std::string help_;
  const std::vector<std::string> labels_;
  const std::size_t limit_;
  const std::function<std::unique_ptr<Metric>()> make_;
  mutable std::mutex mutex_;
  series series_;
};

extern template class metric_family<counter>;
extern template class metric_family<gauge>;
extern template class metric_family<histogram>;

/// All metrics of a process. Main owns it and passes it on by reference; it outlives whoever counts.
/// Declaring a name again with the same kind and labels gives the same family, so each instance of a store
/// may declare.
///
///     auto& hits = metrics.counters("kiln_store_hits_total", "Blobs found.", {"store"}).with({name});
///     hits.add();
class metric_registry {
public:
  using any_family =
      std::variant<std::unique_ptr<metric_family<counter>>, std::unique_ptr<metric_family<gauge>>,
                   std::unique_ptr<metric_family<histogram>>>;

  /// `series_limit`: series in one family, before newcomers go to "other".
  explicit metric_registry(std::size_t series_limit = 1000) : series_limit_(series_limit) {}
  metric_registry(const metric_registry&) = delete;
  metric_registry& operator=(const metric_registry&) = delete;

  metric_family<counter>& counters(metric_name name, std::string_view help,
                                   std::vector<metric_name> labels = {});
  metric_family<gauge>& gauges(metric_name name, std::string_view help, std::vector<metric_name> labels = {});
  /// `bounds` are the first declarer's.
  metric_family<histogram>& histograms(metric_name name, std::string_view help, std::vector<double> bounds,
                                       std::vector<metric_name> labels = {});

  /// Names declared twice with different kinds or labels. The second declarer counts into a family that is
  /// never shown; a mistake of ours or of a plugin, to be logged at start-up, not worth a crash.
  std::vector<std::string> conflicts() const;
  /// What is shown, by name. Families are never removed: names and pointers stay good.
  std::vector<std::pair<std::string_view, const any_family*>> snapshot() const;

private:
  template <class Metric>
  metric_family<Metric>& declare(metric_name name, std::string_view help,
                                 const std::vector<metric_name>& labels,
                                 std::function<std::unique_ptr<Metric>()> make);

  const std::size_t series_limit_;
  mutable std::mutex mutex_;
  // The first of a name is shown, the others are its conflicts.
  std::multimap<std::string, any_family> families_;
};

}  // namespace kiln
