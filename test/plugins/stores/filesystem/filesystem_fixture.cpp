#include "test/plugins/stores/filesystem/filesystem_fixture.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>

#include "test/contract/scratch.hpp"

namespace kiln::test {
namespace {

std::filesystem::path make_folder() {
  std::string name = (contract::scratch_place() / "kiln-filesystem-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder could be made");
  return name;
}

}  // namespace

filesystem::store_options filesystem_fixture::files_only() {
  filesystem::store_options result;
  result.capacity = byte_size{32 << 20};
  result.packed_below = {0};
  result.hot_memory = byte_size{0};
  return result;
}

filesystem::store_options filesystem_fixture::packing() {
  filesystem::store_options result = files_only();
  result.capacity = byte_size{64 << 20};
  result.packed_below = {64 << 10};
  return result;
}

filesystem::store_options filesystem_fixture::direct() {
  filesystem::store_options result = files_only();
  result.direct_above = byte_size{64 << 10};
  return result;
}

filesystem_fixture::filesystem_fixture(filesystem::store_options given, store_role held)
    : options(std::move(given)), what(held), folder(make_folder()) {
  options.path = (folder / "store").string();
  open();
}

filesystem_fixture::~filesystem_fixture() {
  disk.fault = nullptr;
  close();
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

expected<store_actor> filesystem_fixture::spawn() {
  pool_ = std::make_shared<patient_pool>();
  pool_->limit = pool_limit;
  store_context context{system.actors(), system.env(), "house", what, {}, {}};
  return filesystem::spawn_filesystem_store(options, context,
                                            {&disk, pool_, "boot " + std::to_string(boots_)});
}

void filesystem_fixture::open() {
  auto spawned = spawn();
  if (!spawned) throw std::runtime_error(spawned.error().to_string());
  store_ = *spawned;
  if (when_opened) when_opened(store_);
}

error filesystem_fixture::try_open() {
  auto spawned = spawn();
  if (!spawned) return spawned.error();
  system.own(*spawned);
  return {};
}

void filesystem_fixture::close() {
  if (!store_) return;
  system.end(store_);
  store_ = nullptr;
  run();
}

void filesystem_fixture::restart(whole how) {
  close();
  if (how == whole::machine) ++boots_;
  open();
  run();
}

void filesystem_fixture::crash(whole how, then next) {
  auto faults = std::exchange(disk.fault, [](disk_call, const std::string&) { return EIO; });
  pool_->abandon();
  close();
  disk.fault = std::move(faults);
  if (how == whole::machine) ++boots_;
  open();
  if (next == then::run) run();
}

bool filesystem_fixture::run_jobs(std::size_t count) {
  system.run();
  for (; count > 0; --count) {
    if (!pool_->run_one()) return false;
    system.run();
  }
  return true;
}

void filesystem_fixture::run() {
  do {
    system.run();
  } while (pool_->run_one());
}

expected<receipt> filesystem_fixture::write(const digest& blob, const std::string& content) {
  return ask(write_blob{blob, contract::deliver(content)});
}

digest filesystem_fixture::put(const std::string& content) {
  digest blob = digest_of(content);
  auto written = write(blob, content);
  if (!written) throw std::runtime_error(written.error().to_string());
  return blob;
}

expected<std::string> filesystem_fixture::read(const digest& blob, std::uint64_t offset,
                                               std::uint64_t limit) {
  auto content = ask(read_blob{blob, offset, limit});
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

bool filesystem_fixture::has(const digest& blob) {
  return ask(find_missing{{blob}})->blobs.empty();
}

double filesystem_fixture::gauge(metric_name name, const std::string& kind) {
  return system.metrics().gauges(name, "", {"store", "kind"}).with({"house", kind}).value();
}

std::filesystem::path filesystem_fixture::file_of(const digest& blob) const {
  std::string hex = blob.hex();
  return folder / "store" / "content" / info_of(blob.function).name / hex.substr(0, 2) /
         (hex + "-" + std::to_string(blob.size));
}

void filesystem_fixture::make_places() {
  for (int i = 0; i < 256; ++i)
    std::filesystem::create_directory(folder / "store" / "content" / "sha256" / fmt::format("{:02x}", i));
}

std::vector<std::filesystem::path> filesystem_fixture::files_in(const std::string& below) const {
  std::vector<std::filesystem::path> result;
  for (const auto& found : std::filesystem::recursive_directory_iterator(folder / "store" / below))
    if (found.is_regular_file()) result.push_back(found.path());
  return result;
}

void damage(const std::filesystem::path& file, std::uint64_t offset) {
  std::filesystem::permissions(file, std::filesystem::perms::owner_write, std::filesystem::perm_options::add);
  int number = ::open(file.c_str(), O_RDWR);
  char byte = 0;
  bool done = ::pread(number, &byte, 1, static_cast<off_t>(offset)) == 1;
  byte = static_cast<char>(byte ^ 0x20);
  done = done && ::pwrite(number, &byte, 1, static_cast<off_t>(offset)) == 1;
  ::close(number);
  if (!done) throw std::runtime_error("could not damage " + file.string());
  // Within the same tick of the clock the kernel leaves mtime as it is.
  std::filesystem::last_write_time(file, std::filesystem::last_write_time(file) + std::chrono::seconds(1));
}

}  // namespace kiln::test
