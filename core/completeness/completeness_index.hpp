#pragma once

#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/base/clock.hpp"
#include "core/digest/digest.hpp"

namespace kiln {

/// Which results are complete, with their records, and which blobs each of them needs: so a result is
/// answered without asking for anything, and a blob that leaves costs just the results that named it.
///
/// A walk enters a result in three steps. `begin`, before it reads the record; `name`, all that the result
/// refers to, before the store is asked whether that is there; `finish`, when the store has said yes. What is
/// heard in between (`drop`) ends the entry, and with it the ticket: the answer that is on its way may be
/// from before. So nothing is complete here that lost a blob, or was written anew, since it was looked at.
///
/// Bounded by bytes: what was used least leaves, and what is too large for it is never taken in. Confined to
/// one actor.
class completeness_index {
public:
  struct limits {
    std::uint64_t max_bytes = 0;  ///< 0: nothing is kept
    duration touch_every{};       ///< the stores hear at least this often that something is in use
  };
  /// Bytes that each takes, as they are counted: its share of the tables included.
  static constexpr std::uint64_t result_size = 384;
  static constexpr std::uint64_t need_size = 32;
  static constexpr std::uint64_t blob_size = 168;
  /// The part of the bound that one result may take.
  static constexpr std::uint64_t largest_share = 4;

  /// Hears of each that was complete, and is not known to be any more, but for those that `drop_result`
  /// names. It may not call back.
  using leaver = std::function<void(const digest& key)>;

  completeness_index(limits bounds, const clock& time, leaver left = {})
      : limits_(bounds), time_(time), left_(std::move(left)) {}
  completeness_index(const completeness_index&) = delete;
  completeness_index& operator=(const completeness_index&) = delete;

  class entry;
  /// Of one walk. None is 0.
  using ticket = std::uint64_t;

  // ---- reading

  /// A complete result, which is used by that; null if there is none. `function` is that of the digests in
  /// it. Good until the next call that is not const.
  const entry* find(const digest& key, digest_function function);
  /// All that it names.
  std::vector<digest> blobs_of(const entry& one) const;
  /// Whether the stores are to hear that it and its blobs are in use: its time has come, or so much came into
  /// the store meanwhile that what is not used soon leaves.
  bool is_due(const entry& one) const;
  void note_touched(const entry& one);

  // ---- entering

  /// None if the result is known, or another walk is at it.
  ticket begin(const digest& key, digest_function function);
  /// More of what it needs. False, and the entry is gone, if that is too much.
  bool name(ticket of, std::span<const digest> blobs);
  /// Whether it is entered: `record` as it lies in the store, the result in it behind `header` bytes.
  bool finish(ticket of, const bytes& record, std::size_t header);
  void give_up(ticket of);
  bool is_open(ticket of) const { return tickets_.contains(of); }

  // ---- news

  /// A result was written, or left. Whether it is gone.
  bool drop_result(const digest& key);
  /// A blob left. How many results are gone.
  std::size_t drop_blob(const digest& name);
  void drop_all();
  /// So much came into the store of content.
  void note_stored(std::uint64_t bytes) noexcept { stored_ += bytes; }
  /// What may come into it before what was used is to be used again; none is no bound.
  void set_slack(std::optional<std::uint64_t> bytes) noexcept { slack_ = bytes; }

  // ---- figures

  std::size_t results() const noexcept { return entries_.size(); }
  std::size_t blobs() const noexcept { return blobs_.size(); }
  std::uint64_t bytes_used() const noexcept { return used_; }
  /// Complete results, those used last first, at most so many.
  struct name_of_result {
    digest key;
    digest_function function{};
  };
  std::vector<name_of_result> used_last(std::size_t most) const;

private:
  struct blob;
  using blob_table = std::unordered_map<digest, blob>;
  // One result's need of one blob: an element of the entry, and a link in the list of the blob.
  struct need {
    entry* by = nullptr;
    blob_table::value_type* of = nullptr;
    need* next = nullptr;
    need* before = nullptr;
  };
  struct blob {
    need* first = nullptr;
  };

public:
  class entry : public boost::intrusive::list_base_hook<> {
  public:
    const digest& key() const noexcept { return key_; }
    /// As it lies in the store, and the ActionResult in that.
    const bytes& record() const noexcept { return record_; }
    const bytes& result() const noexcept { return result_; }
    ticket id() const noexcept { return id_; }
    std::size_t count() const noexcept { return count_; }

  private:
    friend class completeness_index;
    digest key_;
    digest_function function_{};
    bool complete_ = false;
    ticket id_ = 0;
    bytes record_;
    bytes result_;
    std::vector<std::vector<need>> needs_;  // parts are filled once: elements stay where they are
    std::size_t count_ = 0;
    std::uint64_t bytes_ = 0;
    steady_time touched_at_{};
    std::uint64_t touched_when_stored_ = 0;
  };

private:
  void add_need(entry& by, const digest& name, std::vector<need>& to);
  void unlink(need& one);
  void charge(entry& to, std::uint64_t bytes) noexcept;
  void erase(entry& one);
  void leave(entry& one);
  bool make_room(entry& sparing);

  const limits limits_;
  const clock& time_;
  const leaver left_;
  std::unordered_map<digest, entry> entries_;
  std::unordered_map<ticket, entry*> tickets_;  // of what is not complete yet
  blob_table blobs_;
  boost::intrusive::list<entry> order_;  // used last at the end
  ticket last_ticket_ = 0;
  std::uint64_t used_ = 0;
  std::uint64_t stored_ = 0;
  std::optional<std::uint64_t> slack_ = 0;
};

}  // namespace kiln
