#pragma once

#include <boost/test/unit_test.hpp>
#include <string>

#include "core/config/schema.hpp"

namespace kiln::test {

/// Reads a text with a schema and keeps what came of it.
template <class Options>
struct read_options {
  Options options{};
  store_refs stores;
  faults collected;
  bool good;

  read_options(const schema<Options>& shape, const std::string& text) {
    auto doc = parse_document(text, "node.yaml");
    BOOST_REQUIRE_MESSAGE(doc.has_value(), doc.error().message());
    collected = doc->diagnostics();
    good = shape.read(doc->root(), options, collected, stores);
    BOOST_TEST(good == collected.empty(), collected.to_string());
  }
  std::string complaints() const { return collected.to_string(); }
};

}  // namespace kiln::test
