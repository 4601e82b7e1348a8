#include "core/wire/bearer_token.hpp"

#include <openssl/crypto.h>

#include <algorithm>

#include "core/digest/hasher.hpp"

namespace kiln {
namespace {

constexpr std::string_view white = " \t\r\n";
constexpr std::string_view scheme = "bearer ";

std::string_view trimmed(std::string_view text) {
  auto first = text.find_first_not_of(white);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(white) - first + 1);
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Of one length, whatever was shown.
std::string hash_of(std::string_view text) {
  hasher engine(digest_function::sha256);
  engine.update(text);
  return engine.finish().hex();
}

}  // namespace

expected<bearer_token> bearer_token::from_text(std::string_view text) {
  auto secret = trimmed(text);
  if (secret.size() < shortest || secret.size() > longest)
    return fail(errc::invalid_argument, "a token has {} to {} characters, and this one has {}", shortest,
                longest, secret.size());
  bool printable = std::all_of(secret.begin(), secret.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (!printable)
    return fail(errc::invalid_argument, "a token is one word of printable ASCII, and this one is not");
  return bearer_token(std::string(secret));
}

bool bearer_token::is_shown_by(std::string_view value) const {
  if (value.size() < scheme.size() ||
      !std::equal(scheme.begin(), scheme.end(), value.begin(), [](char a, char b) { return a == lower(b); }))
    return false;
  auto ours = hash_of(secret_);
  auto shown = hash_of(trimmed(value.substr(scheme.size())));
  return CRYPTO_memcmp(ours.data(), shown.data(), ours.size()) == 0;
}

}  // namespace kiln
