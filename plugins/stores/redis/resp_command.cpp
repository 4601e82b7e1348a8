#include "plugins/stores/redis/resp_command.hpp"

#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "plugins/stores/redis/hash_slot.hpp"

namespace kiln::redis_store {
namespace {

void put_words(std::string& into, command_words words) {
  for (auto word : words) {
    fmt::format_to(std::back_inserter(into), "${}\r\n", word.size());
    into.append(word);
    into.append("\r\n");
  }
}

resp_command with_slot(resp_command made, command_words words) {
  made.slot = hash_slot(*std::next(words.begin()));
  made.has_key = true;
  return made;
}

}  // namespace

resp_command make_command(command_words words) {
  resp_command made;
  fmt::format_to(std::back_inserter(made.text), "*{}\r\n", words.size());
  put_words(made.text, words);
  return made;
}

resp_command key_command(command_words words) {
  return with_slot(make_command(words), words);
}

resp_command key_command(command_words words, byte_chain payload, command_words more) {
  resp_command made;
  fmt::format_to(std::back_inserter(made.text), "*{}\r\n", words.size() + 1 + more.size());
  put_words(made.text, words);
  fmt::format_to(std::back_inserter(made.text), "${}\r\n", payload.size());
  made.payload = std::move(payload);
  made.tail = "\r\n";
  put_words(made.tail, more);
  return with_slot(std::move(made), words);
}

}  // namespace kiln::redis_store
