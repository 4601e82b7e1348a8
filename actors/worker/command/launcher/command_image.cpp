#include "actors/worker/command/launcher/command_image.hpp"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace kiln::launcher {
namespace {

/// The strings of an image, one list after the other.
class string_lists {
public:
  string_lists(char* begin, char* end) : at_(begin), end_(end) {}

  bool take(char** list, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      auto* nul = static_cast<char*>(memchr(at_, '\0', static_cast<std::size_t>(end_ - at_)));
      if (nul == nullptr) return false;
      list[i] = at_;
      at_ = nul + 1;
    }
    return true;
  }

private:
  char* at_;
  char* end_;
};

}  // namespace

bool read_image(int image, command& into) {
  struct stat facts {};
  if (fstat(image, &facts) != 0) return false;
  auto size = static_cast<std::size_t>(facts.st_size);
  if (size < sizeof(command_head)) return false;
  void* mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, image, 0);
  if (mapped == MAP_FAILED) return false;
  auto* begin = static_cast<char*>(mapped);
  memcpy(&into.head, begin, sizeof into.head);
  const command_head& head = into.head;
  const std::size_t filter_size = std::size_t{head.filter} * sizeof(sock_filter);
  if (head.filter > BPF_MAXINSNS || size - sizeof head < filter_size) return false;
  static_assert(sizeof(command_head) % alignof(sock_filter) == 0);
  into.filter.len = static_cast<unsigned short>(head.filter);
  into.filter.filter = reinterpret_cast<sock_filter*>(begin + sizeof head);

  std::size_t strings = std::size_t{head.paths} + head.arguments + head.variables + head.shown + head.layers +
                        head.folders + head.doors;
  auto** pointers = static_cast<char**>(calloc(strings + 8, sizeof(char*)));
  if (pointers == nullptr) return false;
  into.paths = const_cast<const char**>(pointers);
  into.arguments = pointers + head.paths + 2;
  into.variables = into.arguments + head.arguments + 1;
  auto** shown = into.variables + head.variables + 1;
  into.shown = const_cast<const char**>(shown);
  auto** layers = shown + head.shown + 1;
  into.layers = const_cast<const char**>(layers);
  auto** folders = layers + head.layers + 1;
  into.folders = const_cast<const char**>(folders);
  auto** doors = folders + head.folders + 1;
  into.doors = const_cast<const char**>(doors);
  string_lists lists(begin + sizeof head + filter_size, begin + size);
  if (!lists.take(pointers, head.paths) || !lists.take(into.arguments, head.arguments) ||
      !lists.take(into.variables, head.variables))
    return false;
  if (head.sandboxed == 0) return true;
  char* inside = nullptr;
  if (!lists.take(&inside, 1)) return false;
  into.inside = inside;
  return lists.take(shown, head.shown) && lists.take(layers, head.layers) &&
         lists.take(folders, head.folders) && lists.take(doors, head.doors);
}

}  // namespace kiln::launcher
