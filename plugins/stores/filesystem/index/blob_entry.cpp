#include "plugins/stores/filesystem/index/blob_entry.hpp"

#include <sys/mman.h>

#include <cstdlib>
#include <new>
#include <stdexcept>
#include <utility>

namespace kiln::filesystem {

static_assert(std::is_trivially_copyable_v<blob_entry> &&
              std::is_trivially_default_constructible_v<blob_entry>);

void entry_slab::free_chunk::operator()(blob_entry* which) const noexcept {
  std::free(which);
}

// Where the kernel has no huge pages, small ones do.
std::unique_ptr<blob_entry[], entry_slab::free_chunk> entry_slab::make_chunk() {
  void* room = std::aligned_alloc(chunk_bytes, chunk_bytes);
  if (room == nullptr) throw std::bad_alloc();
  ::madvise(room, chunk_bytes, MADV_HUGEPAGE);
  return std::unique_ptr<blob_entry[], free_chunk>(static_cast<blob_entry*>(room));
}

blob_entry& entry_slab::make() {
  entry_id id = free_;
  if (id != 0) {
    free_ = (*this)[id].next;
  } else {
    if (made_ + 1 == 0) throw std::length_error("an index holds no more blobs");
    if ((made_ + 1) / chunk >= chunks_.size()) chunks_.push_back(make_chunk());
    if (made_ == 0) (*this)[0].self = 0;  // nobody's
    id = ++made_;
  }
  blob_entry& fresh = (*this)[id];
  fresh = {};
  fresh.self = id;
  return fresh;
}

void entry_slab::drop(blob_entry& which) noexcept {
  which.next = free_;
  free_ = std::exchange(which.self, 0);
}

void entry_slab::push_back(entry_line& to, blob_entry& which) noexcept {
  which.before = to.back;
  which.next = 0;
  (to.back != 0 ? (*this)[to.back].next : to.front) = which.self;
  to.back = which.self;
}

void entry_slab::unlink(entry_line& from, blob_entry& which) noexcept {
  (which.before != 0 ? (*this)[which.before].next : from.front) = which.next;
  (which.next != 0 ? (*this)[which.next].before : from.back) = which.before;
}

void entry_slab::prepend(entry_line& to, entry_line from) noexcept {
  if (from.empty()) return;
  if (!to.empty()) {
    (*this)[from.back].next = to.front;
    (*this)[to.front].before = from.back;
    from.back = to.back;
  }
  to = from;
}

}  // namespace kiln::filesystem
