#pragma once

#include <memory>
#include <vector>

#include "core/base/disk.hpp"
#include "plugins/stores/s3/s3_engine.hpp"
#include "plugins/stores/s3/s3_keys.hpp"

namespace kiln::s3_store {

/// The keys of a store, as long as they are good: those that expire are fetched anew five minutes before,
/// once for all who wait; the shared file is looked at every minute. Any thread; works on the web client's.
class s3_key_chain : public std::enable_shared_from_this<s3_key_chain> {
public:
  s3_key_chain(s3_key_source source, std::shared_ptr<web_client> web, const environment& env,
               std::shared_ptr<thread_pool> reading);

  void get(steady_time until, done<s3_keys> then);
  /// The service says that they are good no more.
  void drop(const s3_keys& keys);

private:
  struct waiter {
    done<s3_keys> then;
  };
  bool is_fixed() const noexcept;
  bool is_fresh() const;
  void serve(steady_time until, done<s3_keys> then);
  void fetch();
  void fetched(expected<s3_keys> keys);
  void read_file(std::function<void(const std::string& text)> then);
  void ask(web_order order, std::function<void(const std::string& text)> then);
  void assume_role(const std::string& token);
  void ask_instance();

  const s3_key_source source_;
  const std::shared_ptr<web_client> web_;
  const environment env_;
  const std::shared_ptr<thread_pool> reading_;

  // On the web client's thread.
  std::optional<s3_keys> kept_;
  steady_time fetch_again_{};
  bool fetching_ = false;
  std::vector<std::shared_ptr<waiter>> waiting_;
};

}  // namespace kiln::s3_store
