#pragma once

#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/support/byte_buffer.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>

#include "core/admission/admission.hpp"
#include "core/base/clock.hpp"
#include "core/base/thread_pool.hpp"
#include "core/contract/call.hpp"
#include "core/contract/router.hpp"
#include "plugins/transports/grpc/completion.hpp"

namespace kiln::grpc_plugin {

/// What all inbound calls of a server share. Outlives each until it has settled.
struct call_acceptor {
  grpc::AsyncGenericService service;
  const router& routes;
  const clock& time;
  std::shared_ptr<admission> admitting;
  std::size_t max_message_size;
  /// Of what clients compressed: the queues' threads have others to serve.
  std::unique_ptr<thread_pool> unpacking;
  bool identifies = false;  ///< every client shows a certificate
  wait_group open{};        ///< calls waited for, and calls that have not settled
};

/// One RPC from the moment that it is waited for.
///
/// It lives as long as somebody holds it as a `call`, and until it has *settled*: gRPC has said that it is
/// over and every operation has come back. From then on no operation can be started, so the queue may go.
class inbound_call final : public call {
public:
  /// Waits on this queue for the next RPC, answers it, and has the next one waited for.
  static void await(call_acceptor& home, grpc::ServerCompletionQueue& queue);

  const call_info& info() const noexcept override { return info_; }
  void read(message_in then) override;
  void write(byte_chain message, std::function<void(bool)> then) override;
  void finish(error status) override;
  void reply(byte_chain message) override;
  void on_cancel(std::function<void()> then) override;
  bool cancelled() const noexcept override { return cancelled_ || client_gone_; }

private:
  // The bits of `state_`. The first four are what is under way.
  enum : unsigned {
    arriving = 1,  // from the wait to the handler's return
    reading = 2,
    writing = 4,
    finishing = 8,
    under_way = arriving | reading | writing | finishing,
    over = 16,     // gRPC has said that nothing more will go in or out
    claimed = 32,  // somebody has the last word
    ready = 64,    // ... and has written it down
  };

  inbound_call(call_acceptor& home, grpc::ServerCompletionQueue& queue);

  void accepted(bool ok);
  void has_read(bool ok);
  void take_read(bool ok);
  void has_written(bool ok);
  void has_finished(bool ok);
  void is_over(bool ok);

  void learn_info();
  void has_first(bool ok);
  void take_first(bool ok);
  void unpack_aside(void (inbound_call::*then)(bool));
  void hand_over(byte_chain message);
  template <class Then>
  void hand_on(Then then);
  expected<std::optional<byte_chain>> received(bool ok);
  bool begin(unsigned operation);
  /// `message` is valid if it goes along with an ok status.
  void last_word(error status, grpc::ByteBuffer message = {}, byte_charge waiting = {});
  void start_finish();
  /// After what was under way has come back: settles the call if it was the last.
  void ended(unsigned what);
  void settle_if(unsigned state);
  void let_go();

  call_acceptor* home_;  // not to be touched after the call has settled
  grpc::ServerCompletionQueue& queue_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_{&context_};
  call_info info_;
  std::shared_ptr<admitted_call> admitted_;
  const route* where_ = nullptr;

  std::atomic<unsigned> state_{arriving};
  std::atomic<unsigned> holders_{1};
  grpc::ByteBuffer incoming_;
  message_in read_then_;
  std::function<void(bool)> write_then_;
  byte_charge written_charge_;  // while a write is under way
  error status_;
  grpc::ByteBuffer last_message_;
  byte_charge last_charge_;

  std::mutex cancel_mutex_;
  std::function<void()> cancel_then_;
  std::atomic<bool> cancelled_{false};
  std::atomic<bool> client_gone_{false};  // a read has told so, maybe before the call is over

  event_of<inbound_call> accepted_{this, &inbound_call::accepted};
  event_of<inbound_call> first_{this, &inbound_call::has_first};
  event_of<inbound_call> read_{this, &inbound_call::has_read};
  event_of<inbound_call> written_{this, &inbound_call::has_written};
  event_of<inbound_call> finished_{this, &inbound_call::has_finished};
  event_of<inbound_call> over_{this, &inbound_call::is_over};
};

}  // namespace kiln::grpc_plugin
