#include "core/compress/zstd.hpp"
#include "test/actors/services/byte_stream/stream_bench.hpp"
#include "test/harness/details.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

namespace reading_uploads {

// Uploads step by step, and reads meanwhile. The store looks at what it is given.
struct in_flight_bench : checking_stream_bench {
  const std::string content = noise(3000);
  const digest blob = digest_of(content);
  const std::string name = "blobs/" + blob.to_string();

  std::shared_ptr<direct_call> begin_read(const digest& of, std::int64_t offset = 0, std::int64_t limit = 0) {
    return begin_read("blobs/" + of.to_string(), offset, limit);
  }
  std::shared_ptr<direct_call> begin_read(const std::string& of, std::int64_t offset = 0,
                                          std::int64_t limit = 0) {
    bs::ReadRequest request;
    request.set_resource_name(of);
    request.set_read_offset(offset);
    request.set_read_limit(limit);
    auto call = start(read_method, serialise(request));
    run();
    return call;
  }
  static std::string heard_by(const direct_call& call) {
    std::string all;
    for (const auto& message : call.messages()) all += parse<bs::ReadResponse>(message).value().data();
    return all;
  }
  std::shared_ptr<direct_call> begin_upload(const std::string& words, const std::string& uuid = "u") {
    auto call = begin_write();
    say(call, message(upload_name(blob, uuid), 0, words));
    return call;
  }
  void end_upload(const std::shared_ptr<direct_call>& call, std::size_t at, const std::string& words) {
    say(call, message("", static_cast<std::int64_t>(at), words, true));
    call->close();
    run();
  }
  /// Another service, instead of the first.
  byte_stream_actor serve(const store_actor& store) {
    auto service = own(spawn_byte_stream(actors(), env(), {}, {}, make_compression(env(), {}), store));
    routes = {};
    add_routes(routes, std::vector{service});
    return service;
  }
  static errc code(const direct_call& call) {
    BOOST_TEST_REQUIRE(call.status().has_value(), "the call was not finished");
    return call.status()->code();
  }
};

}  // namespace reading_uploads

BOOST_FIXTURE_TEST_SUITE(reading_uploads, in_flight_bench)

// Rule 118 as well.
BOOST_AUTO_TEST_CASE(a_blob_is_read_while_it_is_uploaded_and_ends_when_it_is_kept) {
  auto writer = begin_upload(content.substr(0, 1000));
  auto reader = begin_read(blob);
  auto part = begin_read(blob, 500, 1000);
  BOOST_TEST((heard_by(*reader) == content.substr(0, 1000)));
  BOOST_TEST((heard_by(*part) == content.substr(500, 500)));
  say(writer, message("", 1000, content.substr(1000)));
  BOOST_TEST((heard_by(*reader) == content.substr(0, 2999)));
  BOOST_TEST(!reader->status().has_value());
  BOOST_TEST(!part->status().has_value());
  BOOST_TEST(!has(blob));
  end_upload(writer, content.size(), "");
  BOOST_TEST(code(*writer) == errc::ok);
  BOOST_TEST((data_of(*reader) == content));
  BOOST_TEST((data_of(*part) == content.substr(500, 1000)));
}

BOOST_AUTO_TEST_CASE(a_reader_there_before_the_first_byte_waits_for_it) {
  auto writer = begin_upload("");
  auto reader = begin_read(blob);
  BOOST_TEST(!reader->status().has_value());
  end_upload(writer, 0, content);
  BOOST_TEST((data_of(*reader) == content));
}

BOOST_AUTO_TEST_CASE(a_reader_far_behind_goes_on_when_the_blob_is_kept) {
  auto large = noise(8 << 20);
  auto writer = begin_write();
  auto what = digest_of(large);
  std::size_t at = 0;
  for (; at < large.size() - 1; at += 1 << 20)
    say(writer, message(upload_name(what), static_cast<std::int64_t>(at), large.substr(at, 1 << 20)));
  auto reader = begin_read(what);
  auto near = begin_read(what, 7 << 20);
  BOOST_TEST(reader->messages().empty());
  BOOST_TEST((heard_by(*near) == large.substr(7 << 20, (1 << 20) - 1)));
  end_upload(writer, large.size(), "");
  BOOST_TEST((data_of(*reader) == large));
  BOOST_TEST((data_of(*near) == large.substr(7 << 20)));
}

// Rule 87.
BOOST_AUTO_TEST_CASE(wrong_bytes_end_badly_and_hurt_nobody_after) {
  std::string wrong(content.size(), 'w');
  auto writer = begin_upload(wrong.substr(0, 1000));
  auto reader = begin_read(blob);
  auto rest = begin_read(blob, 2000);
  BOOST_TEST(heard_by(*reader) == wrong.substr(0, 1000));
  end_upload(writer, 1000, wrong.substr(1000));
  BOOST_TEST(code(*writer) == errc::invalid_argument);
  BOOST_TEST(code(*reader) == errc::not_found);
  BOOST_TEST(code(*rest) == errc::not_found);
  BOOST_TEST(code(*begin_read(blob)) == errc::not_found);
  BOOST_TEST(committed(*write(blob, content)) == 3000);
  BOOST_TEST((data_of(*read(name)) == content));
}

