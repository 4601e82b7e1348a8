#include <caf/typed_event_based_actor.hpp>
#include <charconv>

#include "actors/services/byte_stream/download.hpp"
#include "actors/services/http_cache/body_source.hpp"
#include "actors/services/http_cache/http_condition.hpp"
#include "actors/services/http_cache/http_range.hpp"
#include "actors/services/http_cache/http_record.hpp"
#include "actors/services/http_cache/http_service.hpp"
#include "core/compress/zstd.hpp"
#include "core/contract/checked_source.hpp"
#include "core/contract/on_response.hpp"
#include "core/wire/action_record.hpp"

/// Blobs over HTTP: /cas/HASH.
namespace kiln {
namespace {

constexpr std::uint64_t largest_compressed_put = 64 << 20;
constexpr std::size_t max_noted = 100'000;    // sizes out of one result
constexpr std::size_t noted_at_once = 1'000;  // in one write

byte_chain as_it_is(const byte_chain& data) {
  return data;
}

expected<std::optional<std::uint64_t>> size_field(std::string_view name, std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::int64_t value = 0;
  auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || value < 0)
    return fail(errc::invalid_argument, "{} is no number of bytes", name);
  return static_cast<std::uint64_t>(value);
}

digest with_bytes(digest hash, std::uint64_t size) {
  hash.size = static_cast<std::int64_t>(size);
  return hash;
}

}  // namespace

expected<void> http_service::blob(const asked& on) {
  if (!options_.content) return fail(errc::not_found, "this server keeps no blobs");
  if (auto fine = options_.limits.check_function(on.path.name.function); !fine) return fine;
  if (on.reads()) return get_blob(on);
  if (on.method == "PUT") return put_blob(on);
  return not_allowed(on, "GET, HEAD, PUT, OPTIONS");
}

// ---- sizes

// Stores know blobs by hash and size, clients of HTTP by hash alone.
void http_service::with_size(const asked& on, then<digest> next) {
  const auto& hash = on.path.name;
  auto absent = [on] { return fail(errc::not_found, "no blob {} here", on.path.name.hex()); };
  auto said = size_field("x-digest-sizebytes", on.field("x-digest-sizebytes"));
  if (!said) return on.call->finish(said.error());
  auto known = *said ? *said : sizes_.find(hash);
  if (is_empty_blob(hash)) known = 0;
  if (known) return answering(on, [&] { return next(with_bytes(hash, *known)); });
  if (!options_.lookup) return on.call->finish(absent().value());
  find_result order{"", hash, record_kind::blob_size, hash.function};
  order.until = waits_until(on.call);
  on_response(
      self_->request(options_.lookup, caf::infinite, std::move(order)),
      [this, on, next, absent](const found_result& record) {
        answering(on, [&]() -> expected<void> {
          auto blob = blob_of_record(record.result, on.path.name.function);
          if (!blob || hash_alone(*blob) != on.path.name) return absent();
          sizes_.note(*blob);
          return next(*blob);
        });
      },
      [on, absent](const caf::error& fault) {
        auto why = from_caf(fault);
        on.call->finish(why.code() == errc::not_found ? absent().value() : why);
      });
}

void http_service::note_size(const asked& on, const digest& blob, std::function<void()> next) {
  if (!sizes_.note(blob) || !options_.results) return next();
  auto key = options_.names.of(record_kind::blob_size, "", hash_alone(blob));
  auto anyhow = [next](const auto&) { next(); };  // found again by whoever knows its size, at least
  on_response(
      self_->request(options_.results, caf::infinite,
                     write_blob{key, source_of(wrap_result(record_of_blob(blob))), {}, waits_until(on.call)}),
      [anyhow](const receipt& kept) { anyhow(kept); }, [anyhow](const caf::error& fault) { anyhow(fault); });
}

