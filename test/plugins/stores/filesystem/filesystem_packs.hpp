#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "plugins/stores/filesystem/packs/pack_walk.hpp"
#include "plugins/stores/filesystem/packs/pack_writer.hpp"
#include "test/harness/faulty_disk.hpp"

namespace kiln::test {

/// A store's folder with packs in it and no store: what lies on the disk, made by hand and looked at by hand.
class pack_folder {
public:
  /// Relaxed where nothing is to be seen of syncs, which take most of the time of many packs.
  explicit pack_folder(store_role what, filesystem::durability keep = filesystem::durability::relaxed);
  ~pack_folder();

  struct kept {
    digest blob;
    std::string content;
    std::uint64_t begin = 0;  ///< of its record
    std::uint64_t end = 0;    ///< of its payload
  };
  /// A pack of these, written as a store writes it.
  std::vector<kept> write(const std::vector<std::pair<digest, std::string>>& blobs);

  std::filesystem::path pack(std::uint64_t number) const;
  std::filesystem::path index(std::uint64_t number) const;
  const filesystem::engine& engine() const { return *engine_; }
  filesystem::engine_ptr shared_engine() const { return engine_; }

  faulty_disk disk;
  const std::filesystem::path folder;

private:
  filesystem::engine_ptr engine_;
};

/// The pack as releases before sealed headers wrote it: 80 bytes of header, of the hash no more than 32.
std::string old_pack(const std::vector<std::pair<digest, std::string>>& blobs, store_role what);
/// `pack_size` 0: of a pack of these.
std::string old_index(const std::vector<std::pair<digest, std::string>>& blobs, store_role what,
                      std::uint64_t pack_size = 0);

std::string content_of(const std::filesystem::path& file);
void put_file(const std::filesystem::path& file, std::string_view content);
/// A new folder of this test.
std::filesystem::path fresh_folder();

}  // namespace kiln::test
