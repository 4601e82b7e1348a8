#include <build/bazel/remote/execution/v2/remote_execution.pb.h>
#include <google/bytestream/bytestream.pb.h>

#include <boost/test/unit_test.hpp>
#include <map>
#include <utility>

#include "actors/tools/run/command_run.hpp"
#include "actors/tools/run/fetched_action.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"

using namespace kiln;

namespace fetched_action_suite {

namespace v2 = build::bazel::remote::execution::v2;
using namespace rehearsal;

// A read that is answered in two messages, or refused.
class told_read final : public outbound_call {
public:
  explicit told_read(const std::map<digest, std::string>& blobs) : blobs_(blobs) {}
  void write(byte_chain message, std::function<void(bool)> then) override {
    auto asked = parse<google::bytestream::ReadRequest>(message);
    auto name = asked ? parse_read_name(asked->resource_name()) : failure(asked.error());
    if (name)
      if (auto found = blobs_.find(name->blob); found != blobs_.end()) rest_ = found->second;
    then(true);
  }
  void writes_done() override {}
  void cancel() override {}
  void read(std::function<void(expected<std::optional<byte_chain>>)> then) override {
    if (!rest_) return then(fail(errc::not_found, "it is not here"));
    if (rest_->empty()) return then(std::nullopt);
    google::bytestream::ReadResponse message;
    const auto half = rest_->size() / 2 + 1;
    message.set_data(rest_->substr(0, half));
    rest_->erase(0, half);
    then(std::optional(byte_chain(serialise(message))));
  }

private:
  const std::map<digest, std::string>& blobs_;
  std::optional<std::string> rest_;
};

class told_cas final : public channel {
public:
  std::map<digest, std::string> blobs;

  std::shared_ptr<outbound_call> start(outbound_request) override {
    return std::make_shared<told_read>(blobs);
  }
  digest_function function = digest_function::sha256;

  digest put(const std::string& content) {
    auto name = digest_of(content, function);
    blobs[name] = content;
    return name;
  }
};

struct fixture {
  std::shared_ptr<told_cas> cas = std::make_shared<told_cas>();
  bench::client from{cas, ""};
  interrupts signals;
  remote_blobs blobs{from, signals};
  v2::Command command;
  v2::Directory root;
  v2::Action action;

  fixture() {
    command.add_arguments("true");
    auto* file = root.add_files();
    file->set_name("input");
    to_wire(digest_of("of the input"), file->mutable_digest());
  }
  digest stored() {
    to_wire(cas->put(command.SerializeAsString()), action.mutable_command_digest());
    to_wire(cas->put(root.SerializeAsString()), action.mutable_input_root_digest());
    return cas->put(action.SerializeAsString());
  }
  void refuses(const digest& which, errc code, const std::string& words) {
    auto got = fetch_action(blobs, which, {});
    BOOST_REQUIRE(!got);
    BOOST_TEST((got.error().code() == code), got.error().to_string());
    BOOST_TEST(got.error().message().find(words) != std::string::npos, got.error().message());
  }
};

BOOST_FIXTURE_TEST_SUITE(fetched_action_suite, fixture)

BOOST_AUTO_TEST_CASE(an_action_is_what_a_worker_would_take) {
  auto* property = action.mutable_platform()->add_properties();
  property->set_name("network");
  property->set_value("on");
  action.mutable_timeout()->set_seconds(5);
  auto got = fetch_action(blobs, stored(), {});
  BOOST_REQUIRE(got);
  BOOST_TEST(got->plan.arguments == std::vector<std::string>{"true"});
  BOOST_TEST((got->plan.timeout == std::chrono::seconds(5)));
  BOOST_TEST((got->platform == platform_properties{{"network", "on"}}));
  BOOST_REQUIRE(got->inputs->files.size() == 1);
  BOOST_TEST(got->inputs->files[0].name == "input");
}

BOOST_AUTO_TEST_CASE(the_function_of_its_digest_is_that_of_all_it_names) {
  cas->function = digest_function::blake3;
  root.clear_files();
  auto* file = root.add_files();
  file->set_name("input");
  to_wire(cas->put("of the input"), file->mutable_digest());
  auto got = fetch_action(blobs, stored(), {});
  BOOST_REQUIRE(got);
  BOOST_TEST((got->inputs->files.at(0).blob == digest_of("of the input", digest_function::blake3)));
}

BOOST_AUTO_TEST_CASE(the_platform_of_the_command_counts_where_the_action_has_none) {
  auto* property = command.mutable_platform()->add_properties();
  property->set_name("network");
  property->set_value("on");
  auto got = fetch_action(blobs, stored(), {});
  BOOST_REQUIRE(got);
  BOOST_TEST((got->platform == platform_properties{{"network", "on"}}));
}

BOOST_AUTO_TEST_CASE(bytes_that_are_not_the_blobs_are_refused_wherever_they_come) {
  const auto which = stored();
  for (const auto& blob :
       {which, digest_of(command.SerializeAsString()), digest_of(root.SerializeAsString())}) {
    auto right = cas->blobs[blob];
    cas->blobs[blob].back() ^= 1;
    refuses(which, errc::data_loss, blob.to_string());
    cas->blobs[blob] = right;
  }
}

BOOST_AUTO_TEST_CASE(a_command_that_no_worker_takes_is_refused_as_a_worker_does) {
  command.set_working_directory("../out");
  refuses(stored(), errc::invalid_argument, "the working directory");
}

BOOST_AUTO_TEST_CASE(a_blob_that_is_no_action_is_called_so) {
  refuses(cas->put("\xff\xff"), errc::invalid_argument, "is none");
}

BOOST_AUTO_TEST_CASE(words_are_quoted_for_a_shell_where_they_have_to_be) {
  BOOST_TEST(as_command_line({"gcc", "-O2", "a b", "", "it's", "$x"}) == "gcc -O2 'a b' '' 'it'\\''s' '$x'");
  // What would write to the terminal of whoever reads them, or another line, does neither.
  BOOST_TEST(as_command_line({"\x1b]52;c;x\x07", "a\nkiln: b", "it's\t\\", "\xc3\xa4 \xc2\x9b", "\xff"}) ==
             "$'\\033]52;c;x\\007' $'a\\012kiln: b' $'it\\'s\\011\\\\' $'\\303\\244 \\302\\233' $'\\377'");
  BOOST_TEST(as_command_line({"\xc3\xa4"}) == "'\xc3\xa4'");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace fetched_action_suite
