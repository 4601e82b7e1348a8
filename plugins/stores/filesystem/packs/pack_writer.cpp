#include "plugins/stores/filesystem/packs/pack_writer.hpp"

#include <fcntl.h>

#include <array>
#include <deque>

#include "plugins/stores/filesystem/files/write_error.hpp"

namespace kiln::filesystem {
namespace {

// A pack is dropped as a whole, entry by entry, on the actor's time.
constexpr std::size_t max_records = 32768;
constexpr char padding[8] = {};
constexpr std::array<char, 64 << 10> zeros{};

}  // namespace

// What is on its way into the current pack and not written yet.
class pack_writer::writing {
public:
  explicit writing(pack_writer& owner) : owner_(owner) {}

  void add(const order& what, expected<pack_place>& result) {
    if (!owner_.current_)
      if (auto opened = owner_.open_pack(); !opened) {
        result = fail(std::move(opened).error());
        return;
      }
    record header{what.blob, what.sequence, 0, static_cast<std::uint32_t>(what.content.size()), what.kind};
    if (owner_.deps_->what == store_role::results) header.check = checksum(what.content.view());
    const std::uint64_t begin = owner_.size_ + coming_;
    headers_.push_back(encode_header(header, owner_.seal_, static_cast<std::uint32_t>(owner_.size_)));
    header.offset = begin + headers_.back().size;
    add_piece(headers_.back().text.data(), headers_.back().size);
    add_piece(what.content.data(), what.content.size());
    add_piece(padding, end_of(header) - header.offset - header.length);
    coming_ = end_of(header) - owner_.size_;
    records_.push_back(header);
    results_.push_back(&result);
    result = pack_place{owner_.current_, header.offset, header.length, header.check};
    bool full = owner_.size_ + coming_ >= owner_.pack_size_ ||
                owner_.records_.size() + records_.size() >= max_records;
    if (full) {
      write();
      owner_.close_pack();
    }
  }

  void write() {
    if (records_.empty()) return;
    const engine& with = *owner_.deps_;
    auto done = write_all(with.on(), owner_.current_->file, pieces_, owner_.size_);
    if (done && with.durable()) done = with.on().sync_data(owner_.current_->file);
    if (done) {
      owner_.records_.insert(owner_.records_.end(), records_.begin(), records_.end());
      owner_.size_ += coming_;
    } else {
      // Nobody knows what of it is there. The pack ends before it, and another one begins.
      auto why = write_error(done.error(), fmt::format("writing {}", pack_name(owner_.current_->number)));
      for (auto* result : results_) *result = fail(why);
      wipe();
      owner_.close_pack();
    }
    forget();
  }

  /// Something was thrown: what is not in the pack yet fails, and nothing more is added to it.
  void give_up() noexcept {
    for (auto* result : results_) *result = pack_place{};
    if (owner_.current_) wipe();
    forget();
    owner_.abandon_pack();
  }

private:
  void forget() noexcept {
    headers_.clear();
    pieces_.clear();
    records_.clear();
    results_.clear();
    coming_ = 0;
  }

  // Nobody was told of these records, and after a sync that failed nobody can rely on them: the next start
  // must not find them. Neither does it by the index, if this fails too.
  void wipe() noexcept {
    try {
      for (std::uint64_t done = 0; done < coming_; done += zeros.size()) {
        iovec piece{const_cast<char*>(zeros.data()), std::min<std::uint64_t>(zeros.size(), coming_ - done)};
        if (!write_all(owner_.deps_->on(), owner_.current_->file, {&piece, 1}, owner_.size_ + done)) return;
      }
    } catch (...) {
    }
  }

  void add_piece(const char* data, std::size_t size) {
    if (size > 0) pieces_.push_back({const_cast<char*>(data), size});  // written from, never to
  }

  pack_writer& owner_;
  std::deque<record_header> headers_;
  std::vector<iovec> pieces_;
  std::vector<record> records_;
  std::vector<expected<pack_place>*> results_;
  std::uint64_t coming_ = 0;
};

void pack_writer::submit(std::vector<order> orders, std::function<void(places)> then) {
  {
    std::lock_guard lock(mutex_);
    places results(orders.size());
    waiting_.push_back({std::move(orders), std::move(then), std::move(results)});
    if (std::exchange(working_, true)) return;
  }
  auto posted = caught([this] { return deps_->pool->post([self = shared_from_this()] { self->work(); }); });
  if (posted) return;
  std::vector<batch> refused;
  {
    std::lock_guard lock(mutex_);
    working_ = false;
    refused.swap(waiting_);
  }
  for (auto& one : refused) one.then(places(one.orders.size(), fail(write_refused(posted.error()))));
}

void pack_writer::finish() noexcept {
  if (deps_->what != store_role::results) return;
  try {
    close_pack();
  } catch (...) {  // the next start reads the pack
  }
}

void pack_writer::work() {
  for (;;) {
    std::vector<batch> group;
    {
      std::lock_guard lock(mutex_);
      group.swap(waiting_);
      if (group.empty()) {
        working_ = false;
        return;
      }
    }
    try {
      write_group(group);
    } catch (...) {  // there is not even memory to say so
    }
    for (auto& one : group) {
      try {
        one.then(std::move(one.results));
      } catch (...) {  // the others hear of theirs all the same
      }
    }
  }
}

void pack_writer::write_group(std::vector<batch>& group) {
  std::optional<writing> now;
  auto done = caught([&]() -> expected<void> {
    now.emplace(*this);
    for (auto& one : group)
      for (std::size_t i = 0; i < one.orders.size(); ++i) now->add(one.orders[i], one.results[i]);
    now->write();
    return {};
  });
  if (done) return;
  const error why = write_refused(done.error());
  now ? now->give_up() : abandon_pack();
  for (auto& one : group)
    for (auto& place : one.results)
      if (place && !place->in) place = fail(why);
}

expected<void> pack_writer::open_pack() {
  // A number is used once, whatever becomes of it.
  std::uint64_t number = next_number_++;
  std::string name = pack_name(number);
  // Of a pack that had this number, if somebody has removed it.
  (void)deps_->on().remove(deps_->folder->packs(), pack_index_name(number).c_str());
  auto file = deps_->on().open(deps_->folder->packs(), name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0644);
  if (!file) return fail(write_error(file.error(), fmt::format("making {}", name)));
  const pack_head head{number, deps_->folder->key()};
  auto text = encode_head(head);
  iovec piece{text.data(), text.size()};
  auto done = write_all(deps_->on(), *file, {&piece, 1}, 0);
  if (done && deps_->durable()) done = deps_->on().sync(deps_->folder->packs());
  if (!done) {
    remove_pack(*deps_, number);
    return fail(write_error(done.error(), fmt::format("making {}", name)));
  }
  newest_.store(number, std::memory_order_release);
  current_ = std::make_shared<const pack_file>(pack_file{number, std::move(*file)});
  seal_ = seal_of(head);
  size_ = text.size();
  records_.clear();
  return {};
}

void pack_writer::close_pack() {
  if (!current_) return;
  if (records_.empty())
    remove_pack(*deps_, current_->number);
  else
    write_pack_index(*deps_, current_->number, size_, std::exchange(records_, {}));
  newest_.store(next_number_, std::memory_order_release);
  current_ = nullptr;
}

// Without an index, for nobody knows whether that would have all of it: the next start reads the pack.
void pack_writer::abandon_pack() noexcept {
  records_.clear();
  newest_.store(next_number_, std::memory_order_release);
  current_ = nullptr;
}

}  // namespace kiln::filesystem
