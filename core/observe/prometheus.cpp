#include "core/observe/prometheus.hpp"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

namespace kiln {
namespace {

std::string label_escaped(std::string_view text, bool quotes) {
  std::string result;
  for (char c : text) {
    if (c == '\n')
      result += "\\n";
    else if (c == '\\' || (quotes && c == '"'))
      (result += '\\') += c;
    else
      result += c;
  }
  return result;
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

/// One family on its way into the text.
struct writer {
  std::string& to;
  std::string_view name;

  void head(std::string_view help, std::string_view type) const {
    fmt::format_to(std::back_inserter(to), "# HELP {0} {1}\n# TYPE {0} {2}\n", name,
                   label_escaped(help, false), type);
  }

  void line(std::string_view suffix, const std::string& labels, std::string_view value) const {
    fmt::format_to(std::back_inserter(to), "{}{}{}{}{} {}\n", name, suffix, labels.empty() ? "" : "{", labels,
                   labels.empty() ? "" : "}", value);
  }

  void series(const std::string& labels, const counter& metric) const {
    line("", labels, std::to_string(metric.value()));
  }

  void series(const std::string& labels, const gauge& metric) const {
    line("", labels, number(metric.value()));
  }

  // The total is the sum of what was read here, so that it agrees with the buckets while others count on.
  void series(const std::string& labels, const histogram& metric) const {
    const std::string before = labels.empty() ? "" : labels + ",";
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < metric.bounds().size(); ++i) {
      total += metric.count(i);
      line("_bucket", fmt::format("{}le=\"{}\"", before, number(metric.bounds()[i])), std::to_string(total));
    }
    total += metric.count(metric.bounds().size());
    line("_bucket", before + "le=\"+Inf\"", std::to_string(total));
    line("_sum", labels, number(metric.sum()));
    line("_count", labels, std::to_string(total));
  }
};

constexpr std::string_view type_of(const counter*) {
  return "counter";
}
constexpr std::string_view type_of(const gauge*) {
  return "gauge";
}
constexpr std::string_view type_of(const histogram*) {
  return "histogram";
}

template <class Metric>
void append(std::string& to, std::string_view name, const metric_family<Metric>& family) {
  const auto all = family.snapshot();
  if (all.empty()) return;
  const writer out{to, name};
  out.head(family.help(), type_of(static_cast<const Metric*>(nullptr)));
  for (const auto& [values, metric] : all) {
    std::string labels;
    for (std::size_t i = 0; i < values.size(); ++i)
      fmt::format_to(std::back_inserter(labels), "{}{}=\"{}\"", i > 0 ? "," : "", family.labels()[i],
                     label_escaped(values[i], true));
    out.series(labels, *metric);
  }
}

}  // namespace

std::string prometheus_text(const metric_registry& metrics) {
  std::string result;
  for (const auto& [name, family] : metrics.snapshot())
    std::visit([&, name = name](const auto& known) { append(result, name, *known); }, *family);
  return result;
}

}  // namespace kiln
