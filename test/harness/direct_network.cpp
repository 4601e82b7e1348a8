#include "test/harness/direct_network.hpp"

#include <utility>

#include "core/admission/admission.hpp"

namespace kiln::test {
namespace {

class direct_outbound final : public outbound_call, public std::enable_shared_from_this<direct_outbound> {
public:
  explicit direct_outbound(std::shared_ptr<direct_call> wire) : wire_(std::move(wire)) {}
  ~direct_outbound() override { wire_->cancel(); }

  void listen() {
    wire_->watch([weak = weak_from_this()] {
      if (auto self = weak.lock()) self->serve();
    });
  }
  void write(byte_chain message, std::function<void(bool)> then) override {
    bool open = !wire_->end();
    if (open) wire_->send(std::move(message));
    then(open);
  }
  void writes_done() override { wire_->close(); }
  void read(std::function<void(expected<std::optional<byte_chain>>)> then) override {
    reader_ = std::move(then);
    serve();
  }
  void cancel() override { wire_->cancel(); }

private:
  void serve() {
    if (!reader_) return;
    auto messages = wire_->messages();
    auto end = wire_->end();
    if (heard_ == messages.size() && !end) return;
    auto then = std::exchange(reader_, nullptr);
    if (heard_ < messages.size()) return then(std::optional<byte_chain>(messages[heard_++]));
    if (end->ok()) return then(std::optional<byte_chain>());
    then(failure(*end));
  }

  const std::shared_ptr<direct_call> wire_;
  std::size_t heard_ = 0;
  std::function<void(expected<std::optional<byte_chain>>)> reader_;
};

class direct_channel final : public channel {
public:
  direct_channel(direct_network& network, std::string endpoint)
      : network_(network), endpoint_(std::move(endpoint)) {}
  std::shared_ptr<outbound_call> start(outbound_request request) override {
    auto outbound = std::make_shared<direct_outbound>(network_.start(endpoint_, std::move(request)));
    outbound->listen();
    return outbound;
  }

private:
  direct_network& network_;
  const std::string endpoint_;
};

class direct_transport final : public transport, private direct_network::listener {
public:
  direct_transport(direct_network& network, const direct_options& options, const transport_context& context)
      : network_(network),
        listen_(options.listen),
        admission_(std::make_shared<admission>(
            call_limits{options.max_calls, options.max_calls_per_client, 1U << 30, 1U << 30},
            call_stats(context.env.metrics, context.name), context.accounts, *context.env.time,
            context.hooks)) {}
  ~direct_transport() override {
    for (const auto& address : opened_) network_.close(address, *this);
    cut();
  }

  expected<void> serve(const router& routes) override {
    routes_ = &routes;
    for (const auto& address : listen_) {
      if (!network_.open(address, *this)) return fail(errc::unavailable, "{} is taken", address);
      opened_.push_back(address);
    }
    return {};
  }
  std::vector<std::string> addresses() const override { return opened_; }
  protection protects() const noexcept override { return protection::none; }

  void drain(duration patience, std::function<void()> drained) override {
    for (const auto& address : opened_) network_.close(address, *this);
    calls_->drained = std::move(drained);
    calls_->tell_if_none();
    network_.system().after(patience, [weak = std::weak_ptr(calls_)] {
      if (auto calls = weak.lock()) calls->cut();
    });
  }
  expected<dial_fit> suits(const std::string& endpoint) const override {
    if (!endpoint.starts_with(scheme)) return fail(errc::invalid_argument, "{} is not direct", endpoint);
    return dial_fit::possible;
  }
  std::shared_ptr<channel> dial(const std::string& endpoint) override {
    auto name = endpoint.substr(endpoint.starts_with(scheme) ? scheme.size() : 0);
    return std::make_shared<direct_channel>(network_, std::move(name));
  }

private:
  struct call_table {
    std::vector<std::shared_ptr<direct_call>> open;
    std::function<void()> drained;

    void tell_if_none() {
      std::erase_if(open, [](const auto& one) { return one->end().has_value(); });
      if (open.empty() && drained) std::exchange(drained, nullptr)();
    }
    void cut() {
      for (const auto& one : std::vector(open)) one->cancel({errc::unavailable, "the server has gone away"});
    }
  };

  void cut() { calls_->cut(); }

  void admit(const std::shared_ptr<direct_call>& incoming) override {
    calls_->open.push_back(incoming);
    incoming->watch([weak = std::weak_ptr(calls_)] {
      if (auto calls = weak.lock()) calls->tell_if_none();
    });
    auto info = incoming->info();
    auto entered = admission_->admit(info, *routes_);
    if (!entered) return incoming->finish(std::move(entered).error());
    incoming->watch([admitted = entered->call, info, weak = std::weak_ptr(incoming)] {
      auto call = weak.lock();
      if (auto end = call ? call->end() : std::nullopt) admitted->settle(info, *end);
    });
    const auto* where = entered->where;
    if (where->takes == requests::many) return dispatch(*where, incoming, {});
    incoming->read([incoming, where, entered = entered->call](expected<std::optional<byte_chain>> first) {
      if (!first) return incoming->finish(std::move(first).error());
      if (!*first) return incoming->finish({errc::internal, "the call has no request"});
      entered->received(incoming->info(), **first);
      dispatch(*where, incoming, std::move(**first));
    });
  }

  static constexpr std::string_view scheme = "direct://";

  direct_network& network_;
  const std::vector<std::string> listen_;
  const std::shared_ptr<admission> admission_;
  std::vector<std::string> opened_;
  const router* routes_ = nullptr;
  const std::shared_ptr<call_table> calls_ = std::make_shared<call_table>();
};

schema<direct_options> direct_schema() {
  return schema<direct_options>{"Calls within one process."}
      .field("listen", &direct_options::listen, "Names under which others find the node.")
      .field("max_calls", &direct_options::max_calls, "Calls in flight.", at_least(1U))
      .field("max_calls_per_client", &direct_options::max_calls_per_client, "The same for one client.",
             at_least(1U));
}

}  // namespace

std::shared_ptr<direct_call> direct_network::start(const std::string& endpoint, outbound_request request) {
  auto call = std::make_shared<direct_call>(std::move(request.method), std::move(request.metadata));
  call->set_peer("direct:0");
  auto found = listeners_.find(endpoint);
  if (found == listeners_.end()) {
    call->cancel({errc::unavailable, "nobody listens at " + endpoint});
    return call;
  }
  if (request.timeout) {
    call->set_deadline(system_.env().time->now() + *request.timeout);
    system_.after(*request.timeout, [weak = std::weak_ptr(call)] {
      if (auto late = weak.lock()) late->cancel({errc::deadline_exceeded, "the deadline is over"});
    });
  }
  found->second->admit(call);
  return call;
}

direct_plugin::direct_plugin(direct_network& network)
    : network_(network), schema_(std::make_shared<kiln::schema<direct_options>>(direct_schema())) {}

expected<std::unique_ptr<transport>> direct_plugin::make(const std::any& options,
                                                         const transport_context& context) const {
  return std::make_unique<direct_transport>(network_, std::any_cast<const direct_options&>(options), context);
}

}  // namespace kiln::test
