#include "actors/system/asked_target.hpp"

#include "actors/system/outbound.hpp"
#include "actors/system/plugins.hpp"

namespace kiln {
namespace {

std::string dialled_endpoint(const target_request& request) {
  bool encrypted =
      request.tls || !request.tls_ca.empty() || !request.tls_cert.empty() || !request.tls_key.empty();
  if (!encrypted || request.target.find("://") != std::string::npos) return request.target;
  return "grpcs://" + request.target;
}

}  // namespace

expected<std::vector<std::pair<std::string, std::string>>> platform_of(
    const std::vector<std::string>& words) {
  std::vector<std::pair<std::string, std::string>> platform;
  for (const auto& word : words) {
    auto cut = word.find('=');
    if (cut == std::string::npos)
      return fail(errc::invalid_argument, "--platform takes NAME=VALUE, not {}", word);
    platform.emplace_back(word.substr(0, cut), word.substr(cut + 1));
  }
  return platform;
}

expected<std::unique_ptr<asked_target>> asked_target::open(const target_request& request) {
  std::unique_ptr<asked_target> made(new asked_target);
  made->random_ = make_system_random();
  made->env_ =
      std::make_unique<environment>(environment{&system_clock(), made->random_.get(), nullptr, nullptr});
  auto plugins = load_plugins(request.plugins);
  if (!plugins) return fail(errc::unavailable, "{}", plugins.error().message());
  made->plugins_ = std::make_unique<plugin_registry>(std::move(*plugins));
  auto out =
      outbound_transport(*made->plugins_, *made->env_, {request.tls_ca, request.tls_cert, request.tls_key});
  if (!out) return fail(errc::unavailable, "{}", out.error().message());
  made->out_ = std::move(*out);
  made->endpoint_ = dialled_endpoint(request);
  if (auto suits = made->out_->suits(made->endpoint_); !suits)
    return fail(errc::invalid_argument, "{}", suits.error().message());
  made->token_ = request.token;
  return made;
}

call_metadata asked_target::metadata() const {
  if (token_.empty()) return {};
  return {{"authorization", "Bearer " + token_}};
}

bench::client asked_target::as_client(const std::string& instance) const {
  return {out_->dial(endpoint_), instance, metadata()};
}

conform::probe::setting asked_target::how() const {
  conform::probe::setting how;
  how.dial = [this] { return out_->dial(endpoint_); };
  how.metadata = metadata();
  how.time = env_->time;
  how.nonce = random_->next();
  return how;
}

int exit_code_of(const error& fault) noexcept {
  return fault.code() == errc::invalid_argument ? exit_usage : exit_unavailable;
}

}  // namespace kiln
