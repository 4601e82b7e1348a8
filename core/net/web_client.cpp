#include "core/net/web_client.hpp"

#include <utility>

#include "core/net/web_exchange.hpp"
#include "core/net/web_loop.hpp"

namespace kiln {

expected<std::shared_ptr<web_client>> web_client::start(const web_client_options& options, const clock& time,
                                                        std::unique_ptr<thread_pool> threads) {
  auto loop = std::make_shared<web_loop>(options, time);
  if (!loop->is_ready()) return fail(errc::internal, "libcurl does not start");
  if (auto posted = threads->post([loop] { loop->run(); }); !posted) return failure(posted.error());
  return std::shared_ptr<web_client>(new web_client(std::move(loop), std::move(threads)));
}

web_client::web_client(std::shared_ptr<web_loop> loop, std::unique_ptr<thread_pool> threads)
    : loop_(std::move(loop)), threads_(std::move(threads)) {}

web_client::~web_client() {
  end();
}

// What it owes is answered before this returns: those who are asked may be gone afterwards.
void web_client::end() {
  loop_->end();
  threads_->stop();
}

void web_client::send(web_order order, done<web_reply> then) {
  auto one = std::make_shared<web_exchange>(loop_, std::move(order), std::move(then));
  loop_->post([one] { one->start(); });
}

void web_client::ask(web_order order, std::size_t limit, done<web_answer> then) {
  send(std::move(order), [limit, then = std::move(then)](expected<web_reply> reply) {
    if (!reply) return then(failure(reply.error()));
    web_answer answer;
    static_cast<web_head&>(answer) = *reply;
    collect(std::move(reply->body), limit, [answer = std::move(answer), then](expected<bytes> body) mutable {
      if (!body) return then(failure(body.error()));
      answer.body = std::move(*body);
      then(std::move(answer));
    });
  });
}

void web_client::post(job next) {
  loop_->post(std::move(next));
}

void web_client::later(duration delay, job next) {
  loop_->post(
      [loop = loop_, delay, next = std::move(next)]() mutable { loop->later(delay, std::move(next)); });
}

}  // namespace kiln
