#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/base/bytes.hpp"
#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "core/contract/order_deadline.hpp"

/// Where the bytes of an object are: a store below, or whatever else can be asked for ranges.
namespace kiln::range_cache {

/// What an answer says of the object as a whole.
struct object_facts {
  std::uint64_t size = 0;
  std::string version;  ///< an ETag, a generation; empty where there is none

  bool operator==(const object_facts&) const = default;
};

/// How a fetch goes on. None is called before `origin` has returned, nor more than one at a time; all where
/// the object is confined to.
struct fetch_events {
  /// Before the first byte, if the size is not known. An object that is empty is one of size 0, and no error.
  std::function<void(const object_facts&)> facts;
  /// The next bytes of the range.
  std::function<void(const byte_chain&)> arrived;
  /// The last word. Well only after the whole range, or up to the object's end.
  std::function<void(const expected<void>&)> ended;
};

/// The fetch lasts as long as this does.
using fetch = std::shared_ptr<const void>;

/// Asks for bytes [offset, offset + size) of the object, fewer where it ends before that. Whoever is asked
/// may give up at `until`.
using origin =
    std::function<fetch(std::uint64_t offset, std::uint64_t size, order_deadline until, fetch_events events)>;

}  // namespace kiln::range_cache
