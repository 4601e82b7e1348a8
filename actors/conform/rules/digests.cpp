#include "actors/conform/exam.hpp"

// 1. Digests, instance names, resource names.
namespace kiln::conform {

std::vector<rule> digest_rules() {
  return {
      {2, tag::stated, "a hash in capitals is INVALID_ARGUMENT, though the blob is there", needs::cache,
       [](exam& ask) {
         auto stored = ask.fresh();
         ask.store(stored);
         auto capitals = stored;
         for (char& c : *capitals.digest.mutable_hash()) c = static_cast<char>(std::toupper(c));
         ask.expect(ask.find_missing(capitals), errc::invalid_argument);
         ask.expect(ask.read(ask.read_name(capitals)), errc::invalid_argument);
       }},
  };
}

}  // namespace kiln::conform
