#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "plugins/stores/redis/redis_engine.hpp"
#include "plugins/stores/redis/resp_command.hpp"
#include "plugins/stores/redis/resp_reply.hpp"

namespace kiln::redis_store {

/// What is said first on a connection, and whether the answers are good. Plain class.
class greeting {
public:
  enum class demand : std::uint8_t {
    any,     ///< any server will do
    master,  ///< one that takes writes
  };
  struct identity {
    std::string user;
    std::string password;
    std::uint32_t database = 0;
  };

  greeting(identity who, demand wanted, std::string client_name);

  std::vector<resp_command> commands() const;
  /// FAILED_PRECONDITION where the server does not know us, UNAVAILABLE where it is a replica.
  expected<void> judge(const std::vector<resp_reply>& answers, const std::string& server) const;
  /// For sentences about rights.
  const std::string& user() const noexcept { return who_.user; }

private:
  expected<void> judge_one(const std::string& of, const resp_reply& answer, const std::string& server) const;

  const identity who_;
  const demand wanted_;
  const std::string client_name_;
};

/// Ours for the servers, with the password as it is in its file now. FAILED_PRECONDITION if that cannot be
/// read.
expected<greeting> greeting_of(const redis_engine& engine, greeting::demand wanted);
/// Ours for sentinels.
greeting sentinel_greeting(const redis_engine& engine);

}  // namespace kiln::redis_store
