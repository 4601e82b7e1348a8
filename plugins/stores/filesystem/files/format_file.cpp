#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

#include "core/observe/log.hpp"
#include "core/wire/utf8.hpp"
#include "plugins/stores/filesystem/files/blob_places.hpp"
#include "plugins/stores/filesystem/packs/pack_format.hpp"

/// The file without which nobody knows what a folder holds: a few lines, and a checksum of them. One flipped
/// bit must not cost a cache, so there are two of it.
namespace kiln::filesystem {
namespace {

constexpr std::string_view sum_line = "\nsum ";
constexpr std::string_view first_words = "kiln ";
constexpr std::size_t most_quoted = 60;

std::string summed(const std::string& text) {
  return fmt::format("{}sum {:016x}\n", text, checksum(text));
}

enum class judgement { damaged, doubtful, right };

// Releases that wrote no checksum are believed as far as they can be read: what has all of its lines before
// what has a copy beside it, anything else where there is no other.
judgement judge(const std::string& text) {
  const auto at = text.rfind(sum_line);
  if (at != std::string::npos) {
    const auto sum = read_key(value_of(text.substr(at), "sum"));
    return sum && *sum == checksum(text.substr(0, at + 1)) ? judgement::right : judgement::damaged;
  }
  if (!text.starts_with(first_words)) return judgement::damaged;
  const auto keeps = value_of(text, "keeps");
  const bool whole = text.ends_with('\n') && read_key(value_of(text, "key")) &&
                     !value_of(text, "holds").empty() && (keeps == "durable" || keeps == "relaxed") &&
                     (text.starts_with(shared_format_line) || !value_of(text, "closed").empty());
  return whole ? judgement::right : judgement::doubtful;
}

// What changes with each start is left out: of a process that was killed the copy could say that it was not.
std::string lasting(const std::string& text) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size() - 1) + 1;
    const auto line = text.substr(at, end - at);
    if (!line.starts_with("boot ") && !line.starts_with("closed ")) result += line;
    at = end;
  }
  return result;
}

std::string first_line(std::string_view text) {
  return escaped(text.substr(0, text.find('\n')), most_quoted);
}

}  // namespace

expected<std::string> blob_places::read_format() {
  auto text = read_small(on_, root_, format_file);
  if (!text) return fail(in_words(text.error(), "reading", format_file));
  if (judge(*text) == judgement::right) return std::move(*text);
  auto copy = read_small(on_, root_, format_copy);
  if (!copy) return fail(in_words(copy.error(), "reading", format_copy));
  if (judge(*copy) != judgement::right || copy->rfind(sum_line) == std::string::npos) return std::move(*text);
  format_was_damaged_ = true;
  return std::move(*copy);
}

expected<void> blob_places::replace_format(const std::string& text) {
  // The copy first: what it says less of durability holds sooner, what it says more was true before.
  const std::string copy = summed(lasting(text));
  auto there = read_small(on_, root_, format_copy);
  if (!there || *there != copy)
    if (auto done = replace_text(format_copy, copy); !done) return done;
  return replace_text(format_file, summed(text));
}

void blob_places::tell_damaged_format(logger* log, std::string_view store) const {
  if (!format_was_damaged_ || !log) return;
  log->warn("the format file of a store was lost or damaged; its copy was read",
            {{"store", store}, {"file", fmt::format("{}/{}", path_, format_file)}});
}

bool blob_places::has_blobs() const {
  bool found = false;
  auto look = [&](const std::string& name) {
    auto folder = on_.open(root_, name.c_str(), O_RDONLY | O_DIRECTORY);
    if (!folder) return;
    (void)on_.list(*folder, [&](std::string_view, file_kind) {
      found = true;
      return false;
    });
  };
  look("packs");
  for (const auto& info : digest_functions()) look(fmt::format("content/{}", info.name));
  return found;
}

error blob_places::lost_format() const {
  return {
      errc::failed_precondition,
      fmt::format(
          "{0}/{1} and its copy are gone, and nothing else says what lies in {0}: put one of them back, or "
          "empty the folder",
          path_, format_file)};
}

error blob_places::foreign_format(std::string_view text) const {
  if (!text.starts_with(first_words))
    return {errc::failed_precondition,
            fmt::format(
                "{0}/{1} is damaged (it begins with \"{2}\"), and so is {0}/{3}: put back one of them, or "
                "use another folder or empty this one",
                path_, format_file, first_line(text), format_copy)};
  return {errc::failed_precondition,
          fmt::format(
              "the folder {} is not in the format of this release ({}/{} says \"{}\"); use another folder or "
              "empty this one",
              path_, path_, format_file, first_line(text))};
}

}  // namespace kiln::filesystem
