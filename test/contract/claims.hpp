#pragma once

#include <boost/test/unit_test.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "test/contract/sources.hpp"
#include "test/contract/stage.hpp"

namespace kiln::contract {

/// One thing a store must do. `prove` uses Boost.Test's checks.
struct claim {
  const char* name;
  void (*prove)(const subject&);
};
#define KILN_CLAIM(function) \
  kiln::contract::claim {    \
#function, &function     \
  }

std::vector<claim> presence_claims();
std::vector<claim> reading_claims();
std::vector<claim> writing_claims();
std::vector<claim> broken_writing_claims();
std::vector<claim> batch_claims();
std::vector<claim> eviction_claims();  ///< for stores with a capacity
std::vector<claim> news_claims();      ///< for those, too
std::vector<claim> late_claims();      ///< for all, also of results
std::vector<claim> restart_claims();   ///< for stores with a folder
std::vector<claim> result_claims();    ///< for stores of results, instead of all above
std::vector<claim> result_restart_claims();

// What the claims say again and again.

expected<receipt> write(stage& on, const digest& blob, std::string content);
/// The digest of these bytes, under the function that the claim is being proved for. Not kiln::digest_of,
/// whose default is always SHA-256.
digest digest_now(std::string_view content);
/// Bytes of a blob that nobody reads in one piece: larger under the first digest function, since what the
/// other functions add is a name, and most of the time that a claim takes is the disk's.
std::size_t large_size();
/// Proves a claim under this function.
void prove_under(digest_function function, const claim& which, const subject& what);

/// Writes `content` under its digest and returns that; the case ends if that fails.
digest put(stage& on, const std::string& content);
expected<std::string> read(stage& on, const digest& blob, std::uint64_t offset = 0, std::uint64_t limit = 0);
bool is_missing(stage& on, const digest& blob);

/// The code of an answer, "OK" if it is none: prints better than a number.
template <class T>
std::string_view code_of(const expected<T>& answer) {
  return name_of(answer ? errc::ok : answer.error().code());
}

template <class T>
std::string text_of(const expected<T>& answer) {
  return answer ? "OK" : answer.error().to_string();
}

}  // namespace kiln::contract
