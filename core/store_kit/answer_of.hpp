#pragma once

#include "core/contract/store.hpp"

namespace kiln {

/// The answer that belongs to an order to a store.
template <class Order>
struct answer_of;
template <class Order>
using answer_to = typename answer_of<Order>::type;

template <>
struct answer_of<find_missing> {
  using type = missing_blobs;
};
template <>
struct answer_of<read_blob> {
  using type = blob_content;
};
template <>
struct answer_of<read_blobs> {
  using type = blob_batch;
};
template <>
struct answer_of<write_blob> {
  using type = receipt;
};
template <>
struct answer_of<write_blobs> {
  using type = receipts;
};
template <>
struct answer_of<lend_files> {
  using type = lent_files;
};
template <>
struct answer_of<lease_blobs> {
  using type = leased;
};
template <>
struct answer_of<forget_blob> {
  using type = forgotten;
};
template <>
struct answer_of<measure_store> {
  using type = store_stats;
};
template <>
struct answer_of<flush_store> {
  using type = store_flushed;
};

}  // namespace kiln