// Whoever is answered a result asks for its blobs next, and knows their hashes only.
// Others have their turn between the parts of a long list, and the answer waits for all of them.
void http_service::note_sizes(const std::shared_ptr<const std::vector<digest>>& blobs, std::size_t from,
                              std::function<void()> next) {
  const auto end = std::min(blobs->size(), max_noted);
  const auto until = std::min(end, from + noted_at_once);
  write_blobs batch;
  for (std::size_t i = from; i < until; ++i) {
    const auto& blob = (*blobs)[i];
    if (is_empty_blob(blob) || !sizes_.note(blob)) continue;
    batch.entries.push_back(
        {options_.names.of(record_kind::blob_size, "", hash_alone(blob)), wrap_result(record_of_blob(blob))});
  }
  if (!batch.entries.empty())
    on_response(
        self_->request(options_.results, caf::infinite, std::move(batch)), [](const receipts&) {},
        [](const caf::error&) {});
  if (until == end) return next();
  caf::anon_send(http_cache_actor(self_),
                 resume{[this, blobs, until, next = std::move(next)] { note_sizes(blobs, until, next); }});
}

// ---- reading

expected<void> http_service::get_blob(const asked& on) {
  with_size(on, [this, on](const digest& blob) -> expected<void> {
    check_blob(on, blob, [this, on, blob]() -> expected<void> {
      on.head_only() ? tell_blob(on, blob) : send_blob(on, blob);
      return {};
    });
    return {};
  });
  return {};
}

void http_service::tell_blob(const asked& on, const digest& blob) {
  auto there = [on, blob] {
    on.call->set_head({{"content-type", "application/octet-stream"},
                       {"content-length", std::to_string(blob.size)},
                       {"accept-ranges", "bytes"},
                       {"etag", entity_tag(blob)}});
    on.call->finish({});
  };
  if (is_empty_blob(blob)) return there();
  on_response(
      self_->request(options_.content, caf::infinite, find_missing{{blob}, waits_until(on.call)}),
      [on, there](const missing_blobs& missing) {
        if (missing.blobs.empty()) return there();
        on.call->finish({errc::not_found, "no blob " + on.path.name.hex() + " here"});
      },
      fails(on.call));
}

void http_service::send_blob(const asked& on, const digest& blob) {
  const auto size = static_cast<std::uint64_t>(blob.size);
  // A part that is to be joined to another is of use only if both are of the same bytes.
  const auto same = on.field("if-range");
  const bool whole = !same.empty() && same != entity_tag(blob);
  auto part = whole ? std::nullopt : read_http_range(on.field("range"), size);
  if (part && !part->satisfiable) {
    on.call->set_head({{":status", "416"}, {"content-range", fmt::format("bytes */{}", size)}});
    return on.call->finish({errc::out_of_range, fmt::format("the blob has {} bytes", size)});
  }
  if (is_empty_blob(blob)) {
    blob_content nothing;
    return send_content(on, blob, nothing, std::nullopt);
  }
  read_blob order{blob, part ? part->first : 0, part ? part->size : 0, waits_until(on.call)};
  if (!part && accepts_coding(on.field("accept-encoding"), "zstd")) order.takes = blob_form::zstd;
  on_response(
      self_->request(options_.content, caf::infinite, order),
      [this, on, blob, part](blob_content& content) {
        answering(on, [&]() -> expected<void> {
          send_content(on, blob, content, part);
          return {};
        });
      },
      fails(on.call));
}

// An encoder takes some 4 MiB, which no limit of bytes in flight counts, and stays as long as its reader is
// slow. Whoever accepts zstd accepts the plain bytes, too.
blob_source_ptr http_service::packed(blob_content& content, std::uint64_t size) {
  if (content.form == blob_form::zstd) return options_.zstd.encode(std::move(content), size);
  if (encoders_->fetch_add(1) >= options_.max_encoders) {
    encoders_->fetch_sub(1);
    return nullptr;
  }
  auto place = std::shared_ptr<void>(nullptr, [all = encoders_](void*) { all->fetch_sub(1); });
  auto encoder = options_.zstd.encode(std::move(content), size);
  using both = std::pair<std::shared_ptr<void>, blob_source_ptr>;
  auto held = std::make_shared<both>(std::move(place), std::move(encoder));
  return {held, held->second.get()};
}

