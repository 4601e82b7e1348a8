#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>

#include "test/plugins/stores/filesystem/filesystem_model.hpp"

namespace kiln::test {
namespace {

namespace fs = std::filesystem;

// A record's header is somewhat longer than the hash in it, and stands before the payload.
constexpr std::uint64_t header_margin = 256;

std::string text_of(const fs::path& file) {
  std::ifstream from(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(from), {}};
}

timespec changed_at(const fs::path& file) {
  struct stat facts {};
  ::stat(file.c_str(), &facts);
  return facts.st_mtim;
}

void set_changed_at(const fs::path& file, const timespec& when) {
  const timespec times[] = {when, when};
  ::utimensat(AT_FDCWD, file.c_str(), times, 0);
}

void overwrite(const fs::path& file, const std::string& text) {
  fs::permissions(file, fs::perms::owner_write, fs::perm_options::add);
  std::ofstream into(file, std::ios::binary | std::ios::in | std::ios::out);
  into.write(text.data(), static_cast<std::streamsize>(text.size()));
}

}  // namespace

void filesystem_model::restart() {
  auto how = one_in(3) ? filesystem_fixture::whole::machine : filesystem_fixture::whole::process;
  note("restart");
  house_.restart(how);
  settle_after_stop(true);
  blind_ = false;
}

void filesystem_model::crash() {
  auto how = one_in(3) ? filesystem_fixture::whole::machine : filesystem_fixture::whole::process;
  note("crash");
  house_.crash(how);
  settle_after_stop(false);
  blind_ = false;
  hear_news();
}

// In order, with something done to the folder while nobody has it.
void filesystem_model::stop_and(const std::function<void()>& meanwhile) {
  house_.close();
  meanwhile();
  house_.open();
  house_.run();
  settle_after_stop(true);
  blind_ = false;
}

std::function<int(disk_call, const std::string&)> filesystem_model::failing_disk() {
  const int errors[] = {EIO, ENOSPC, EIO, EMFILE, ENOMEM, EDQUOT};
  const auto number = errors[chance(std::size(errors))];
  const auto rate = 2 + chance(40);
  auto which = static_cast<disk_call>(chance(static_cast<std::uint64_t>(disk_call::other)));
  const bool any = one_in(3);
  note(fmt::format("the disk fails: one in {} calls of kind {}, with {}", rate,
                   any ? -1 : static_cast<int>(which), number));
  return [this, number, rate, which, any](disk_call made, const std::string&) {
    return (any || made == which) && one_in(rate) ? number : 0;
  };
}

void filesystem_model::fail_for_a_while() {
  house_.disk.fault = failing_disk();
  unclean_ = true;
  for (std::uint64_t i = 0, orders = 1 + chance(20); i < orders; ++i) {
    const std::function<void()> some[] = {
        [&] { write_one(); },      [&] { write_many(10); }, [&] { read_one(any_entry(), true); },
        [&] { read_many(); },      [&] { find(); },         [&] { forget(); },
        [&] { several_at_once(); }};
    some[chance(std::size(some))]();
  }
  house_.run();
  hear_news();
  note("the disk is good again");
  house_.disk.fault = nullptr;
  // What could not be written or removed then may be there or not.
  for (auto& one : entries_)
    if (one->is == state::absent) one->is = state::unsure;
}

// Whoever cannot read the folder may not start. Who starts may not see all that is there, and may not harm
// it.
void filesystem_model::start_on_a_failing_disk() {
  house_.close();
  house_.disk.fault = failing_disk();
  unclean_ = true;
  try {
    house_.open();
    house_.run();
    blind_ = true;
  } catch (const std::runtime_error&) {
    note("it does not start");
    house_.disk.fault = nullptr;
    house_.open();
    house_.run();
  }
  house_.disk.fault = nullptr;
  settle_after_stop(false);
  hear_news();
  if (blind_)
    for (int i = 0; i < 6; ++i) {
      // What could not be read is tried again.
      if (one_in(3)) house_.system.pass(std::chrono::seconds(1 + chance(3)));
      house_.run();
      one_in(2) ? find() : read_many();
    }
  if (blind_) stop_and([] {});
}

// Bytes of this file from here to there are not what they were: whose are they?
void filesystem_model::hurt(const fs::path& file, std::uint64_t from, std::uint64_t to) {
  if (file.extension() == ".index") return;  // it is made anew
  auto text = text_of(file);
  for (auto& one : entries_) {
    auto size = one->value.size;
    for (const auto& past : one->past) size = std::max(size, past.size);
    bool touched = file.filename().string().starts_with(one->name.hex());
    if (file.extension() == ".pack") {
      std::string hash(reinterpret_cast<const char*>(one->name.hash.data()), 20);
      const auto reach = 2 * header_margin + size;
      auto begin = from > reach ? from - reach : 0;
      std::string_view around = std::string_view(text).substr(begin, to + header_margin - begin);
      for (auto at = around.find(hash); at != std::string_view::npos && !touched;
           at = around.find(hash, at + 1))
        touched = begin + at + header_margin + size >= from;
    }
    if (!touched) continue;
    if (one->is == state::kept || one->is == state::unsure || one->is == state::absent)
      one->is = state::unsure;
    if (one->is == state::forgotten) one->is = state::unsure;  // its tombstone may have been there
    one->harmed = true;
    happened(*one, "harmed");
  }
}

void filesystem_model::damage_a_file() {
  std::vector<fs::path> files = house_.files_in("packs");
  auto large = house_.files_in("content");
  files.insert(files.end(), large.begin(), large.end());
  if (files.empty()) return;
  std::sort(files.begin(), files.end());
  auto file = files[chance(files.size())];
  auto size = fs::file_size(file);
  if (size == 0) return;
  const auto kind = chance(4);
  auto harm = [&] {
    // Closing may have ended it.
    if (!fs::exists(file)) return;
    size = fs::file_size(file);
    std::uint64_t from = chance(size), to = from + 1;
    if (kind == 1) to = std::min(size, from + 1 + chance(64));
    if (kind == 2) from = from / 4096 * 4096, to = std::min(size, from + 4096);
    if (kind == 3) from = size - std::min<std::uint64_t>(size, 1 + chance(3000)), to = size;
    note(fmt::format("{} is damaged from {} to {} ({})", file.filename().string(), from, to, kind));
    hurt(file, from, to);
    auto text = text_of(file);
    for (auto at = from; at < to; ++at)
      text[at] = kind == 2 ? '\0' : static_cast<char>(text[at] ^ (1 << chance(8)));
    overwrite(file, text);
    if (kind == 3) fs::resize_file(file, from);
    auto when = changed_at(file);
    when.tv_sec += 1;
    set_changed_at(file, when);
  };
  if (one_in(2))
    stop_and(harm);
  else
    harm();
}

// Modes and times say nothing about bytes.
void filesystem_model::touch_a_file() {
  auto files = house_.files_in("content");
  auto lent = house_.files_in("lent");
  files.insert(files.end(), lent.begin(), lent.end());
  if (files.empty()) return;
  std::sort(files.begin(), files.end());
  const auto& file = files[chance(files.size())];
  note(fmt::format("{} is touched", file.filename().string()));
  const ::mode_t modes[] = {0644, 0755, 0777, 0555, 0444, 0770};
  if (one_in(2)) {
    ::chmod(file.c_str(), modes[chance(std::size(modes))]);
  } else {
    auto when = changed_at(file);
    when.tv_sec -= static_cast<time_t>(chance(100'000));
    set_changed_at(file, when);
  }
}

// As a disk does it: nothing but the bytes changes.
void filesystem_model::rot_a_file() {
  auto files = house_.files_in("content");
  if (files.empty()) return;
  std::sort(files.begin(), files.end());
  const auto& file = files[chance(files.size())];
  auto text = text_of(file);
  if (text.empty()) return;
  auto when = changed_at(file);
  struct stat facts {};
  ::stat(file.c_str(), &facts);
  auto at = chance(text.size());
  note(fmt::format("{} rots at {}", file.filename().string(), at));
  hurt(file, at, at + 1);
  for (auto& one : entries_)
    if (file.filename().string().starts_with(one->name.hex())) one->rotten = true;
  text[at] = static_cast<char>(text[at] ^ 4);
  overwrite(file, text);
  ::chmod(file.c_str(), facts.st_mode & 07777);
  set_changed_at(file, when);
}

}  // namespace kiln::test
