#include "test/contract/claims.hpp"

namespace kiln::contract {
namespace {

// After a write that failed: the blob is absent, costs nothing, and can be written properly.
void check_that_nothing_is_left(stage& on, const std::string& content, const store_stats& before) {
  digest blob = digest_now(content);
  BOOST_TEST(is_missing(on, blob));
  BOOST_TEST(code_of(read(on, blob)) == "NOT_FOUND");
  auto after = on.tell(measure_store{});
  BOOST_TEST((!after || (after->blobs == before.blobs && after->bytes == before.bytes)));
  BOOST_TEST(code_of(write(on, blob, content)) == "OK");
  BOOST_TEST((read(on, blob) == content));
}

store_stats stats_of(stage& on) {
  return on.tell(measure_store{}).value_or(store_stats{});
}

void refuses_a_source_that_ends_short(const subject& what) {
  stage on(what);
  for (std::size_t size : {10U, 2'000'000U}) {
    std::string content = noise(size);
    auto before = stats_of(on);
    BOOST_TEST(code_of(write(on, digest_now(content), content.substr(1))) == "INVALID_ARGUMENT");
    BOOST_TEST(code_of(write(on, digest_now(content), "")) == "INVALID_ARGUMENT");
    check_that_nothing_is_left(on, content, before);
  }
}

void refuses_a_source_with_too_many_bytes(const subject& what) {
  stage on(what);
  for (std::size_t size : {10U, 2'000'000U}) {
    std::string content = noise(size);
    auto before = stats_of(on);
    for (std::size_t piece : {3000U, 4'000'000U})
      BOOST_TEST(code_of(on.tell(write_blob{
                     digest_now(content), deliver(content + "!", {piece, true, {}})})) == "INVALID_ARGUMENT");
    check_that_nothing_is_left(on, content, before);
  }
}

void gives_up_a_source_that_has_no_end(const subject& what) {
  class endless final : public blob_source {
  public:
    void read(next then) override { then(byte_chain(bytes::of_static("for ever and "))); }
  };
  stage on(what);
  digest blob = digest_now("for ever and a day");
  BOOST_TEST(code_of(on.tell(write_blob{blob, std::make_shared<endless>()})) == "INVALID_ARGUMENT");
  BOOST_TEST(is_missing(on, blob));
}

void passes_on_why_a_source_failed(const subject& what) {
  stage on(what);
  error fault(errc::permission_denied, "the disk of the writer is locked");
  auto refused = on.tell(write_blob{digest_now("abc"), failing_source(fault)});
  BOOST_REQUIRE(!refused);
  BOOST_TEST(code_of(refused) == "PERMISSION_DENIED");
  BOOST_TEST((refused.error().message().find(fault.message()) != std::string::npos));
}

void leaves_no_trace_of_a_write_given_up_at_any_step(const subject& what) {
  stage on(what);
  const error left(errc::cancelled, "the client left");
  for (std::size_t steps = 0; steps <= 4; ++steps) {
    std::string content = noise(400'000, steps);
    auto before = stats_of(on);
    auto source = std::make_shared<hand_fed>();
    auto answer = on.ask(write_blob{digest_now(content), source});
    for (std::size_t step = 0; step < steps; ++step) source->feed(content.substr(step * 100'000, 100'000));
    source->feed(failure(left));
    BOOST_TEST(code_of(wait(std::move(answer))) == "CANCELLED");
    check_that_nothing_is_left(on, content, before);
  }
}

void does_not_wait_for_a_source_that_vanished(const subject& what) {
  stage on(what);
  for (std::size_t steps = 0; steps <= 2; ++steps) {
    std::string content = noise(200'000, steps);
    auto before = stats_of(on);
    auto source = std::make_shared<hand_fed>();
    auto answer = on.ask(write_blob{digest_now(content), source});
    for (std::size_t step = 0; step < steps; ++step) source->feed(content.substr(step * 100'000, 100'000));
    source->vanish();
    BOOST_TEST(!wait(std::move(answer)));
    check_that_nothing_is_left(on, content, before);
  }
}

}  // namespace

std::vector<claim> broken_writing_claims() {
  return {KILN_CLAIM(refuses_a_source_that_ends_short),
          KILN_CLAIM(refuses_a_source_with_too_many_bytes),
          KILN_CLAIM(gives_up_a_source_that_has_no_end),
          KILN_CLAIM(passes_on_why_a_source_failed),
          KILN_CLAIM(leaves_no_trace_of_a_write_given_up_at_any_step),
          KILN_CLAIM(does_not_wait_for_a_source_that_vanished)};
}

}  // namespace kiln::contract
