#include "plugins/stores/filesystem/packs/pack_walk.hpp"

#include <algorithm>
#include <cstring>

namespace kiln::filesystem {
namespace {

constexpr std::uint64_t walk_window = 4 << 20;
constexpr std::uint64_t page_size = 4096;
// A disk that cannot read takes seconds for each page to say so.
constexpr std::size_t max_bad_pages = 64;

/// Reads a pack whatever the disk says: pages that it cannot read are zeros, which prove nothing.
class pack_reader {
public:
  pack_reader(disk& on, const descriptor& file, std::uint64_t size) : on_(on), file_(file), size_(size) {}

  /// At least `wanted` bytes from there, or all up to the end. Good until the next call.
  std::string_view view(std::uint64_t at, std::uint64_t wanted) {
    wanted = std::min(wanted, size_ - std::min(at, size_));
    if (at < begin_ || at + wanted > begin_ + window_.size()) fill(at, std::max(wanted, walk_window));
    return std::string_view(window_).substr(std::min<std::size_t>(at - begin_, window_.size()));
  }
  std::uint64_t size() const noexcept { return size_; }
  bool unreadable() const noexcept { return bad_pages_ > 0; }

private:
  void fill(std::uint64_t at, std::uint64_t wanted) {
    begin_ = at;
    window_.resize(std::min(wanted, size_ - std::min(at, size_)));
    auto count = read_all(on_, file_, window_, at);
    if (count)
      cut(*count);
    else
      fill_page_by_page();
  }
  void fill_page_by_page() {
    std::span<char> window(window_);
    for (std::size_t done = 0; done < window_.size();) {
      auto page = window.subspan(
          done, std::min<std::size_t>(page_size - (begin_ + done) % page_size, window_.size() - done));
      auto count = bad_pages_ < max_bad_pages ? read_all(on_, file_, page, begin_ + done)
                                              : disk_result<std::size_t>(tl::unexpected(disk_error{}));
      if (!count) {
        ++bad_pages_;
        std::memset(page.data(), 0, page.size());
      } else if (*count < page.size()) {
        return cut(done + *count);
      }
      done += page.size();
    }
  }
  void cut(std::size_t count) {
    if (count < window_.size()) size_ = begin_ + count;
    window_.resize(count);
  }

  disk& on_;
  const descriptor& file_;
  std::uint64_t size_;
  std::uint64_t begin_ = 0;
  std::string window_;
  std::size_t bad_pages_ = 0;
};

/// One format of packs: how a record is recognised.
class pack_walker {
public:
  pack_walker(const engine& with, pack_reader& from) : deps_(with), from_(from) {}
  virtual ~pack_walker() = default;

  walked_pack walk(std::uint64_t at, bool begins_with_damage) {
    const std::uint64_t begin = at;
    walked_pack result;
    bool in_hole = begins_with_damage;
    std::uint64_t holes = in_hole ? 1 : 0;
    while (at + bare_header_size <= from_.size()) {
      if (auto found = record_at(at)) {
        result.records.push_back(*found);
        result.holes = holes;
        result.end = std::min(end_of(*found), from_.size());
        at = end_of(*found);
        in_hole = false;
      } else {
        if (!std::exchange(in_hole, true)) ++holes;
        at = next_place(at + record_alignment);
      }
    }
    result.odd_end = has_bytes_from(std::max(result.end, std::min<std::uint64_t>(begin, from_.size())));
    result.unreadable = from_.unreadable();
    add_lost(result.records);
    return result;
  }

protected:
  // Zeros are what a writer leaves that failed.
  bool has_bytes_from(std::uint64_t at) {
    while (at < from_.size()) {
      auto some = from_.view(at, 1);
      if (some.empty()) return false;  // it became shorter meanwhile
      if (some.find_first_not_of('\0') != std::string_view::npos) return true;
      at += some.size();
    }
    return false;
  }
  bool fits(const record& what) const {
    return what.length <= largest_payload && what.offset <= from_.size() &&
           what.length <= from_.size() - what.offset;
  }
  std::string_view payload_of(const record& what) {
    return from_.view(what.offset, what.length).substr(0, what.length);
  }

