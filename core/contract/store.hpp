#pragma once

#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "core/contract/actor.hpp"
#include "core/contract/composition.hpp"
#include "core/contract/kiln_message.hpp"
#include "core/contract/order_deadline.hpp"
#include "core/contract/sent_bytes.hpp"
#include "core/contract/stream.hpp"
#include "core/digest/digest.hpp"

/// What every store answers. Orders are imperatives, answers nouns, news past tense.
///
/// A store holds one of two things, fixed when it is spawned (`holds`): content, where the digest is the
/// digest of the bytes, so that writing what is there already changes nothing; or results, where the digest
/// names an action, its size says nothing about the bytes, and a later write replaces an earlier one.
///
/// Every order that is answered ends with `until`: when its asker stops waiting, and what its client said.
/// Who passes an order on, whole or in parts, passes that on; a store that takes up an order whose time is
/// over answers DEADLINE_EXCEEDED (core/store_kit/take_up.hpp).
namespace kiln {

inline constexpr steady_time waits_for_ever = steady_time::max();
/// None for who waits for ever.
inline std::optional<duration> time_left(steady_time until, steady_time now) {
  return until == waits_for_ever ? std::nullopt : std::optional<duration>(until - now);
}

enum class store_role : std::uint8_t { content, results };

/// -> missing_blobs: exactly those that are absent, each once, in the order asked. Touches what it finds. The
/// empty blob is never missing from a store of content.
struct find_missing {
  std::vector<digest> blobs;
  order_deadline until = waits_for_ever;
};
struct missing_blobs {
  std::vector<digest> blobs;
};

/// How the bytes of a blob are written down.
enum class blob_form : std::uint8_t {
  plain,
  zstd,  ///< frames of RFC 8878 in a row, none of them skippable, that are the blob when they are decoded
};

/// -> blob_content, or NOT_FOUND. Bytes [offset, offset + limit) of the blob; limit 0 means to its end. An
/// offset behind the end is OUT_OF_RANGE.
///
/// Who sets `takes` may be given the whole blob in that form instead, from a store where it lies so, and
/// looks at `form` of the answer. Of a part nothing but plain bytes come. A store that knows nothing of it
/// gives plain bytes; one that looks at the bytes of another clears it (store_wrapper::ask does), for they
/// are not those of the digest.
struct read_blob {
  digest blob;
  std::uint64_t offset = 0;
  std::uint64_t limit = 0;
  order_deadline until = waits_for_ever;
  blob_form takes = blob_form::plain;

