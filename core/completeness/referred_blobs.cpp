#include "core/completeness/referred_blobs.hpp"

#include <limits>
#include <utility>
#include <vector>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/digest/digest_table.hpp"
#include "core/wire/field_reader.hpp"
#include "core/wire/message_limits.hpp"

namespace kiln {

namespace v2 = build::bazel::remote::execution::v2;

walk_rules output_rules() {
  walk_rules rules;
  rules.detail = walk_detail::blobs;
  rules.batch_directories = 500;
  rules.batch_bytes = 8 << 20;
  rules.max_blobs = max_needed;
  rules.max_bytes = std::numeric_limits<std::uint64_t>::max();  // no names are kept
  rules.words.tree = "an output folder";
  return rules;
}

expected<walked_tree> contents_of_tree(const byte_chain& tree, digest_function function) {
  byte_chain root;
  digest_table names;
  std::vector<bytes> directories;  // by the numbers of their names
  auto keep = [&](bytes directory) {
    const auto name = names.add(digest_of(directory.view(), function));
    if (name.is_new) directories.push_back(std::move(directory));
    return name.at;
  };
  field_reader fields(tree);
  while (fields.next()) {
    // A root in parts is one root, as everywhere in protobuf.
    if (fields.is(v2::Tree::kRootFieldNumber, wire_type::length)) root.append(fields.chain());
    if (!fields.is(v2::Tree::kChildrenFieldNumber, wire_type::length)) continue;
    keep(fields.flat());
  }
  if (fields.broken()) return fail(errc::invalid_argument, "it is no Tree");
  const auto top = keep(root.flatten());

  auto rules = output_rules();
  rules.largest_directory = largest::tree;  // each is a part of it
  merkle_walk walk(function, rules);
  if (auto added = walk.add_root(names[top]); !added) return failure(added.error());
  // What nothing in it names is in it all the same.
  for (const auto& name : names.all())
    if (auto added = walk.add_root(name); !added) return failure(added.error());
  for (auto next = walk.next_batch(); !next.empty(); next = walk.next_batch())
    for (std::size_t i = 0; i < next.names.size(); ++i) {
      const auto found = names.find(next.names[i]);
      if (!found)
        return fail(errc::not_found, "a Tree lacks directory {}, which it refers to", next.names[i]);
      if (auto taken = walk.take(next.places[i], directories[*found]); !taken) return failure(taken.error());
    }
  return walk.finish();
}

}  // namespace kiln
