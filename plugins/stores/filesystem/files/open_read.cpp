#include "plugins/stores/filesystem/files/open_read.hpp"

#include <algorithm>

namespace kiln::filesystem {
namespace {

constexpr std::uint64_t prove_before_part = 64 << 20;

std::uint64_t wanted_of(const read_blob& order, std::uint64_t size) noexcept {
  std::uint64_t rest = size - order.offset;
  return order.limit > 0 ? std::min(rest, order.limit) : rest;
}

}  // namespace

bool is_part_to_prove(const file_engine& with, const read_blob& order, std::uint64_t size) noexcept {
  return with.verifies() && size <= prove_before_part && wanted_of(order, size) < size;
}

expected<opened_read> open_read(const file_engine_ptr& with, const read_blob& order, file_stamp proved,
                                file_source::judge tell) {
  auto opened = open_blob(*with, blob_tree::content, order.blob);
  if (!opened) return fail(std::move(opened).error());
  return read_opened(with, std::move(*opened), order, proved, std::move(tell));
}

expected<opened_read> read_opened(const file_engine_ptr& with, opened_blob opened, const read_blob& order,
                                  file_stamp proved, file_source::judge tell) {
  opened_read result{opened.stamp};
  std::uint64_t wanted = wanted_of(order, opened.size);
  std::uint64_t first = std::min(wanted, file_source::piece_size);
  std::optional<hasher> proof;
  if (with->verifies()) {
    if (wanted == opened.size) {
      proof.emplace(order.blob.function);
    } else if (opened.stamp != proved && is_part_to_prove(*with, order, opened.size)) {
      if (auto right = prove(*with, opened, order.blob); !right) return fail(std::move(right).error());
      result.proved = true;
    }
  }
  auto head = read_segment(with->on(), opened.file, order.blob, order.offset, first);
  if (!head) return fail(std::move(head).error());
  result.head = std::move(*head);
  if (proof) proof->update(result.head.view());
  if (first == wanted) {
    if (proof && proof->finish() != order.blob)
      return fail(errc::not_found, "blob {} was damaged on the disk", order.blob);
    result.proved = result.proved || proof;
    return result;
  }
  file_source::segment segment{
      order.blob,           std::make_shared<const descriptor>(std::move(opened.file)),
      order.offset + first, order.offset + wanted,
      opened.stamp,         std::move(proof)};
  auto rest = std::make_shared<file_source>(with, std::move(segment), std::move(tell));
  rest->start();
  result.rest = std::move(rest);
  return result;
}

expected<opened_read> read_whole(const file_engine& with, const digest& blob) {
  auto opened = open_blob(with, blob_tree::content, blob);
  if (!opened) return fail(std::move(opened).error());
  return read_whole_of(with, *opened, blob);
}

expected<opened_read> read_whole_of(const file_engine& with, const opened_blob& opened, const digest& blob) {
  auto all = read_segment(with.on(), opened.file, blob, 0, opened.size);
  if (!all) return fail(std::move(all).error());
  if (with.verifies() && digest_of(all->view(), blob.function) != blob)
    return fail(errc::not_found, "blob {} was damaged on the disk", blob);
  return opened_read{opened.stamp, with.verifies(), std::move(*all), nullptr};
}

}  // namespace kiln::filesystem
