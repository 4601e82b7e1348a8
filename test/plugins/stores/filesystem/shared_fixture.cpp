#include "test/plugins/stores/filesystem/shared_fixture.hpp"

#include <stdlib.h>
#include <sys/resource.h>

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <stdexcept>

#include "test/contract/scratch.hpp"

namespace kiln::test {
namespace {

std::filesystem::path fresh_shared_folder() {
  std::string name = (contract::scratch_place() / "kiln-shared-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder could be made");
  return name;
}

// Each process has its lock files open, and here all of them are one.
void allow_many_files() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace

filesystem::store_options shared_fixture::sharing(std::uint64_t capacity) {
  filesystem::store_options result;
  result.shared = true;
  result.capacity = byte_size{capacity};
  return result;
}

shared_fixture::shared_fixture(std::size_t count, filesystem::store_options given, store_role held)
    : options(std::move(given)), what(held), folder(fresh_shared_folder()) {
  options.path = (folder / "store").string();
  allow_many_files();
  for (std::size_t i = 0; i < count; ++i) open();
}

shared_fixture::~shared_fixture() {
  for (std::size_t i = 0; i < all_.size(); ++i) {
    all_[i].disk->fault = nullptr;
    close(i);
    for (const auto& text : all_[i].order->breaches()) BOOST_ERROR(text);
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

expected<store_actor> shared_fixture::spawn(process& one, const filesystem::store_options& with) {
  store_context context{system.actors(), system.env(), "house", what, {}, {}};
  return filesystem::spawn_filesystem_store(with, context, {one.disk.get(), one.pool, boot, one.order.get()});
}

void shared_fixture::open() {
  all_.emplace_back();
  auto spawned = spawn(all_.back(), options);
  if (!spawned) throw std::runtime_error(spawned.error().to_string());
  all_.back().store = *spawned;
}

error shared_fixture::try_open(filesystem::store_options with) {
  with.path = options.path;
  process one;
  auto spawned = spawn(one, with);
  if (!spawned) return spawned.error();
  system.end(*spawned);
  return {};
}

void shared_fixture::close(std::size_t which) {
  auto& one = all_.at(which);
  if (!one.store) return;
  system.end(one.store);
  one.store = nullptr;
  run();
}

void shared_fixture::kill(std::size_t which) {
  auto& one = all_.at(which);
  one.disk->fault = [](disk_call, const std::string&) { return EIO; };
  one.pool->abandon();
  system.end(one.store);
  one.store = nullptr;
  run();
}

void shared_fixture::run() {
  bool more = true;
  while (more) {
    system.run();
    more = false;
    for (auto& one : all_) more = one.pool->run_one() || more;
  }
}

void shared_fixture::pass(duration how_long) {
  constexpr duration step = std::chrono::milliseconds(1);
  for (duration done{0}; done < how_long; done += step) {
    system.pass(step);
    run();
  }
}

void shared_fixture::run_jobs(std::size_t which, std::size_t count) {
  system.run();
  for (; count > 0 && all_.at(which).pool->run_one(); --count) system.run();
}

digest shared_fixture::put(std::size_t which, const std::string& content) {
  digest blob = digest_of(content);
  auto written = write(which, blob, content);
  if (!written) throw std::runtime_error(written.error().to_string());
  return blob;
}

expected<std::string> shared_fixture::read(std::size_t which, const digest& blob) {
  auto content = ask(which, read_blob{blob});
  if (!content) return fail(std::move(content).error());
  auto text = std::make_shared<std::string>(content->head.flatten().view());
  if (!content->rest) return std::move(*text);
  auto end = std::make_shared<std::optional<expected<void>>>();
  pump(
      std::move(content->rest),
      [text](const byte_chain& pieces) -> expected<void> {
        for (const auto& piece : pieces.pieces()) *text += piece.view();
        return {};
      },
      [end](expected<void> result) { *end = std::move(result); });
  run();
  if (!*end) throw std::runtime_error("the source has no end");
  if (!**end) return fail((*end)->error());
  return std::move(*text);
}

std::filesystem::path shared_fixture::file_of(const digest& blob) const {
  std::string hex = blob.hex();
  return folder / "store" / "content" / info_of(blob.function).name / hex.substr(0, 2) /
         (hex + "-" + std::to_string(blob.size));
}

std::vector<std::filesystem::path> shared_fixture::files_in(const std::string& below) const {
  std::vector<std::filesystem::path> result;
  for (const auto& found : std::filesystem::recursive_directory_iterator(folder / "store" / below))
    if (found.is_regular_file()) result.push_back(found.path());
  return result;
}

}  // namespace kiln::test
