#include "actors/worker/inputs/lent_file.hpp"

#include <utility>

#include "actors/worker/inputs/private_copy.hpp"

namespace kiln {

expected<lent_input_ptr> take_lent_file(const std::shared_ptr<work_root>& root,
                                        const std::shared_ptr<thread_pool>& pool, const wanted_input& which,
                                        const lent_file& file, std::shared_ptr<lent_input::sharing> shared) {
  auto facts = root->on().facts(descriptor(), file.path.c_str());
  if (!facts || facts->kind != file_kind::file || facts->size != static_cast<std::uint64_t>(which.blob.size))
    return fail(errc::data_loss, "the cache lent {}, which is not as blob {} should be", file.path,
                which.blob);
  if (!which.executable || facts->mode != 0555) return make_private_copy(root, pool, which, file.path);
  return std::make_shared<const lent_input>(
      lent_input{which.blob, file.path, mark_of(*facts), file.hold, std::move(shared)});
}

}  // namespace kiln
