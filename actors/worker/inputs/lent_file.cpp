#include "actors/worker/inputs/lent_file.hpp"

#include <sys/stat.h>

#include <utility>

#include "actors/worker/inputs/private_copy.hpp"

namespace kiln {

expected<lent_input_ptr> take_lent_file(const std::shared_ptr<work_root>& root,
                                        const std::shared_ptr<thread_pool>& pool, const wanted_input& which,
                                        const lent_file& file, std::shared_ptr<lent_input::sharing> shared) {
  struct stat facts {};
  if (::lstat(file.path.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode) || facts.st_size != which.blob.size)
    return fail(errc::data_loss, "the cache lent {}, which is not as blob {} should be", file.path,
                which.blob);
  if (!which.executable || (facts.st_mode & 07777) != 0555)
    return make_private_copy(root, pool, which, file.path);
  return std::make_shared<const lent_input>(
      lent_input{which.blob, file.path, mark_of(facts), file.hold, std::move(shared)});
}

}  // namespace kiln
