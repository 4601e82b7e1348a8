#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "core/contract/transport.hpp"
#include "plugins/transports/grpc/completion.hpp"
#include "plugins/transports/grpc/hub.hpp"

namespace kiln::grpc_plugin {

/// One RPC that we make.
///
/// Any thread records what it wants, under a lock. One thread at a time starts operations in gRPC, without
/// the lock: the first that finds none at it does so for all. So operations follow the order that gRPC's
/// client demands, whoever asks for them and when.
class outbound_stream final : public outbound_call,
                              public outbound_user,
                              public std::enable_shared_from_this<outbound_stream> {
public:
  using message_in = std::function<void(expected<std::optional<byte_chain>>)>;

  /// The call as its maker holds it: dropping it cancels what has not ended.
  static std::shared_ptr<outbound_call> start(std::shared_ptr<outbound_hub> hub,
                                              std::shared_ptr<grpc::Channel> channel,
                                              const outbound_request& request);
  /// A call that has ended before it began.
  static std::shared_ptr<outbound_call> failed(error why);

  outbound_stream(std::shared_ptr<outbound_hub> hub, std::shared_ptr<grpc::Channel> channel,
                  const outbound_request& request);

  void write(byte_chain message, std::function<void(bool)> then) override;
  void writes_done() override;
  void read(message_in then) override;
  void cancel() override;
  /// Cancels, and sees to it that everything comes back although nobody reads any more.
  void give_up() override;

private:
  /// What can be started in gRPC.
  enum class step { none, open_with_message, open, send, send_last, close, receive, ask_status };

  expected<void> prepare(const outbound_request& request);
  void drive();
  step next_step();
  void perform(step what);
  expected<std::optional<byte_chain>> last_answer() const;

  template <class Then>
  void hand_on(Then then);
  void sent(bool ok);
  void received(bool ok);
  void concluded(bool ok);

  const std::shared_ptr<outbound_hub> hub_;
  const std::string method_;
  grpc::ClientContext context_;
  grpc::GenericStub stub_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;

  // All below is guarded, except while one operation that was started with it is under way.
  std::mutex mutex_;
  bool driven_ = false;   // a thread is starting operations
  bool opened_ = false;   // the RPC was started
  bool dropped_ = false;  // its maker has let go of it
  bool sending_ = false;
  bool close_wanted_ = false;
  bool closed_ = false;     // nothing more will be sent
  bool receiving_ = false;  // a message or the status
  bool no_more_messages_ = false;
  bool over_ = false;  // the status is known
  bool outgoing_waits_ = false;
  grpc::ByteBuffer outgoing_;
  std::function<void(bool)> write_then_;
  message_in read_then_;
  grpc::ByteBuffer incoming_;
  grpc::Status status_;
  error end_;                               // ok for an RPC that ended well
  std::shared_ptr<outbound_stream> alive_;  // until everything that was started has come back

  event_of<outbound_stream> sent_{this, &outbound_stream::sent};
  event_of<outbound_stream> received_{this, &outbound_stream::received};
  event_of<outbound_stream> concluded_{this, &outbound_stream::concluded};
};

}  // namespace kiln::grpc_plugin
