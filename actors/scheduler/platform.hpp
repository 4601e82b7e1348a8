#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "core/contract/action.hpp"

/// What actions ask of a machine and what workers offer, made ready to compare. Plain functions.
namespace kiln::scheduling {

/// How a property is compared.
enum class comparison : std::uint8_t {
  exact,    ///< the worker must offer this very value
  counted,  ///< a number that running actions use up
  ignored,  ///< says nothing about where to run
};
/// By the property's name; what stands in no rule is exact.
using property_rules = std::map<std::string, comparison>;

using counted_amounts = std::map<std::string, std::uint64_t>;

/// What an action asks for, without what is ignored.
struct needs {
  std::set<std::pair<std::string, std::string>> exact;
  counted_amounts counted;  ///< named twice, the larger amount counts
  duration timeout{0};      ///< how long it may run; 0: as long as the worker lets it

  bool operator==(const needs&) const = default;
  /// Equal text, equal needs.
  std::string key() const;
};
/// INVALID_ARGUMENT for an amount that is no number.
expected<needs> needs_of(const platform_properties& asked, duration timeout, const property_rules& rules);

/// What a worker has when nothing runs on it.
struct offer {
  std::set<std::pair<std::string, std::string>> exact;
  counted_amounts counted;  ///< named twice, the amounts add up
  duration longest{0};      ///< it lets an action run; 0: no limit is known

  /// Equal text, equal offers.
  std::string key() const;
};
/// INVALID_ARGUMENT for an amount that is no number.
expected<offer> offer_of(const platform_properties& declared, const property_rules& rules);

/// Whether the amounts suffice. A name that is not there counts as 0.
bool covers(const counted_amounts& there, const counted_amounts& asked) noexcept;
/// Whether the worker, idle, could take the action.
bool could_take(const offer& by, const needs& asked) noexcept;
void take(counted_amounts& from, const counted_amounts& amounts) noexcept;
void give_back(counted_amounts& to, const counted_amounts& amounts) noexcept;

/// Why none of these offers meets the needs, in a sentence for the client: the first property that nobody
/// offers as wanted, and what is offered; or that no single worker has all of it.
std::string explain_mismatch(const needs& asked, const std::vector<const offer*>& offers);

/// What exists, as a configuration declares it: names with their values, and amounts with the largest of
/// them.
using declared_properties = std::map<std::string, std::vector<std::string>>;
/// Nothing to say if all that is asked for exists, or nothing is declared; else the sentence for the client.
std::string explain_undeclared(const needs& asked, const declared_properties& declared);

}  // namespace kiln::scheduling
