#pragma once

#include <functional>
#include <initializer_list>
#include <set>
#include <string>

#include "core/config/section_schema.hpp"

namespace kiln {

/// What a store promises to whoever stands above it, known from the configuration alone: a wrapper that needs
/// one of these refuses a store that lacks it before anything is spawned, and `kiln check` shows them.
struct store_promises {
  bool keeps = true;         ///< false: what is written is dropped
  bool durable = false;      ///< what was acknowledged outlives a power cut
  bool shared = false;       ///< others than this process write to it and take away
  bool lends_files = false;  ///< some blobs lie in files that it lends
  bool leases = false;       ///< what is leased is not evicted
  bool tells_news = false;   ///< its watchers hear of all that comes and all that leaves
  /// Names of the stores at the bottom in which its blobs lie: its own, where it is one; store_tree fills
  /// that in.
  std::set<std::string> lies_in{};
  /// The same of what it notes down about its blobs, under names that others of its type would use, too.
  std::set<std::string> noted_in{};

  bool operator==(const store_promises&) const noexcept = default;
};

/// What the store behind a reference in the options promises.
using promises_of = std::function<store_promises(const store_ref&)>;

/// Of a store whose blobs lie in one of these each: what all of them promise. It keeps what it is given, and
/// is shared, lends files, where one of them does.
inline store_promises promised_together(std::initializer_list<store_promises> parts) {
  store_promises all{false, true, false, false, true, true};
  for (const auto& part : parts) {
    all.keeps |= part.keeps;
    all.durable &= part.durable;
    all.shared |= part.shared;
    all.lends_files |= part.lends_files;
    all.leases &= part.leases;
    all.tells_news &= part.tells_news;
    all.lies_in.insert(part.lies_in.begin(), part.lies_in.end());
  }
  return all;
}

/// Complains of two stores, by what they are called, that have to be apart, and have their blobs in one and
/// the same store: what one of them drops, the other one would lose.
inline expected<void> check_apart(const std::string& one, const store_promises& of_one,
                                  const std::string& other, const store_promises& of_other) {
  for (const auto& store : of_one.lies_in)
    if (of_other.lies_in.contains(store))
      return fail(errc::invalid_argument,
                  "{} and {} both keep their blobs in store {}: what one drops, the other loses", one, other,
                  store);
  return {};
}

/// Whether what results in one of them need of the other can be kept in mind: all that leaves either is told,
/// and nobody but this process takes it away.
inline bool may_be_indexed(const store_promises& results, const store_promises& content) noexcept {
  return results.tells_news && content.tells_news && !results.shared && !content.shared;
}

}  // namespace kiln
