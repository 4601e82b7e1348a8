#pragma once

#include <unistd.h>

#include <utility>

namespace kiln {

/// A socket with an owner. -1 is none.
class owned_socket {
public:
  owned_socket() noexcept = default;
  explicit owned_socket(int number) noexcept : number_(number) {}
  ~owned_socket() { reset(); }
  owned_socket(owned_socket&& other) noexcept : number_(other.release()) {}
  owned_socket& operator=(owned_socket&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  owned_socket(const owned_socket&) = delete;
  owned_socket& operator=(const owned_socket&) = delete;

  int number() const noexcept { return number_; }
  int release() noexcept { return std::exchange(number_, -1); }
  void reset() noexcept {
    if (number_ >= 0) ::close(release());
  }

private:
  int number_ = -1;
};

}  // namespace kiln
