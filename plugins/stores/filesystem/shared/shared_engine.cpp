#include "plugins/stores/filesystem/shared/shared_engine.hpp"

#include "plugins/stores/filesystem/index/blob_index.hpp"

namespace kiln::filesystem {
namespace {

bool has_name(const shared_engine& with, const digest& blob) {
  auto facts = with.on().facts(with.tree_of(blob), blob_name(blob).path());
  if (!facts || facts->kind != file_kind::file) return false;
  return with.what == store_role::results || facts->size == static_cast<std::uint64_t>(blob.size);
}

}  // namespace

std::uint64_t shared_weight(std::uint64_t size) noexcept {
  return blob_index::file_weight(size);
}

// Looked at twice: what is absent leaves no mark of a use, and between the mark and the second look nobody
// can have taken it away for good.
bool is_kept(const shared_engine& with, const digest& blob) {
  if (!has_name(with, blob)) return false;
  with.uses->note(blob);
  return has_name(with, blob);
}

}  // namespace kiln::filesystem
