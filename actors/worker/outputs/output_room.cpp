#include "actors/worker/outputs/output_room.hpp"

#include "actors/worker/fault_owners.hpp"

namespace kiln {
namespace {

error of_the_action(std::string sentence) {
  return owned_by(fault_owner::action, {errc::failed_precondition, std::move(sentence)});
}

std::string words_for(const output_room::limits& room) {
  if (room.cache == 0 || room.allowed < room.cache)
    return fmt::format("max_output_size is {} bytes", room.allowed);
  return fmt::format("the cache holds {} bytes", room.cache);
}

}  // namespace

error output_too_large(std::string_view path, std::uint64_t size, const output_room::limits& room) {
  return of_the_action(fmt::format("output \"{}\" has {} bytes, and {}", path, size, words_for(room)));
}

error outputs_too_large(std::string_view path, std::uint64_t size_of_all, const output_room::limits& room) {
  return of_the_action(
      fmt::format("with \"{}\" the outputs have {} bytes, and {}", path, size_of_all, words_for(room)));
}

error refused_as_too_large(std::string_view path, std::uint64_t size, std::uint64_t most) {
  return of_the_action(
      fmt::format("output \"{}\" has {} bytes, and the cache takes {} at most", path, size, most));
}

}  // namespace kiln