  virtual std::optional<record> record_at(std::uint64_t at) = 0;
  /// What is known of records that do not prove themselves.
  virtual void add_lost(std::vector<record>&) {}
  virtual bool may_begin(const char* text) const = 0;
  /// Where the search goes on behind what is no record.
  virtual std::uint64_t next_place(std::uint64_t at) {
    while (at + bare_header_size <= from_.size()) {
      auto view = from_.view(at, bare_header_size);
      if (view.size() < bare_header_size) break;  // it became shorter meanwhile
      std::size_t i = 0;
      for (; i + sizeof(std::uint32_t) <= view.size(); i += record_alignment)
        if (may_begin(view.data() + i)) return at + i;
      at += i;
    }
    return from_.size();
  }

  const engine& deps_;
  pack_reader& from_;
};

class sealed_walker final : public pack_walker {
public:
  sealed_walker(const engine& with, pack_reader& from, std::uint64_t seal)
      : pack_walker(with, from), seal_(seal) {}

private:
  std::optional<record> record_at(std::uint64_t at) override {
    auto found = decode_header(from_.view(at, largest_header_size), at, seal_);
    if (!found || !fits(found->what)) return {};
    const record& what = found->what;
    settled_ = std::max<std::uint64_t>(settled_, found->settled);
    if (proves(deps_, what, payload_of(what))) return what;
    if (deps_.what == store_role::results) unproven_.push_back(what);
    return {};
  }
  bool may_begin(const char* text) const override { return may_be_header(text); }

  // A result that was acknowledged replaced those before it, and they stay replaced when it rots. Of one that
  // was being written nobody was told: what is before it counts.
  void add_lost(std::vector<record>& to) override {
    for (auto& one : unproven_) {
      if (end_of(one) > settled_) continue;
      one.kind = record_kind::tombstone;
      one.length = 0;
      one.check = 0;
      to.push_back(one);
    }
  }

  const std::uint64_t seal_;
  std::uint64_t settled_ = 0;
  std::vector<record> unproven_;
};

/// Before headers were sealed. Where one of them is damaged, what follows may be a payload that a client made
/// look like records: from there on only content counts, which has its digest to speak for it.
class unsealed_walker final : public pack_walker {
public:
  using pack_walker::pack_walker;

private:
  std::optional<record> record_at(std::uint64_t at) override {
    auto found = decode_old_header(from_.view(at, old_header_size), at);
    if (!found || !fits(found->what)) {
      chained_ = false;
      return {};
    }
    record& what = found->what;
    if (!chained_ && (deps_.what != store_role::content || what.kind != record_kind::blob)) return {};
    if (chained_) next_ = end_of(what);
    if (found->cut && !complete(what)) return {};
    if (!proves(deps_, what, payload_of(what))) return {};
    return what;
  }
  std::uint64_t next_place(std::uint64_t at) override {
    auto next = std::exchange(next_, 0);
    return next >= at ? next : pack_walker::next_place(at);
  }
  /// The rest of a name of which the header has no more than the beginning.
  bool complete(record& what) {
    if (deps_.what != store_role::content || what.kind != record_kind::blob) return false;
    auto whole = digest_of(payload_of(what), what.blob.function);
    if (!std::equal(whole.hash.begin(), whole.hash.begin() + 32, what.blob.hash.begin())) return false;
    what.blob.hash = whole.hash;
    return true;
  }
  bool may_begin(const char* text) const override { return may_be_old_header(text); }

  bool chained_ = true;
  std::uint64_t next_ = 0;  // where a header that was right says that the next one is
};

}  // namespace

bool proves(const engine& with, const record& what, std::string_view payload) {
  if (payload.size() != what.length) return false;
  if (what.kind == record_kind::tombstone) return true;
  if (with.what == store_role::results) return checksum(payload) == what.check;
  return payload.size() == static_cast<std::size_t>(what.blob.size) &&
         digest_of(payload, what.blob.function) == what.blob;
}

walked_pack walk_pack(const engine& with, const descriptor& file, std::uint64_t number, std::uint64_t size) {
  pack_reader from(with.on(), file, std::min(size, largest_pack));
  auto beginning = from.view(0, pack_head_size);
  if (auto head = decode_head(beginning))
    return sealed_walker(with, from, seal_of(*head)).walk(pack_head_size, false);
  if (beginning.size() >= bare_header_size && may_be_old_header(beginning.data()))
    return unsealed_walker(with, from).walk(0, false);
  // The head is damaged. A record with the seal of this store says that it had one.
  auto found = sealed_walker(with, from, seal_of({number, with.folder->key()})).walk(pack_head_size, true);
  if (found.records.empty()) found = unsealed_walker(with, from).walk(0, false);
  return found;
}

}  // namespace kiln::filesystem
