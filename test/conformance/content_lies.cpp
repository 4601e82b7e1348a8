#include <algorithm>
#include <cctype>
#include <limits>
#include <mutex>
#include <set>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "test/conformance/lie.hpp"

namespace kiln::conformance {
namespace {

namespace v2 = build::bazel::remote::execution::v2;
using find = v2::FindMissingBlobsRequest;
using found = v2::FindMissingBlobsResponse;
using update = v2::BatchUpdateBlobsRequest;
using updated = v2::BatchUpdateBlobsResponse;
using read = v2::BatchReadBlobsRequest;
using answered = v2::BatchReadBlobsResponse;

constexpr std::string_view empty_sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr std::int64_t batch_limit = 3584 << 10;

template <class Such>
std::function<bool(const find&)> any_digest(Such such) {
  return [such](const find& request) {
    return std::any_of(request.blob_digests().begin(), request.blob_digests().end(),
                       [&](const v2::Digest& one) { return such(one); });
  };
}

bool has_any(const std::string& text, int (*kind)(int)) {
  return std::any_of(text.begin(), text.end(), [&](unsigned char c) { return kind(c) != 0; });
}

std::size_t distinct(const find& request) {
  std::set<std::string> hashes;
  for (const auto& one : request.blob_digests()) hashes.insert(one.hash());
  return hashes.size();
}

bool mixes_lengths(const find& request) {
  std::set<std::size_t> lengths;
  for (const auto& one : request.blob_digests()) lengths.insert(one.hash().size());
  return lengths.size() > 1 && !lengths.contains(0);
}

lie accepting_digests(int rule, std::function<bool(const find&)> such) {
  return accepting<find, found>(rule, "FindMissingBlobs", std::move(such));
}

// Says OK of the entries of a small batch that are such, whatever the right server said.
lie accepting_entries(int rule, std::function<bool(const update::Request&)> such) {
  return misquoting<update, updated>(rule, "BatchUpdateBlobs", [such](const update& asked, updated& said) {
    if (asked.requests_size() > 2) return;
    for (int i = 0; i < std::min(asked.requests_size(), said.responses_size()); ++i)
      if (such(asked.requests(i))) said.mutable_responses(i)->clear_status();
  });
}

bool as_long_as_said(const update::Request& one) {
  return static_cast<std::int64_t>(one.data().size()) == one.digest().size_bytes();
}

// Remembers what was uploaded, and does not like to see it again.
lie refusing_again() {
  struct memory {
    std::mutex guard;
    std::set<std::string> seen;
  };
  auto all = std::make_shared<memory>();
  return misquoting<update, updated>(40, "BatchUpdateBlobs", [all](const update& asked, updated& said) {
    std::lock_guard hold(all->guard);
    if (asked.requests_size() != 1 || said.responses_size() != 1 || said.responses(0).status().code() != 0 ||
        asked.requests(0).data().size() != 100)
      return;
    if (!all->seen.insert(asked.requests(0).digest().hash()).second)
      said.mutable_responses(0)->mutable_status()->set_code(6);
  });
}

std::int64_t size_of(const update& request) {
  std::int64_t total = 0;
  for (const auto& one : request.requests()) total += static_cast<std::int64_t>(one.data().size());
  return total;
}

std::int64_t size_of(const read& request) {
  std::int64_t total = 0;
  for (const auto& one : request.digests()) total += one.size_bytes();
  return total;
}

template <class T>
std::pair<error, std::vector<byte_chain>> saying(const T& message) {
  return {error(), {byte_chain(serialise(message))}};
}

std::vector<lie> digest_lies() {
  return {
      accepting_digests(2,
                        any_digest([](const v2::Digest& one) { return has_any(one.hash(), std::isupper); })),
      accepting_digests(3, any_digest([](const v2::Digest& one) { return one.hash().size() % 8 != 0; })),
      accepting_digests(4, any_digest([](const v2::Digest& one) {
                          return one.hash().find_first_of(std::string("g\0.", 3)) != std::string::npos;
                        })),
      accepting_digests(5, any_digest([](const v2::Digest& one) { return one.size_bytes() < 0; })),
      accepting_entries(6,
                        [](const update::Request& one) {
                          return one.digest().size_bytes() == std::numeric_limits<std::int64_t>::max();
                        }),
      refusing<find>(
          7, "FindMissingBlobs",
          [](const find& request) {
            return request.digest_function() == 0 && request.blob_digests_size() == 1;
          },
          errc::invalid_argument),
      accepting_digests(8,
                        [](const find& request) {
                          return request.digest_function() == v2::DigestFunction::SHA256 &&
                                 request.blob_digests_size() == 1 &&
                                 request.blob_digests(0).hash().size() == 40;
                        }),
      accepting_digests(9,
                        [](const find& request) {
                          auto function = request.digest_function();
                          return function == v2::DigestFunction::MD5 ||
                                 function == v2::DigestFunction::SHA1 ||
                                 function == v2::DigestFunction::VSO ||
                                 function == v2::DigestFunction::MURMUR3 ||
                                 function == v2::DigestFunction::GITSHA1;
                        }),
      misquoting<find, found>(13, "FindMissingBlobs",
                              [](const find& asked, found& said) {
                                for (const auto& one : asked.blob_digests())
                                  if (one.hash() == empty_sha256 && one.size_bytes() == 0)
                                    *said.add_missing_blob_digests() = one;
                              }),
      accepting_digests(14, any_digest([](const v2::Digest& one) {
                          return one.hash() == empty_sha256 && one.size_bytes() == 5;
                        })),
      accepting_digests(16,
                        [](const find& request) {
                          for (auto word : {"blobs", "uploads", "actions", "actionResults", "operations",
                                            "capabilities", "compressed-blobs"})
                            if (("/" + request.instance_name() + "/").find(std::string("/") + word + "/") !=
                                std::string::npos)
                              return true;
                          return false;
                        }),
  };
}

std::vector<lie> finding_lies() {
  return {
      misquoting<find, found>(22, "FindMissingBlobs",
                              [](const find& asked, found& said) {
                                if (distinct(asked) == 20 && said.missing_blob_digests_size() > 0)
                                  said.mutable_missing_blob_digests()->RemoveLast();
                              }),
      refusing<find>(
          24, "FindMissingBlobs",
          [](const find& request) {
            return request.blob_digests_size() < 100 &&
                   distinct(request) < static_cast<std::size_t>(request.blob_digests_size());
          },
          errc::invalid_argument),
      accepting_digests(25, mixes_lengths),
      refusing<find>(
          29, "FindMissingBlobs", [](const find& request) { return request.blob_digests_size() > 50'000; },
          errc::internal),
  };
}

std::vector<lie> updating_lies() {
  return {
      misquoting<update, updated>(30, "BatchUpdateBlobs",
                                  [](const update& asked, updated& said) {
                                    bool any = false;
                                    for (const auto& one : said.responses())
                                      any = any || one.status().code() != 0;
                                    if (any && asked.requests_size() == 3)
                                      for (auto& one : *said.mutable_responses())
                                        one.mutable_status()->set_code(3);
                                  }),
      misquoting<update, updated>(31, "BatchUpdateBlobs",
                                  [](const update& asked, updated& said) {
                                    if (asked.requests_size() == 10)
                                      said.mutable_responses(9)->clear_digest();
                                  }),
      answering<update>(
          32, "BatchUpdateBlobs",
          [](const update& request) {
            return request.requests_size() == 4 && size_of(request) > batch_limit;
          },
          [](const update& request) {
            updated all;
            for (const auto& one : request.requests()) *all.add_responses()->mutable_digest() = one.digest();
            return saying(all);
          }),
      accepting_entries(33,
                        [](const update::Request& one) {
                          return as_long_as_said(one) && one.compressor() == 0 &&
                                 one.digest().size_bytes() == 100 && one.digest().hash().size() == 64;
                        }),
      accepting_entries(35,
                        [](const update::Request& one) {
                          return one.compressor() == 0 && !as_long_as_said(one) &&
                                 one.digest().size_bytes() == 100;
                        }),
      accepting_entries(
          36, [](const update::Request& one) { return one.compressor() == v2::Compressor::BROTLI; }),
      misquoting<update, updated>(38, "BatchUpdateBlobs",
                                  [](const update& asked, updated& said) {
                                    if (asked.requests_size() == 2 && asked.requests(0).digest().hash() ==
                                                                          asked.requests(1).digest().hash())
                                      said.mutable_responses(1)->mutable_status()->set_code(6);
                                  }),
      answering<update>(
          39, "BatchUpdateBlobs",
          [](const update& request) {
            return request.requests_size() > 0 && !request.requests(0).has_digest();
          },
          [](const update&) {
            updated all;
            all.add_responses();
            return saying(all);
          }),
      refusing_again(),
  };
}

std::vector<lie> batch_read_lies() {
  return {
      misquoting<read, answered>(41, "BatchReadBlobs",
                                 [](const read& asked, answered& said) {
                                   if (asked.digests_size() != 2) return;
                                   for (auto& one : *said.mutable_responses())
                                     if (one.status().code() == 5) one.mutable_status()->set_code(13);
                                 }),
      accepting<read, answered>(42, "BatchReadBlobs",
                                [](const read& request) { return size_of(request) > batch_limit; }),
      refusing<read>(
          46, "BatchReadBlobs",
          [](const read& request) {
            return request.digests_size() == 2 && request.digests(0).hash() == request.digests(1).hash();
          },
          errc::invalid_argument),
  };
}

}  // namespace

std::vector<lie> content_lies() {
  std::vector<lie> all;
  for (auto some : {digest_lies(), finding_lies(), updating_lies(), batch_read_lies()})
    std::move(some.begin(), some.end(), std::back_inserter(all));
  return all;
}

}  // namespace kiln::conformance
