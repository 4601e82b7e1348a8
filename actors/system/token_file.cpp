#include "actors/system/token_file.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>

namespace kiln {
namespace {

class open_file {
public:
  explicit open_file(int number) noexcept : number_(number) {}
  ~open_file() {
    if (number_ >= 0) ::close(number_);
  }
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;
  int number() const noexcept { return number_; }
  explicit operator bool() const noexcept { return number_ >= 0; }

private:
  const int number_;
};

std::string about_token(const std::string& path) {
  return "the workers' token " + path;
}

struct token_text {
  std::string text;
  bool exposed = false;
};

expected<token_text> text_of_token(const std::string& path) {
  open_file file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return failure(system_error(errno, about_token(path)));
  struct stat about {};
  if (::fstat(file.number(), &about) != 0) return failure(system_error(errno, about_token(path)));
  token_text found;
  found.exposed = (about.st_mode & (S_IRGRP | S_IROTH)) != 0;
  // White space may stand around the token; one byte more than may be shows that it is too much.
  found.text.resize(bearer_token::longest + 257);
  auto count = ::read(file.number(), found.text.data(), found.text.size());
  if (count < 0) return failure(system_error(errno, about_token(path)));
  found.text.resize(static_cast<std::size_t>(count));
  return found;
}

expected<bearer_token> token_from(const std::string& text, const std::string& path) {
  auto token = bearer_token::from_text(text);
  if (!token) return with_context(token.error(), "{}", about_token(path));
  return token;
}

expected<std::string> draw_token() {
  std::array<unsigned char, 32> chance{};
  if (::getrandom(chance.data(), chance.size(), 0) != static_cast<ssize_t>(chance.size()))
    return failure(system_error(errno, "drawing a token"));
  std::string text;
  for (auto byte : chance) text += fmt::format("{:02x}", byte);
  return text + "\n";
}

// Complete or not there: it is written under another name and linked to its own, which fails where somebody
// was faster.
expected<void> make_token(const std::string& path) {
  auto text = draw_token();
  if (!text) return failure(text.error());
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  auto unfinished = fmt::format("{}.{}", path, ::getpid());
  int error_number = 0;
  {
    open_file file(::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
    bool written = file && ::write(file.number(), text->data(), text->size()) == ssize_t(text->size()) &&
                   ::fsync(file.number()) == 0 && ::link(unfinished.c_str(), path.c_str()) == 0;
    if (!written) error_number = errno;
  }
  ::unlink(unfinished.c_str());
  if (error_number != 0 && error_number != EEXIST)
    return failure(system_error(error_number, "making " + about_token(path)));
  return {};
}

}  // namespace

expected<found_token> read_token(const std::string& path) {
  auto found = text_of_token(path);
  if (!found) return failure(found.error());
  auto token = token_from(found->text, path);
  if (!token) return failure(token.error());
  return found_token{std::move(*token), false, found->exposed};
}

expected<found_token> read_or_make_token(const std::string& path) {
  auto found = text_of_token(path);
  bool make = !found && found.error().code() == errc::not_found;
  if (make) {
    if (auto made = make_token(path); !made) return failure(made.error());
  } else if (!found) {
    return failure(found.error());
  }
  auto token = read_token(path);
  if (token) token->made = make;
  return token;
}

void tell_of(const found_token& token, const std::string& path, logger* log) {
  if (log == nullptr) return;
  if (token.made) log->info("made a token for workers", {{"file", path}});
  if (token.exposed)
    log->warn("others on this machine may read the workers' token; `chmod 600` mends it", {{"file", path}});
}

}  // namespace kiln
