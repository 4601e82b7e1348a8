#pragma once

#include <curl/curl.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/net/web_client.hpp"
#include "core/net/web_loop.hpp"

namespace kiln {

/// One request and its answer, on the thread of its loop. What libcurl says is only written down; those who
/// wait are told from `serve`, when libcurl does not run, so that they may do anything.
class web_exchange : public std::enable_shared_from_this<web_exchange> {
public:
  web_exchange(std::shared_ptr<web_loop> loop, web_order order, web_client::done<web_reply> then);
  ~web_exchange();
  web_exchange(const web_exchange&) = delete;
  web_exchange& operator=(const web_exchange&) = delete;

  void start();
  /// For the loop: a handle to be run, or null.
  CURL* prepare();
  CURL* handle() const noexcept { return easy_; }
  bool is_over() const noexcept { return over_; }
  /// It has come to its end, as libcurl says.
  void finish(CURLcode how);
  void fail(error why);
  void serve();

  // For the body's reader.
  void want(blob_source::next then);
  void give_up();

private:
  struct list_end {
    void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
  };
  template <class Value>
  void set(CURLoption option, Value value) {
    curl_easy_setopt(easy_, option, value);
  }
  static std::size_t take_header(char* data, std::size_t one, std::size_t size, void* me) noexcept;
  static std::size_t take_body(char* data, std::size_t one, std::size_t size, void* me) noexcept;
  static std::size_t give_body(char* into, std::size_t one, std::size_t room, void* me) noexcept;
  static int rewind(void* me, curl_off_t offset, int origin) noexcept;
  std::size_t header_line(std::string_view line);
  std::size_t body_piece(std::string_view piece);
  std::size_t next_of_body(char* into, std::size_t room);

  bool has_body() const noexcept {
    return order_.source || order_.method == "PUT" || order_.method == "POST";
  }
  bool add_header(const std::string& line);
  void set_up_body();
  void set_up_identity();
  void pull_source();
  void take_from_source(expected<byte_chain> piece);
  void note();
  void end_with(error fault);
  void park_if_nobody_reads();
  error cause_of(CURLcode how) const;
  std::string host() const;

  const std::shared_ptr<web_loop> loop_;
  web_order order_;
  web_client::done<web_reply> then_;  ///< null once it was told of the head
  CURL* easy_ = nullptr;
  std::unique_ptr<curl_slist, list_end> list_;
  web_reply reply_;
  std::optional<web_loop::timer> late_;
  std::size_t head_size_ = 0;
  bool has_head_ = false;

  byte_chain received_;
  blob_source::next wanting_;
  std::uint64_t served_ = 0;  ///< how often somebody was given something: whether anybody reads
  bool receive_paused_ = false;

  byte_chain to_send_;  ///< what is left of the body, or of the source's last piece
  std::uint64_t sent_ = 0;
  bool pulling_ = false;
  bool send_paused_ = false;

  bool noted_ = false;
  bool over_ = false;  ///< nothing comes any more, but what was received
  error fault_;
};

}  // namespace kiln
