#pragma once

#include <any>
#include <memory>
#include <string>
#include <vector>

#include "core/config/section_schema.hpp"

namespace kiln {

/// A named thing of a chosen type, read and ready to be spawned.
struct configured {
  std::string name;                   ///< its key, or the generated name of an inline store
  std::string type;                   ///< which entry of the kind table
  std::any options;                   ///< for the plugin that the type stands for
  node description;                   ///< where the YAML says so
  std::vector<store_refs::use> uses;  ///< the stores its options refer to
  std::shared_ptr<const section_schema> schema;
};

/// Reads one map {type: X, ...} with the schema that X stands for. The stores it refers to are noted in its
/// `uses` and in `stores`. After a complaint there is still a result, so that names can be checked further
/// on: without a schema if the type was at fault; its options are not to be used.
configured read_kind(std::string name, const node& section, const kind_table& table, faults& collected,
                     store_refs& stores);

/// Reads a map of names to such maps: `stores:`, `transports:`. Names are letters, digits, '_' and '-', so
/// that a generated name (which has a dot) is nobody's.
std::vector<configured> read_kinds(const node& section, const kind_table& table, faults& collected,
                                   store_refs& stores);

/// The stores of a configuration in the order they have to be spawned: what one refers to stands before it.
/// Takes the named ones and all references gathered so far, reads the inline stores (and theirs), and
/// complains of names that no store has and of circles.
std::vector<configured> resolve_stores(std::vector<configured> named, store_refs& stores,
                                       const kind_table& table, faults& collected);

}  // namespace kiln
