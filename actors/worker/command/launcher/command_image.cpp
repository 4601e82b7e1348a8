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

  const std::size_t strings = std::size_t{head.paths} + head.arguments + head.variables + head.shown +
                              head.layers + head.folders + head.doors;
  constexpr std::size_t ends = 8;  // a null behind each list, and room in front of the arguments
  auto** next = static_cast<char**>(calloc(strings + ends, sizeof(char*)));
  if (next == nullptr) return false;
  string_lists lists(begin + sizeof head + filter_size, begin + size);
  auto list = [&](std::uint32_t count) {
    char** const first = next;
    next += count + 1;
    return lists.take(first, count) ? first : nullptr;
  };
  into.shown = const_cast<const char**>(list(head.shown));
  into.paths = const_cast<const char**>(list(head.paths));
  ++next;
  into.arguments = list(head.arguments);
  into.variables = list(head.variables);
  if (into.shown == nullptr || into.paths == nullptr || into.arguments == nullptr ||
      into.variables == nullptr)
    return false;
  if (head.sandboxed == 0) return true;
  char* inside = nullptr;
  if (!lists.take(&inside, 1)) return false;
  into.inside = inside;
  into.layers = const_cast<const char**>(list(head.layers));
  into.folders = const_cast<const char**>(list(head.folders));
  into.doors = const_cast<const char**>(list(head.doors));
  return into.layers != nullptr && into.folders != nullptr && into.doors != nullptr;
}

}  // namespace kiln::launcher
