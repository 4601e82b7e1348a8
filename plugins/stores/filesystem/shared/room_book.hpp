#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "plugins/stores/filesystem/shared/shared_engine.hpp"

namespace kiln::filesystem {

/// To take room for what is to be written, or to give back what was taken.
struct room_order {
  usage_file::wish what;
  bool gives_back = false;
  std::function<void(expected<bool>)> then;  ///< whether there was room; runs in the actor
};
struct room_outcome {
  std::function<void(expected<bool>)> then;
  expected<bool> result;
};

/// Takes room and gives it back, for many at a time. One thread at a time; for thread pool threads.
class room_book {
public:
  static disk_result<room_book> open(shared_engine_ptr with);

  std::vector<room_outcome> work(std::vector<room_order> orders) noexcept;
  disk_result<usage_file::totals> totals() { return usage_.read(); }

private:
  room_book(shared_engine_ptr with, usage_file usage) : with_(std::move(with)), usage_(std::move(usage)) {}
  disk_result<std::vector<bool>> admit(const std::vector<usage_file::wish>& wanted);
  disk_result<std::vector<bool>> carry_out(const std::vector<room_order>& orders);

  shared_engine_ptr with_;
  usage_file usage_;
};

}  // namespace kiln::filesystem
