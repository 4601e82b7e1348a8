#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <optional>
#include <string>
#include <utility>

#include "test/end_to_end/remote_execution.hpp"
#include "test/end_to_end/server_fixture.hpp"

namespace kiln::end_to_end {

/// An action that runs until it is told to end: it copies a pipe that we hold the other end of.
class held_action {
public:
  /// `first` is what its shell does before.
  held_action(const std::string& pipe, const remote& server, const std::string& first = "true") {
    BOOST_REQUIRE(::mkfifo(pipe.c_str(), 0666) == 0);
    ::chmod(pipe.c_str(), 0666);
    auto action = upload_action(server, first + "; cat " + pipe + " > out");
    BOOST_REQUIRE_MESSAGE(action, why(action));
    execution_.emplace(server, *action);
    BOOST_REQUIRE(execution_->reaches(stage::executing));
    end_ = ::open(pipe.c_str(), O_WRONLY);  // once the action has opened the other one
  }
  ~held_action() { ::close(end_); }
  held_action(const held_action&) = delete;
  held_action& operator=(const held_action&) = delete;

  std::string stdout_name() { return execution_->stdout_name(); }
  expected<v2::ExecuteResponse> let_end() {
    BOOST_TEST(::write(end_, "told to end", 11) == 11);
    ::close(std::exchange(end_, -1));
    return execution_->wait();
  }

private:
  std::optional<running_execution> execution_;
  int end_ = -1;
};

}  // namespace kiln::end_to_end