void http_service::send_content(const asked& on, const digest& blob, blob_content& content,
                                const std::optional<http_range>& part) {
  const auto whole = static_cast<std::uint64_t>(blob.size);
  const auto size = part ? part->size : whole;
  call_metadata head{{"content-type", "application/octet-stream"}, {"accept-ranges", "bytes"}};
  if (!part && whole > 0 && accepts_coding(on.field("accept-encoding"), "zstd")) {
    head.emplace_back("vary", "accept-encoding");
    if (auto encoded = packed(content, size)) {
      head.emplace_back("content-encoding", "zstd");
      head.emplace_back("etag", entity_tag(blob, true));
      on.call->set_head(std::move(head));
      return std::make_shared<download>(on.call, byte_chain(), std::move(encoded), std::nullopt, as_it_is)
          ->start();
    }
  }
  if (part) {
    head.emplace_back(":status", "206");
    head.emplace_back("content-range",
                      fmt::format("bytes {}-{}/{}", part->first, part->first + size - 1, whole));
  }
  head.emplace_back("content-length", std::to_string(size));
  head.emplace_back("etag", entity_tag(blob));
  on.call->set_head(std::move(head));
  std::make_shared<download>(on.call, std::move(content.head), std::move(content.rest), size, as_it_is)
      ->start();
}

// ---- writing

expected<void> http_service::put_blob(const asked& on) {
  auto sent = size_field("content-length", on.field("content-length"));
  if (!sent) return failure(sent.error());
  if (!*sent) {
    on.call->set_head({{":status", "411"}});
    return fail(errc::invalid_argument, "a blob is put with its Content-Length");
  }
  auto said = size_field("x-digest-sizebytes", on.field("x-digest-sizebytes"));
  if (!said) return failure(said.error());
  const auto coding = on.field("content-encoding");
  const bool packed = coding == "zstd";
  if ((!packed && !coding.empty() && coding != "identity") || (packed && !*said)) {
    on.call->set_head({{":status", "415"}});
    return fail(errc::invalid_argument,
                "a blob is put as it is, or with Content-Encoding: zstd and its size as X-Digest-SizeBytes");
  }
  if (!packed && *said && **said != **sent)
    return fail(errc::invalid_argument, "the size of the blob is told as {} and as {}", **said, **sent);
  const auto blob = with_bytes(on.path.name, packed ? **said : **sent);
  if (options_.limits.too_large(blob.size)) {
    on.call->set_head({{":status", "413"}});
    return fail(errc::invalid_argument, "blob {} is larger than the {} bytes that are taken", blob,
                options_.limits.max_blob_size->bytes);
  }
  check_blob(on, blob, [this, on, blob, packed, size = **sent] {
    return packed ? put_compressed(on, blob) : take_blob(on, blob, size);
  });
  return {};
}

expected<void> http_service::take_blob(const asked& on, const digest& blob, std::uint64_t sent) {
  if (blob.size == 0) {
    if (!is_empty_blob(blob)) return fail(errc::invalid_argument, "no bytes came for {}", blob);
    done(on, 200);
    return {};
  }
  keep_blob(on, blob, body_of(on.call, sent));
  return {};
}

expected<void> http_service::put_compressed(const asked& on, const digest& blob) {
  if (static_cast<std::uint64_t>(blob.size) > largest_compressed_put) {
    on.call->set_head({{":status", "413"}});
    return fail(errc::invalid_argument, "compressed, a blob of at most {} bytes is taken; put {} as it is",
                largest_compressed_put, blob);
  }
  return gather(on, largest_compressed_put, [this, on, blob](const byte_chain& packed) -> expected<void> {
    auto unpack = [packed = packed.flatten(), blob, window = options_.zstd.window_log] {
      return zstd_decode(packed.view(), static_cast<std::uint64_t>(blob.size), window);
    };
    offload(http_cache_actor(self_), *options_.zstd.threads, std::move(unpack),
            [this, on, blob](expected<bytes> content) {
              answering(on, [&]() -> expected<void> {
                if (!content) return failure(content.error());
                keep_blob(on, blob, source_of(std::move(*content)));
                return {};
              });
            });
    return {};
  });
}

// Verified here, whatever the store does: a hash that stands for other bytes, or for another size, would stay
// in the index of sizes.
void http_service::keep_blob(const asked& on, const digest& blob, blob_source_ptr source) {
  write_blob order{blob, checked(std::move(source), blob, hashing_), {}, waits_until(on.call)};
  on_response(
      self_->request(options_.content, caf::infinite, std::move(order)),
      [this, on, blob](const receipt&) { note_size(on, blob, [on] { done(on, 200); }); }, refuses(on));
}

}  // namespace kiln
