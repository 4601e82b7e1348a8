#include "test/contract/sources.hpp"

#include <cstring>
#include <stdexcept>
#include <utility>

namespace kiln::contract {
namespace {

bool noise_in_digits = false;

class delivering final : public blob_source, public std::enable_shared_from_this<delivering> {
public:
  delivering(std::string content, delivery how) : content_(bytes::adopt(std::move(content))), how_(how) {
    if (how.from_elsewhere) elsewhere_ = make_thread_pool("elsewhere", 1);
  }

  void read(next then) override {
    if (!elsewhere_) return then(piece());
    (void)elsewhere_->post([self = shared_from_this(), then = std::move(then)] { then(self->piece()); });
  }

private:
  expected<byte_chain> piece() {
    if (at_ == content_.size() && how_.fault) return failure(*how_.fault);
    bytes next = content_.slice(at_, how_.piece);
    at_ += next.size();
    return byte_chain(std::move(next));
  }

  const bytes content_;
  const delivery how_;
  std::unique_ptr<thread_pool> elsewhere_;
  std::size_t at_ = 0;
};

}  // namespace

void write_noise_in_digits(bool digits) {
  noise_in_digits = digits;
}

std::string noise(std::size_t size, std::uint64_t seed) {
  // splitmix64: tests are not optimised, and make gigabytes of it.
  std::string text((size + 7) / 8 * 8, '\0');
  std::uint64_t state = (seed * 7919 + size) * 0xd1342543de82ef95;
  for (char *at = text.data(), *end = at + text.size(); at != end; at += 8) {
    std::uint64_t word = (state += 0x9e3779b97f4a7c15);
    word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
    word = (word ^ word >> 27) * 0x94d049bb133111eb;
    word ^= word >> 31;
    std::memcpy(at, &word, 8);
  }
  text.resize(size);
  // Each byte becomes one digit: half of what it says is gone.
  if (noise_in_digits)
    for (char& one : text) one = "0123456789abcdef"[static_cast<unsigned char>(one) & 15];
  return text;
}

expected<std::string> drain(blob_content content) {
  auto text = std::make_shared<std::string>(content.head.flatten().view());
  if (!content.rest) return std::move(*text);
  auto end = std::make_shared<std::promise<expected<void>>>();
  pump(
      std::move(content.rest),
      [text](const byte_chain& pieces) -> expected<void> {
        for (const auto& piece : pieces.pieces()) *text += piece.view();
        return {};
      },
      [end](expected<void> result) { end->set_value(std::move(result)); });
  auto ended = wait(end->get_future());
  if (!ended) return failure(ended.error());
  return std::move(*text);
}

blob_source_ptr deliver(std::string content, delivery how) {
  return std::make_shared<delivering>(std::move(content), std::move(how));
}

void hand_fed::read(next then) {
  std::lock_guard lock(mutex_);
  waiting_ = std::move(then);
  was_read_ = true;
  asked_.notify_all();
}

void hand_fed::feed(expected<byte_chain> piece) {
  take()(std::move(piece));
}

void hand_fed::vanish() {
  take();
}

bool hand_fed::was_read() const {
  std::lock_guard lock(mutex_);
  return was_read_;
}

blob_source::next hand_fed::take() {
  std::unique_lock lock(mutex_);
  if (!asked_.wait_for(lock, patience, [this] { return waiting_ != nullptr; }))
    throw std::runtime_error("the store never asked for more");
  return std::exchange(waiting_, nullptr);
}

}  // namespace kiln::contract