  bool takes_whole_as(blob_form which) const noexcept {
    return takes == which && offset == 0 && (limit == 0 || limit >= static_cast<std::uint64_t>(blob.size));
  }
};
/// Small reads come whole in `head`; what follows is pulled from `rest`, null if nothing does. A source ends
/// with an error when the bytes could not be had whole: short data never ends well.
struct blob_content {
  byte_chain head;
  blob_source_ptr rest;
  std::optional<composition> made_of{};  ///< of the whole blob, where the store keeps it as that
  blob_form form = blob_form::plain;     ///< another one only where it was asked for
};

/// -> blob_batch: for each digest, in the order asked, its bytes or its error. The asker bounds the sum.
/// Wrappers pass batches on as batches.
struct read_blobs {
  std::vector<digest> blobs;
  order_deadline until = waits_for_ever;
};
struct blob_batch {
  std::vector<expected<bytes>> results;
};

/// -> receipt once the bytes are verified (where the store verifies) and kept as the store promises. A source
/// that ends early or fails leaves no trace. With `made_of` a store may keep that instead of the bytes, and
/// reads the source for nothing but its end: it has to end in an error unless the bytes are the blob
/// (`checked`).
///
/// `sent` is what the source is decoded from, where it is. It is for the one who reads the source to its end:
/// who reads it for several, or gives the store another one, leaves it out.
struct write_blob {
  digest blob;
  blob_source_ptr source;
  std::optional<composition> made_of{};
  order_deadline until = waits_for_ever;
  std::shared_ptr<sent_bytes> sent{};
};
struct receipt {
  std::uint64_t size = 0;
  bool was_present = false;  ///< content only: it was there already and the source was not read
};

/// -> receipts: for each blob, in order, its receipt or its error; one failing does not hurt the others.
struct write_blobs {
  struct entry {
    digest blob;
    bytes content;
  };
  std::vector<entry> entries;
  order_deadline until = waits_for_ever;
};
struct receipts {
  std::vector<expected<receipt>> results;
};

/// -> lent_files: for each blob, in the order asked, a read-only file (0555) with exactly its bytes, for hard
/// links and child processes, or its error: NOT_FOUND, or UNIMPLEMENTED where the blob's store has no files.
/// A file stays while its `hold` lives. All are answered together, so what takes long is asked for alone.
struct lend_files {
  std::vector<digest> blobs;
  order_deadline until = waits_for_ever;
};
struct lent_file {
  std::string path;
  std::shared_ptr<const void> hold;
};
struct lent_files {
  std::vector<expected<lent_file>> results;
};

/// -> leased: none of these blobs is evicted while `hold` lives. Those that are absent are named.
/// UNIMPLEMENTED where the store cannot promise it.
struct lease_blobs {
  std::vector<digest> blobs;
  order_deadline until = waits_for_ever;
};
struct leased {
  std::vector<digest> missing;
  std::shared_ptr<const void> hold;
};

/// -> forgotten. The blob is dropped even if leased; open readers finish.
struct forget_blob {
  digest blob;
  order_deadline until = waits_for_ever;
};
struct forgotten {
  bool was_present = false;
};

/// -> store_stats
struct measure_store {
  order_deadline until = waits_for_ever;
};
struct store_stats {
  std::uint64_t blobs = 0;
  std::uint64_t bytes = 0;
  std::uint64_t capacity = 0;   ///< bytes; 0 where the store has no bound of its own
  std::uint64_t evictions = 0;  ///< blobs, since the start
};

/// -> store_flushed once everything acknowledged is as durable as the store can make it. For the drain.
struct flush_store {
  order_deadline until = waits_for_ever;
};
struct store_flushed {};

/// News for whoever keeps an index of this store: sent after the fact, never waited for, at most
/// `max_in_news` blobs at a time. What is told of one blob comes in the order in which it happened: the last
/// word is how it is. A blob that replaced another of its name is told as stored, too. What an order did is
/// told before the order is answered.
struct blobs_stored {
  std::vector<digest> blobs;
};
struct blobs_evicted {
  std::vector<digest> blobs;
  /// Their bytes were not theirs any more: so files that were lent of them are not to be believed either.
  bool damaged = false;
};
inline constexpr std::size_t max_in_news = 4096;
using store_observer = caf::typed_actor<caf::reacts_to<blobs_stored>, caf::reacts_to<blobs_evicted>>;
/// From now on the listener hears of blobs that came and that left; of those that are there already it hears
/// nothing. It is dropped when it is gone.
struct watch_store {
  store_observer listener;
};

using store_actor = caf::typed_actor<                    //
    caf::replies_to<find_missing>::with<missing_blobs>,  //
    caf::replies_to<read_blob>::with<blob_content>,      //
    caf::replies_to<read_blobs>::with<blob_batch>,       //
    caf::replies_to<write_blob>::with<receipt>,          //
    caf::replies_to<write_blobs>::with<receipts>,        //
    caf::replies_to<lend_files>::with<lent_files>,       //
    caf::replies_to<lease_blobs>::with<leased>,          //
    caf::replies_to<forget_blob>::with<forgotten>,       //
    caf::replies_to<measure_store>::with<store_stats>,   //
    caf::replies_to<flush_store>::with<store_flushed>,   //
    caf::reacts_to<watch_store>>;

}  // namespace kiln

KILN_MESSAGE(kiln::find_missing)
KILN_MESSAGE(kiln::missing_blobs)
KILN_MESSAGE(kiln::read_blob)
KILN_MESSAGE(kiln::blob_content)
KILN_MESSAGE(kiln::read_blobs)
KILN_MESSAGE(kiln::blob_batch)
KILN_MESSAGE(kiln::write_blob)
KILN_MESSAGE(kiln::receipt)
KILN_MESSAGE(kiln::write_blobs)
KILN_MESSAGE(kiln::receipts)
KILN_MESSAGE(kiln::lend_files)
KILN_MESSAGE(kiln::lent_files)
KILN_MESSAGE(kiln::lease_blobs)
KILN_MESSAGE(kiln::leased)
KILN_MESSAGE(kiln::forget_blob)
KILN_MESSAGE(kiln::forgotten)
KILN_MESSAGE(kiln::measure_store)
KILN_MESSAGE(kiln::store_stats)
KILN_MESSAGE(kiln::flush_store)
KILN_MESSAGE(kiln::store_flushed)
KILN_MESSAGE(kiln::blobs_stored)
KILN_MESSAGE(kiln::blobs_evicted)
KILN_MESSAGE(kiln::watch_store)
