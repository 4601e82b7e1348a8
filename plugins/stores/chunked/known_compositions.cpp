#include "plugins/stores/chunked/known_compositions.hpp"

namespace kiln::chunked {

known_compositions::ticket known_compositions::begin(const digest& blob, std::span<const digest> layouts) {
  if (!listening_) return 0;
  const auto of = index_.begin(blob, blob.function);
  name(of, layouts);
  return of;
}

void known_compositions::is_there(const digest& blob, ticket of) {
  if (!listening_) return;
  if (of == 0 && index_.find(blob, blob.function) != nullptr) return;
  stays(blob, of);
}

void known_compositions::stays(const digest& blob, ticket of) {
  if (!listening_) return;
  if (of != 0) index_.finish(of, {}, 0);
  if (index_.find(blob, blob.function) == nullptr) return listeners_.tell_evicted({blob});
  listeners_.note_stored(blob);
  listeners_.tell();
}

}  // namespace kiln::chunked
