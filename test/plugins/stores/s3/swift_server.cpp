#include "test/plugins/stores/s3/swift_server.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <future>
#include <stdexcept>
#include <vector>

#include "core/base/thread_pool.hpp"
#include "core/digest/digest.hpp"
#include "test/places.hpp"

namespace kiln::test {
namespace {

constexpr const char* python = "/usr/bin/python3";

std::filesystem::path packages() {
  return std::filesystem::path(KILN_BINARY).parent_path().parent_path() / "clients" / "swift";
}

std::string server_script() {
  return std::string(KILN_SOURCE_FOLDER) + "/test/plugins/stores/s3/swift_server.py";
}

// Only what is safe between fork and exec.
[[noreturn]] void become_python(char* const* words, char* const* environment, int output) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(output, STDOUT_FILENO);
  ::execve(words[0], words, environment);
  ::_exit(127);
}

}  // namespace

bool swift_server::is_there() {
  const bool is_installed =
      std::filesystem::exists("/usr/lib/python3/dist-packages/swift/common/middleware/s3api");
  return std::filesystem::exists(python) && (is_installed || std::filesystem::exists(packages()));
}

swift_server::swift_server() {
  const auto where = packages();
  std::vector<std::string> command{python, server_script(), folder_.path().string()};
  std::vector<std::string> variables{"PATH=/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE=1",
                                     "PYTHONWARNINGS=ignore"};
  if (std::filesystem::exists(where)) {
    command.push_back(where.string());
    variables.push_back("LD_LIBRARY_PATH=" + (where / "usr/lib/x86_64-linux-gnu").string());
  }
  std::vector<char*> words, environment;
  for (auto& word : command) words.push_back(word.data());
  for (auto& one : variables) environment.push_back(one.data());
  words.push_back(nullptr);
  environment.push_back(nullptr);
  int output[2];
  if (::pipe2(output, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  pid_ = ::fork();
  if (pid_ == 0) become_python(words.data(), environment.data(), output[1]);
  ::close(output[1]);
  std::string said;
  std::array<char, 256> buffer{};
  while (said.find('\n') == std::string::npos) {
    auto got = ::read(output[0], buffer.data(), buffer.size());
    if (got <= 0) break;
    said.append(buffer.data(), static_cast<std::size_t>(got));
  }
  ::close(output[0]);
  constexpr std::string_view before = "listening on ";
  const auto at = said.find(before);
  if (at == std::string::npos) throw std::runtime_error("Swift does not start: " + said);
  port_ = std::stoi(said.substr(at + before.size()));
}

swift_server::~swift_server() {
  if (pid_ <= 0) return;
  signal(SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void swift_server::signal(int number) const noexcept {
  if (pid_ > 0) ::kill(pid_, number);
}

swift_server& swift() {
  static swift_server only;
  return only;
}

bucket_client::bucket_client(std::string bucket, int port)
    : bucket_(std::move(bucket)),
      port_(port),
      web_(web_client::start({}, system_clock(), make_thread_pool("asker", 1)).value()) {
  ask("PUT", "");
}

bucket_client::~bucket_client() {
  web_->end();
}

web_answer bucket_client::ask(const std::string& method, const std::string& key, const std::string& query,
                              const std::string& body, web_headers headers) const {
  web_order order;
  order.method = method;
  order.url = "http://127.0.0.1:" + std::to_string(port_) + "/" + bucket_ + (key.empty() ? "" : "/" + key) +
              (query.empty() ? "" : "?" + query);
  order.headers = std::move(headers);
  order.headers.emplace_back("x-amz-content-sha256", digest_of(body).hex());
  order.body = bytes::copy_of(body);
  order.identity = {"test:kiln", "kiln-secret", "aws:amz:eu-test-1:s3"};
  std::promise<expected<web_answer>> heard;
  web_->ask(std::move(order), 256 << 20,
            [&](expected<web_answer> answer) { heard.set_value(std::move(answer)); });
  auto answer = heard.get_future().get();
  if (!answer) throw std::runtime_error("Swift: " + answer.error().to_string());
  return *answer;
}

std::string new_bucket() {
  static std::atomic<int> last{0};
  return "bucket-" + std::to_string(++last);
}

}  // namespace kiln::test
