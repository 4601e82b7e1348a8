#include "actors/tools/conform/rules/actions.hpp"
#include "actors/tools/conform/rules/sha256tree_vectors.hpp"

// 1. Digests. The names of instances and of uploads are in resource_names.cpp.
namespace kiln::conform {
namespace {

// The server has no such blob, or says that there can be none; it never hands out another one.
void expect_no_such_blob(probe& ask, const blob& wrong, std::initializer_list<errc> codes) {
  auto missing = ask.find_missing(wrong);
  if (missing.ok())
    ask.check(missing.message().missing_blob_digests_size() == 1, "the digest is listed as missing");
  else
    ask.expect(missing, codes);
  auto batch = ask.batch_read({wrong.digest});
  if (batch.ok()) {
    ask.check(batch.message().responses_size() == 1, "one response");
    const auto& only = batch.message().responses(0);
    ask.check(only.status().code() != 0 && only.data().empty(), "an error for that blob, and no data");
  } else {
    ask.expect(batch, codes);
  }
  ask.expect(ask.read(ask.read_name(wrong)), codes);
}

// INVALID_ARGUMENT wherever a digest can stand.
void expect_invalid(probe& ask, const blob& wrong) {
  ask.expect(ask.find_missing(wrong), errc::invalid_argument);
  auto update = ask.batch_update({wrong});
  if (update.ok())
    ask.check(update.message().responses_size() == 1 &&
                  code_of(update.message().responses(0).status()) == errc::invalid_argument,
              "INVALID_ARGUMENT for the blob");
  else
    ask.expect(update, errc::invalid_argument);
  auto read = ask.batch_read({wrong.digest});
  if (read.ok())
    ask.check(read.message().responses_size() == 1 &&
                  code_of(read.message().responses(0).status()) == errc::invalid_argument,
              "INVALID_ARGUMENT for the blob");
  else
    ask.expect(read, errc::invalid_argument);
  ask.expect(ask.get_result(wrong.digest), errc::invalid_argument);
  ask.expect(ask.read(ask.read_name(wrong)), errc::invalid_argument);
  ask.expect(ask.write(ask.write_name(wrong), wrong.data), errc::invalid_argument);
}

blob with_hash(blob one, std::string hash) {
  one.digest.set_hash(std::move(hash));
  return one;
}

void wrong_size_names_nothing(probe& ask) {
  v2::Directory directory;
  directory.add_symlinks()->set_name("link");
  directory.mutable_symlinks(0)->set_target(fmt::format("to-{}", ask.fresh_number()));
  auto stored = ask.store_message(directory);
  auto longer = stored;
  longer.digest.set_size_bytes(stored.digest.size_bytes() + 1);
  expect_no_such_blob(ask, longer, {errc::invalid_argument, errc::not_found});
  auto tree = ask.get_tree(longer.digest);
  if (tree.status.code() != errc::unimplemented) ask.expect(tree, {errc::invalid_argument, errc::not_found});
  ask.expect(ask.get_result(longer.digest), {errc::invalid_argument, errc::not_found});
}

void wrong_size_is_not_executed(probe& ask) {
  if (!ask.server().execution().exec_enabled()) return;
  v2::Action action;
  *action.mutable_command_digest() = ask.store_message(v2::Command()).digest;
  *action.mutable_input_root_digest() = ask.store_message(v2::Directory()).digest;
  action.set_salt(ask.fresh_bytes(16));
  auto request = ask.request<v2::ExecuteRequest>();
  *request.mutable_action_digest() = ask.store_message(action).digest;
  request.mutable_action_digest()->set_size_bytes(request.action_digest().size_bytes() + 1);
  auto got = ask.ask<google::longrunning::Operation>(probe::reapi("Execution/Execute"), request);
  if (!got.ok()) return ask.expect(got, {errc::invalid_argument, errc::failed_precondition});
  v2::ExecuteResponse response;
  ask.check(!got.messages.empty() && got.messages.back().response().UnpackTo(&response) &&
                (code_of(response.status()) == errc::failed_precondition ||
                 code_of(response.status()) == errc::invalid_argument),
            "FAILED_PRECONDITION in the ExecuteResponse");
}

// Functions that are told apart by the length of their hashes alone.
bool is_inferred(digest_kind function) {
  return !is_named_in_paths(function) && function != v2::DigestFunction::MURMUR3;
}

digest_kind unannounced_function(probe& ask) {
  for (auto one : {v2::DigestFunction::VSO, v2::DigestFunction::MURMUR3, v2::DigestFunction::MD5,
                   v2::DigestFunction::GITSHA1, v2::DigestFunction::SHA256TREE})
    if (!ask.server().announces(one)) return one;
  ask.skip("every function is announced");
}

void names_carry_the_function(probe& ask) {
  for (auto function : ask.server().functions()) {
    auto one = ask.fresh(100, function);
    auto bare = fmt::format("{}/{}", one.digest.hash(), one.digest.size_bytes());
    auto name = ask.in_instance(fmt::format("uploads/{}/blobs/{}", ask.fresh_uuid(), bare));
    if (is_named_in_paths(function)) {
      // SHA256TREE of so few bytes is SHA256, and a blob of its own all the same.
      auto stored_as_another = ask.write(name, one.data);
      if (function != v2::DigestFunction::SHA256TREE) ask.refused(stored_as_another);
      ask.check(ask.is_missing(one), "the blob is missing: its function was not named");
      ask.ok(ask.write(ask.write_name(one), one.data));
      ask.check(data_of(ask.read(ask.read_name(one))) == one.data, "the blob's bytes");
    } else {
      ask.ok(ask.write(name, one.data));
      ask.check(data_of(ask.read(ask.in_instance("blobs/" + bare))) == one.data, "the blob's bytes");
    }
  }
}

void equal_text_is_another_key(probe& ask) {
  auto functions = ask.server().functions();
  for (auto other : functions) {
    auto main = functions.front();
    if (other == main || hash_length(other) != hash_length(main) || other == v2::DigestFunction::SHA256TREE)
      continue;
    auto stored = ask.fresh();
    ask.store(stored);
    auto twin = stored;
    twin.function = other;
    ask.check(ask.is_missing(twin), "the same hash under another function is missing");
    ask.expect(ask.read(ask.read_name(twin)), errc::not_found);
    return;
  }
  ask.skip("no two functions of one length are announced");
}

void sha256tree_vectors_pass(probe& ask) {
  if (!ask.server().announces(v2::DigestFunction::SHA256TREE)) ask.skip("SHA256TREE is not announced");
  for (const auto& vector : sha256tree_vectors) {
    blob one{std::string(vector.size, '\0'), {}, v2::DigestFunction::SHA256TREE};
    for (std::size_t i = 0; i < vector.size; ++i) one.data[i] = static_cast<char>(i % 251);
    one.digest.set_hash(std::string(vector.hash));
    one.digest.set_size_bytes(static_cast<std::int64_t>(vector.size));
    ask.store(one);
    one.data[0] = 'x';
    auto wrong = ask.ok(ask.batch_update({one}));
    // A blob that is there already need not be looked at again, but its bytes must stay.
    ask.check(wrong.responses_size() == 1, "one response");
    one.data[0] = '\0';
    ask.check(data_of(ask.read(ask.read_name(one))) == one.data, "the vector's bytes");
  }
}

void empty_blob_is_there(probe& ask) {
  for (auto function : ask.server().functions()) {
    auto empty = blob_of("", function);
    ask.check(!ask.is_missing(empty), "the empty blob is not missing");
    auto request = ask.request<v2::BatchReadBlobsRequest>();
    request.set_digest_function(function);
    *request.add_digests() = empty.digest;
    auto batch = ask.ok(ask.ask<v2::BatchReadBlobsResponse>(
        probe::reapi("ContentAddressableStorage/BatchReadBlobs"), request));
    ask.check(batch.responses_size() == 1 && batch.responses(0).status().code() == 0,
              "the empty blob is read");
    auto read = ask.read(ask.read_name(empty));
    ask.ok(read);
    ask.check(data_of(read).empty(), "no bytes");
    auto tree_request = ask.request<v2::GetTreeRequest>();
    tree_request.set_digest_function(function);
    *tree_request.mutable_root_digest() = empty.digest;
    auto tree = ask.ask<v2::GetTreeResponse>(probe::reapi("ContentAddressableStorage/GetTree"), tree_request);
    if (tree.status.code() != errc::unimplemented) ask.ok(tree);
    if (!ask.server().announces(v2::Compressor::ZSTD)) continue;
    auto compressed = ask.read(ask.compressed_read_name(empty));
    ask.ok(compressed);
    ask.check(unzstd(data_of(compressed), 16) == "", "zstd of no bytes");
  }
}

// As an input file and as stdout, though it was never uploaded.
void empty_blob_is_executed_with(probe& ask) {
  if (!ask.server().has_worker) return;
  v2::Directory root;
  auto* file = root.add_files();
  file->set_name("nothing");
  *file->mutable_digest() = blob_of("", ask.server().main_function()).digest;
  auto action = action_of(ask, "test -f nothing && test ! -s nothing");
  *action.mutable_input_root_digest() = ask.store_message(root).digest;
  auto told = response_of(ask, execute(ask, ask.store_message(action)));
  ask.check(told.result().exit_code() == 0, "exit_code 0 of an action that finds an empty file");
  const auto& printed = told.result().stdout_digest();
  ask.check(printed.hash().empty() || printed.size_bytes() == 0, "no stdout, or the empty blob's digest");
}

}  // namespace

std::vector<rule> digest_rules() {
  return {
      {1, tag::must, "a right hash with a wrong size names no blob, in every method", needs::cache,
       [](probe& ask) {
         wrong_size_names_nothing(ask);
         wrong_size_is_not_executed(ask);
       }},
      {2, tag::stated, "a hash in capitals is INVALID_ARGUMENT, though the blob is there", needs::cache,
       [](probe& ask) {
         auto stored = ask.fresh();
         ask.store(stored);
         auto capitals = stored.digest.hash();
         for (char& c : capitals) c = static_cast<char>(std::toupper(c));
         expect_invalid(ask, with_hash(stored, capitals));
       }},
      {3, tag::stated, "a hash as long as no announced function's is INVALID_ARGUMENT", needs::cache,
       [](probe& ask) {
         auto one = ask.fresh();
         expect_invalid(ask, with_hash(one, one.digest.hash().substr(0, 22)));
         expect_invalid(ask, with_hash(one, one.digest.hash() + "0123"));
       }},
      {4, tag::stated, "a hash that is empty, not hexadecimal, or a path is INVALID_ARGUMENT", needs::cache,
       [](probe& ask) {
         auto one = ask.fresh();
         auto size = one.digest.hash().size();
         expect_invalid(ask, with_hash(one, std::string(size - 1, 'a') + 'g'));
         expect_invalid(ask, with_hash(one, std::string(size - 1, 'a') + '\0'));
         for (const auto& hash : {std::string(), "../" + std::string(size - 3, 'a')}) {
           ask.expect(ask.find_missing(with_hash(one, hash)), errc::invalid_argument);
           ask.expect(ask.read(ask.read_name(with_hash(one, hash))), errc::invalid_argument);
         }
       }},
      {5, tag::choice, "a negative size is INVALID_ARGUMENT", needs::cache,
       [](probe& ask) {
         auto one = ask.fresh();
         one.digest.set_size_bytes(-1);
         expect_invalid(ask, one);
       }},
      {6, tag::choice, "a size of 2^63-1 in an upload is INVALID_ARGUMENT or RESOURCE_EXHAUSTED",
       needs::cache,
       [](probe& ask) {
         auto one = ask.fresh();
         one.digest.set_size_bytes(std::numeric_limits<std::int64_t>::max());
         ask.expect(ask.write(ask.write_name(one), one.data),
                    {errc::invalid_argument, errc::resource_exhausted});
         auto update = ask.batch_update({one});
         if (!update.ok()) return ask.expect(update, {errc::invalid_argument, errc::resource_exhausted});
         ask.check(
             update.message().responses_size() == 1 && update.message().responses(0).status().code() != 0,
             "an error for the blob");
       }},
      {7, tag::should, "a request that names no function means the one its hashes are as long as",
       needs::cache,
       [](probe& ask) {
         for (auto function : ask.server().functions()) {
           if (!is_inferred(function)) continue;
           auto one = ask.fresh(100, function);
           ask.store(one);
           auto request = ask.request<v2::FindMissingBlobsRequest>();
           request.clear_digest_function();
           *request.add_blob_digests() = one.digest;
           auto missing = ask.ok(ask.ask<v2::FindMissingBlobsResponse>(
               probe::reapi("ContentAddressableStorage/FindMissingBlobs"), request));
           ask.check(missing.missing_blob_digests_size() == 0, "the blob is not missing");
         }
       }},
      {8, tag::choice, "a hash that is not as long as the named function's is INVALID_ARGUMENT", needs::cache,
       [](probe& ask) {
         auto one = ask.fresh();
         auto length = one.digest.hash().size() == 40 ? 64 : 40;
         ask.expect(ask.find_missing(with_hash(one, std::string(static_cast<std::size_t>(length), 'a'))),
                    errc::invalid_argument);
       }},
      {9, tag::choice, "a function that is not announced is INVALID_ARGUMENT", needs::cache,
       [](probe& ask) {
         auto one = ask.fresh();
         one.function = unannounced_function(ask);
         ask.expect(ask.find_missing(one), errc::invalid_argument);
         ask.expect(ask.batch_update({one}), errc::invalid_argument);
       }},
      {10, tag::must,
       "names of blobs carry the function where it is newer than the others, and need not elsewhere",
       needs::cache, names_carry_the_function},
      {11, tag::choice, "equal hashes under two functions are two blobs", needs::cache,
       equal_text_is_another_key},
      {12, tag::stated, "SHA256TREE passes its test vectors", needs::cache, sha256tree_vectors_pass},
      {13, tag::must, "the empty blob is there, under every function, though nobody uploaded it",
       needs::cache,
       [](probe& ask) {
         empty_blob_is_there(ask);
         empty_blob_is_executed_with(ask);
       }},
      {14, tag::choice, "the hash of the empty blob with another size names nothing", needs::cache,
       [](probe& ask) {
         auto empty = blob_of("", ask.server().main_function());
         empty.digest.set_size_bytes(5);
         expect_no_such_blob(ask, empty, {errc::invalid_argument, errc::not_found});
       }},
  };
}

}  // namespace kiln::conform