BOOST_AUTO_TEST_CASE(a_writer_that_leaves_does_not_keep_readers_waiting) {
  auto writer = begin_upload(content.substr(0, 1000));
  auto begun = begin_read(blob);
  auto ahead = begin_read(blob, 2000);
  writer->cancel();
  run();
  BOOST_TEST(code(*begun) == errc::unavailable);
  BOOST_TEST(asks_to_try_again(*begun->status()));
  BOOST_TEST(code(*ahead) == errc::not_found);
  BOOST_TEST(code(*begin_read(blob)) == errc::not_found);
  BOOST_TEST(committed(*write(blob, content, 1000)) == 3000);
  BOOST_TEST((data_of(*read(name)) == content));
}

// The sixth of the rules: a reader stays with the upload it began with, and who comes now joins the later.
BOOST_AUTO_TEST_CASE(of_two_uploads_one_fails_and_the_other_is_read) {
  std::string wrong(content.size(), 'w');
  auto first = begin_upload(wrong.substr(0, 1000), "first");
  auto trusting = begin_read(blob);
  auto second = begin_upload(content.substr(0, 1500), "second");
  auto reader = begin_read(blob);
  BOOST_TEST((heard_by(*reader) == content.substr(0, 1500)));
  end_upload(first, 1000, wrong.substr(1000));
  BOOST_TEST(code(*trusting) == errc::not_found);
  BOOST_TEST((heard_by(*trusting) == wrong.substr(0, 2999)));
  BOOST_TEST(!reader->status().has_value());
  end_upload(second, 1500, content.substr(1500));
  BOOST_TEST((data_of(*reader) == content));
}

BOOST_AUTO_TEST_CASE(a_later_upload_that_fails_does_not_hide_the_earlier_ones_blob) {
  auto first = begin_upload(content.substr(0, 1000), "first");
  auto second = begin_upload("", "second");
  auto reader = begin_read(blob);
  end_upload(first, 1000, content.substr(1000));
  second->cancel();
  run();
  BOOST_TEST((data_of(*reader) == content));
}

BOOST_AUTO_TEST_CASE(what_is_kept_is_read_from_the_store_whatever_is_uploaded) {
  auto liar = begin_upload(std::string(1000, 'w'));
  put(content);
  BOOST_TEST((data_of(*read(name)) == content));
}

BOOST_AUTO_TEST_CASE(an_offset_behind_the_end_is_none_in_flight_either) {
  auto writer = begin_upload(content);
  BOOST_TEST(code(*begin_read(blob, 3001)) == errc::out_of_range);
  auto at_end = begin_read(blob, 3000);
  BOOST_TEST(!at_end->status().has_value());
  end_upload(writer, content.size(), "");
  BOOST_TEST(data_of(*at_end).empty());
}

BOOST_AUTO_TEST_CASE(a_reader_that_leaves_is_forgotten) {
  auto writer = begin_upload(content.substr(0, 1000));
  auto reader = begin_read(blob);
  reader->cancel();
  run();
  BOOST_TEST(reader.use_count() == 1);
  end_upload(writer, 1000, content.substr(1000));
  BOOST_TEST(code(*writer) == errc::ok);
}

BOOST_AUTO_TEST_CASE(a_reader_that_takes_nothing_does_not_hold_up_the_upload) {
  auto writer = begin_upload(content.substr(0, 1000));
  bs::ReadRequest request;
  request.set_resource_name(name);
  auto stalled = std::make_shared<direct_call>(read_method);
  stalled->hold_writes();
  hand_over(stalled, serialise(request));
  run();
  end_upload(writer, 1000, content.substr(1000));
  BOOST_TEST(code(*writer) == errc::ok);
  pass(6min);
  BOOST_TEST(code(*stalled) == errc::deadline_exceeded);
}

BOOST_AUTO_TEST_CASE(what_is_uploaded_compressed_is_read_in_every_form) {
  std::string wire(zstd_encode(content, 1, 2 * content.size()).value().view());
  auto writer = begin_write();
  say(writer, message("uploads/u/compressed-blobs/zstd/" + blob.to_string(), 0, wire));
  auto plain = begin_read(blob);
  auto compressed = begin_read("compressed-blobs/zstd/" + blob.to_string(), 1000);
  BOOST_TEST((heard_by(*plain) == content.substr(0, 2999)));
  for (const auto& reader : {plain, compressed}) BOOST_TEST(!reader->status().has_value());
  end_upload(writer, wire.size(), "");
  BOOST_TEST((data_of(*plain) == content));
  auto rest = zstd_decode(data_of(*compressed), 2000, 23);
  BOOST_TEST_REQUIRE(rest.has_value());
  BOOST_TEST((rest->view() == content.substr(1000)));
}

