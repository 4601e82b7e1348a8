#include "plugins/stores/s3/s3_writing.hpp"

#include <utility>

#include "core/contract/checked_source.hpp"
#include "core/net/collect_in_time.hpp"
#include "core/store_kit/one_by_one.hpp"
#include "plugins/stores/s3/s3_upload.hpp"

namespace kiln::s3_store {
namespace {

constexpr std::size_t written_answer = 1 << 20;

expected<void> may_be_written(const s3_bucket& where, const digest& blob, const bytes& content) {
  if (where.engine().holds_content()) {
    if (content.size() > where.options().max_blob_size.bytes) return failure(where.too_large(blob));
    return check(blob, content);
  }
  if (content.size() <= where.options().max_result_size.bytes) return {};
  return fail(errc::invalid_argument, "the result of action {} has {} bytes, and at most {} are kept", blob,
              content.size(), where.options().max_result_size.bytes);
}

// Hashes, so on the thread pool.
void put_bytes(const bucket_ptr& where, const digest& blob, const bytes& content, steady_time until,
               const done<receipt>& then) {
  if (auto good = caught([&] { return may_be_written(*where, blob, content); }); !good)
    return then(failure(good.error()));
  const bool is_content = where->engine().holds_content();
  if (is_content && is_empty_blob(blob)) return then(receipt{0, true});
  s3_order order{"PUT", where->key_of(blob)};
  order.body = content;
  order.body_hash =
      is_content && blob.function == digest_function::sha256 ? blob.hex() : digest_of(content.view()).hex();
  if (!is_content) order.headers = {{hash_header, order.body_hash}};
  where->client()->ask(std::move(order), until, written_answer,
                       [where, blob, size = content.size(), then](const expected<web_answer>& answer) {
                         if (!answer) return then(failure(answer.error()));
                         where->saw(blob, {size, duration::zero(), {}, {}});
                         then(receipt{size, false});
                       });
}

void put_on_pool(const bucket_ptr& where, const digest& blob, bytes content, steady_time until,
                 done<receipt> then) {
  auto job = [where, blob, content = std::move(content), until, then] {
    put_bytes(where, blob, content, until, then);
  };
  if (auto posted = where->engine().hashing->post(job); !posted) then(failure(posted.error()));
}

}  // namespace

void write_object(const bucket_ptr& where, write_blob order, done<receipt> then) {
  if (is_empty_blob(order.blob)) return then(receipt{0, true});
  if (static_cast<std::uint64_t>(order.blob.size) > where->options().max_blob_size.bytes) {
    auto why = where->too_large(order.blob);
    order.source->cancel(why);
    return then(failure(std::move(why)));
  }
  upload(where, std::move(order), std::move(then));
}

void write_result_object(const bucket_ptr& where, write_blob order, done<receipt> then) {
  const auto until = order.until;
  collect_in_time(where->engine().web, std::move(order.source),
                  static_cast<std::size_t>(where->options().max_result_size.bytes),
                  time_left(until, where->engine().now()), "a result was written",
                  [where, action = order.blob, until, then = std::move(then)](expected<bytes> record) {
                    if (!record) return then(failure(record.error()));
                    put_on_pool(where, action, std::move(*record), until, then);
                  });
}

void write_many_objects(const bucket_ptr& where, write_blobs order, done<receipts> then) {
  auto write = [where, until = order.until](const write_blobs::entry& entry, done<receipt> written) {
    put_on_pool(where, entry.blob, entry.content, until, std::move(written));
  };
  one_by_one::write_all(std::move(order), where->of_one_order(), std::move(write), std::move(then));
}

void forget_object(const bucket_ptr& where, const forget_blob& order, done<forgotten> then) {
  where->look(order.blob, order.until,
              [where, order, then = std::move(then)](const expected<std::optional<object_facts>>& facts) {
                if (!facts) return then(failure(facts.error()));
                const bool was_there = facts->has_value();
                where->client()->ask({"DELETE", where->key_of(order.blob)}, order.until, written_answer,
                                     [where, order, was_there, then](const expected<web_answer>& answer) {
                                       where->lost(order.blob);
                                       if (!answer && answer.error().code() != errc::not_found)
                                         return then(failure(answer.error()));
                                       then(forgotten{was_there});
                                     });
              });
}

std::string completion_of(const std::vector<upload_part>& parts) {
  std::string xml = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (std::size_t i = 0; i < parts.size(); ++i) {
    std::string etag;
    for (const char c : parts[i].etag)
      etag += c == '"' ? "&quot;" : c == '&' ? "&amp;" : c == '<' ? "&lt;" : std::string(1, c);
    xml += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", i + 1, etag);
  }
  return xml + "</CompleteMultipartUpload>";
}

}  // namespace kiln::s3_store
