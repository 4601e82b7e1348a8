#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/error.hpp"

/// What `kiln` can be told to do. Each returns the exit code of the process: 0, 64 for a configuration that
/// is wrong, 69 for something that is not to be had (a taken port, a full disk), 70 for our own mistakes.
namespace kiln {

inline constexpr int exit_usage = 64;
inline constexpr int exit_unavailable = 69;
inline constexpr int exit_internal = 70;

/// Says on stderr why a command ends, and returns `code`.
int complain(const error& fault, int code);

/// From now on nobody of our own user reads our memory: actions may be that, and what we were started with
/// may be a secret.
void keep_to_ourselves();

struct serve_request {
  std::string config;  ///< a file; empty: the embedded profile
  std::string profile = "all_in_one";
  std::string plugins;  ///< a folder; empty: this build's
  std::vector<std::pair<std::string, std::string>>
      variables;  ///< ${NAME} of the configuration, before the environment
  std::vector<std::string>
      properties;  ///< NAME=VALUE that the worker offers besides those of the configuration
};
int serve(const serve_request& request);
/// Says how the worker of that configuration would run actions on this machine, and serves nothing.
int explain(serve_request request);

struct check_request {
  std::string config;
  std::string plugins;
  bool print = false;  ///< the effective configuration, defaults and all
};
int check(const check_request& request);

struct describe_request {
  std::string kind;       ///< "node", "store", "transport"; empty: everything
  std::string name;       ///< of a store or transport; empty: all of them
  bool markdown = false;  ///< for docs/reference
  std::string plugins;
};
int describe(const describe_request& request);

struct bench_request {
  std::string target;
  std::string instance;
  std::vector<std::string> only;
  double seconds = 3;
  unsigned rounds = 1;
  std::optional<int> pid;
  std::optional<unsigned> in_flight;
  std::optional<std::uint64_t> seed;
  bool process_start = false;
  std::string plugins;
};
int bench_server(const bench_request& request);

/// Whom a command asks that is a client with actions of its own.
struct target_request {
  std::string target;
  std::string instance;
  std::vector<std::string> platform;  ///< NAME=VALUE of our actions
  bool tls = false;
  std::string tls_ca, tls_cert, tls_key;  ///< PEM files; any of them means TLS
  std::string token;
  std::string plugins;
};

struct conform_request : target_request {
  std::vector<std::string> only;  ///< sections, rules; empty: all
  std::string report;             ///< the file that takes the JSON
  std::string fill;               ///< a size; empty: the cache must not be filled
  bool quick = false, list = false, markdown = false;
};
/// 0 if no rule failed, 1 if one did.
int conform_server(const conform_request& request);

struct run_request : target_request {
  std::string action;   ///< its digest: HASH/SIZE, or FUNCTION/HASH/SIZE
  std::string folder;   ///< where it stays; empty: in a temporary one
  std::string sandbox;  ///< as in a configuration
  bool shell = false;   ///< instead of the command
};
/// The command's exit code.
int run_action(const run_request& request);

struct probe_request : target_request {};
/// 0 if everything held, 1 if something leaked.
int probe_server(const probe_request& request);

}  // namespace kiln