BOOST_AUTO_TEST_CASE(a_reader_of_compressed_bytes_that_leaves_is_forgotten_too) {
  auto writer = begin_upload(content.substr(0, 1000));
  auto reader = begin_read("compressed-blobs/zstd/" + blob.to_string());
  reader->cancel();
  run();
  BOOST_TEST(reader.use_count() == 1);
}

// The eighth.
BOOST_AUTO_TEST_CASE(more_than_a_thousand_uploads_go_the_plain_way) {
  std::vector<std::shared_ptr<direct_call>> others;
  for (int i = 0; i < 1000; ++i) {
    others.push_back(start(write_method));
    others.back()->send(message(upload_name(digest_of(std::to_string(i) + "of 1000")), 0, "x"));
  }
  run();
  auto writer = begin_upload(content.substr(0, 1000));
  BOOST_TEST(code(*begin_read(blob)) == errc::not_found);
  end_upload(writer, 1000, content.substr(1000));
  BOOST_TEST((data_of(*read(name)) == content));
  others.front()->cancel();
  run();
  auto shared = digest_of(std::string("one fewer"));
  auto next = begin_write();
  say(next, message(upload_name(shared), 0, "one"));
  BOOST_TEST(heard_by(*begin_read(shared)) == "one");
}

BOOST_AUTO_TEST_CASE(readers_hear_of_the_end_of_the_service) {
  auto service = serve(blobs);
  auto writer = begin_upload(content.substr(0, 1000));
  auto reader = begin_read(blob);
  end(service);
  BOOST_TEST(code(*reader) == errc::unavailable);
}

BOOST_AUTO_TEST_CASE(a_store_that_ends_fails_the_readers) {
  auto store = spawn_store(trusting);
  serve(store);
  auto writer = begin_upload(content.substr(0, 1000));
  auto reader = begin_read(blob);
  end(store);
  BOOST_TEST(code(*writer) != errc::ok);
  BOOST_TEST(code(*reader) == errc::unavailable);
}

// Rule 87, whatever happens in whatever order: honest and wrong uploads, those that stop, readers of parts.
BOOST_AUTO_TEST_CASE(who_ends_well_has_the_right_bytes) {
  struct writing {
    std::shared_ptr<direct_call> call;
    std::string words;
    std::size_t at;
  };
  struct reading {
    std::shared_ptr<direct_call> call;
    std::string wanted;
  };
  auto random = make_seeded_random(87);
  std::vector<reading> readers;
  int kept = 0;
  for (int round = 0; round < 60; ++round) {
    const auto text = noise(2000 + static_cast<std::size_t>(round));
    const auto what = digest_of(text);
    std::vector<writing> writers;
    for (int step = 0; step < 30; ++step) {
      auto chance = random->next();
      auto& writer = writers.empty() ? writers.emplace_back() : writers[chance / 100 % writers.size()];
      if (chance % 10 < 2 || !writer.call) {
        std::string words = chance % 10 == 0 ? std::string(text.size(), 'w') : text;
        auto name = upload_name(what, std::to_string(step));
        if (writer.call) writers.emplace_back();
        writers.back() = {begin_write(), std::move(words), 0};
        say(writers.back().call, message(name, 0, ""));
      } else if (chance % 10 < 6 && writer.at < writer.words.size()) {
        auto part = writer.words.substr(writer.at, chance / 1000 % 1500);
        bool last = writer.at + part.size() == writer.words.size();
        say(writer.call, message("", static_cast<std::int64_t>(writer.at), part, last));
        writer.at += part.size();
      } else if (chance % 10 == 6) {
        writer.call->cancel();
      } else {
        auto offset = chance / 1000 % text.size();
        auto limit = chance / 10'000'000 % 1000 + 1;
        if (chance % 10 == 7) offset = 0, limit = text.size();
        readers.push_back(
            {begin_read(what, static_cast<std::int64_t>(offset), static_cast<std::int64_t>(limit)),
             text.substr(offset, limit)});
      }
    }
    for (auto& writer : writers) writer.call->cancel();
    run();
    kept += has(what) ? 1 : 0;
  }
  int good = 0;
  for (const auto& reader : readers) {
    if (code(*reader.call) != errc::ok) continue;
    BOOST_TEST((data_of(*reader.call) == reader.wanted));
    ++good;
  }
  BOOST_TEST(kept > 10);
  BOOST_TEST(kept < 60);
  BOOST_TEST(good > 50);
  BOOST_TEST(good < static_cast<int>(readers.size()) - 50);
}

BOOST_AUTO_TEST_SUITE_END()
