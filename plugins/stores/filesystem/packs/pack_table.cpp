#include "plugins/stores/filesystem/packs/pack_table.hpp"

#include <algorithm>
#include <cerrno>

namespace kiln::filesystem {

pack_table_ptr pack_table::of_index(disk& on, descriptor file, std::uint64_t number,
                                    std::uint64_t pack_size) {
  auto facts = on.facts(file);
  if (!facts || facts->size > largest_index_of(pack_size)) return nullptr;
  buffer into(facts->size);
  auto count = read_all(on, file, {into.data(), facts->size}, 0);
  if (!count) return nullptr;
  std::string_view text(into.data(), *count);
  auto head = check_index(text, number, pack_size);
  if (!head) return nullptr;
  auto result = std::make_shared<pack_table>();
  result->orders_.reserve(head->rows);
  for (std::uint64_t row = 0; row < head->rows; ++row) {
    auto one = decode_row(text.substr(head->place_of(row), head->row_size()), *head);
    if (!one) return nullptr;
    result->orders_.push_back(index_order(one->blob));
  }
  if (!std::is_sorted(result->orders_.begin(), result->orders_.end())) return nullptr;
  result->index_ = std::move(file);
  result->head_ = *head;
  result->covered_ = head->covered;
  return result;
}

pack_table_ptr pack_table::of_records(std::vector<record> records) {
  auto result = std::make_shared<pack_table>();
  sort_for_index(records);
  result->orders_.reserve(records.size());
  for (const auto& one : records) {
    result->orders_.push_back(index_order(one.blob));
    result->covered_ = std::max(result->covered_, end_of(one));
  }
  result->records_ = std::move(records);
  return result;
}

disk_result<void> pack_table::find(disk& on, const digest& blob, std::vector<record>& into) const {
  auto [first, last] = std::equal_range(orders_.begin(), orders_.end(), index_order(blob));
  if (first == last) return {};
  auto found =
      read(on, static_cast<std::size_t>(first - orders_.begin()), static_cast<std::size_t>(last - first));
  if (!found) return tl::unexpected(found.error());
  for (const auto& one : *found)
    if (one.blob == blob) into.push_back(one);
  return {};
}

disk_result<std::vector<record>> pack_table::read(disk& on, std::size_t from, std::size_t count) const {
  const std::size_t end = from + std::min(count, size() - std::min(from, size()));
  if (!index_)
    return std::vector<record>(records_.begin() + static_cast<std::ptrdiff_t>(from),
                               records_.begin() + static_cast<std::ptrdiff_t>(end));
  std::string rows((end - from) * head_.row_size(), '\0');
  auto got = read_all(on, index_, rows, head_.place_of(from));
  if (!got) return tl::unexpected(got.error());
  std::vector<record> result;
  result.reserve(end - from);
  for (std::size_t at = 0; at + head_.row_size() <= *got; at += head_.row_size()) {
    auto one = decode_row(std::string_view(rows).substr(at, head_.row_size()), head_);
    // It was whole when it was opened.
    if (!one || index_order(one->blob) != orders_[from + result.size()])
      return tl::unexpected(disk_error{EIO});
    result.push_back(*one);
  }
  if (result.size() != end - from) return tl::unexpected(disk_error{EIO});
  return result;
}

}  // namespace kiln::filesystem
