#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/disk.hpp"
#include "core/base/error.hpp"

/// Users that actions run as.
namespace kiln {

struct user_range {
  user_number first = 0;
  user_number last = 0;

  std::uint64_t size() const noexcept { return std::uint64_t{last} - first + 1; }
  std::string to_string() const { return fmt::format("{}-{}", first, last); }
};

/// What the option says: "auto", "none" or a range, "200000-200999".
struct wanted_users {
  bool any = false;  ///< if Kiln may; otherwise its own user will do
  std::optional<user_range> range;
};
expected<wanted_users> parse_users(std::string_view text);

/// Which of these users no action has at the moment. Any thread.
class action_users {
public:
  explicit action_users(user_range all) : all_(all) {}

  const user_range& all() const noexcept { return all_; }
  /// RESOURCE_EXHAUSTED when all have an action or what is left of one.
  expected<user_number> take();
  void give_back(user_number which);

private:
  const user_range all_;
  std::mutex mutex_;
  std::uint64_t never_taken_ = 0;
  std::vector<user_number> given_back_;
};

/// The users for actions in the work folder `folder`, of which at least `least` are needed; or null with the
/// reason in `why`, where none are wanted or any would do and Kiln may not. FAILED_PRECONDITION where a range
/// is wanted that cannot be had.
expected<std::shared_ptr<action_users>> find_action_users(const wanted_users& wanted,
                                                          const std::string& folder, std::uint64_t least,
                                                          std::string& why);

}  // namespace kiln
