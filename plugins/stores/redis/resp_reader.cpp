#include "plugins/stores/redis/resp_reader.hpp"

#include <hiredis/read.h>

#include <cstring>
#include <new>
#include <utility>

namespace kiln::redis_store {
namespace {

// Far more than any answer that we ask for has, the slots of a large cluster included.
constexpr int most_items = 1 << 17;
// Of what a server says of itself, and of the size that stands before a text.
constexpr std::size_t longest_line = 64 << 10;
constexpr std::size_t longest_size = 64;

// A line has no size in front of it, so one without an end would be kept for as long as it comes.
bool has_no_end(const redisReader& from) noexcept {
  const std::size_t come = from.len - from.pos;
  if (from.ridx < 0 || come <= longest_size) return false;
  if (from.rstack[from.ridx].type != REDIS_REPLY_STRING) return come > longest_line;
  return std::memchr(from.buf + from.pos, '\r', longest_size) == nullptr;
}

// hiredis calls these from C, so nothing is thrown: null is "no memory" to it.
resp_reply* place_for(const redisReadTask* task) noexcept {
  if (task->parent == nullptr) return new (std::nothrow) resp_reply;
  auto& items = static_cast<resp_reply*>(task->parent->obj)->items;
  return &items[static_cast<std::size_t>(task->idx)];
}

resp_reply::kind kind_of(int type) noexcept {
  if (type == REDIS_REPLY_ERROR) return resp_reply::kind::fault;
  return type == REDIS_REPLY_STATUS ? resp_reply::kind::word : resp_reply::kind::text;
}

void* make_text(const redisReadTask* task, char* text, std::size_t size) noexcept {
  auto* made = place_for(task);
  if (made == nullptr) return nullptr;
  try {
    made->text = bytes::copy_of({text, size});
  } catch (const std::bad_alloc&) {
    if (task->parent == nullptr) delete made;
    return nullptr;
  }
  made->what = kind_of(task->type);
  return made;
}

void* make_list(const redisReadTask* task, int count) noexcept {
  if (count < 0 || count > most_items) return nullptr;
  auto* made = place_for(task);
  if (made == nullptr) return nullptr;
  try {
    made->items.resize(static_cast<std::size_t>(count));
  } catch (const std::bad_alloc&) {
    if (task->parent == nullptr) delete made;
    return nullptr;
  }
  made->what = resp_reply::kind::list;
  return made;
}

void* make_number(const redisReadTask* task, long long value) noexcept {
  auto* made = place_for(task);
  if (made == nullptr) return nullptr;
  made->what = resp_reply::kind::number;
  made->number = value;
  return made;
}

void* make_nothing(const redisReadTask* task) noexcept {
  return place_for(task);
}

// Only ever of the outermost: the others lie in it.
void drop(void* reply) noexcept {
  delete static_cast<resp_reply*>(reply);
}

redisReplyObjectFunctions makers = {make_text, make_list, make_number, make_nothing, drop};

}  // namespace

void resp_reader::closer::operator()(redisReader* reader) const noexcept {
  redisReaderFree(reader);
}

resp_reader::resp_reader(std::size_t most) : reader_(redisReaderCreateWithFunctions(&makers)), most_(most) {
  if (!reader_) throw std::bad_alloc();
}

expected<void> resp_reader::feed(const char* data, std::size_t size) {
  if (reader_->len - reader_->pos + size > most_)
    return fail(errc::data_loss, "an answer of more than {} bytes came, and none was asked for", most_);
  if (redisReaderFeed(reader_.get(), data, size) != 0)
    return fail(errc::resource_exhausted, "there is no memory for an answer of the server");
  return {};
}

expected<std::optional<resp_reply>> resp_reader::next() {
  void* found = nullptr;
  if (redisReaderGetReply(reader_.get(), &found) != 0)
    return fail(errc::data_loss, "what came is no answer of Redis: {}", reader_->errstr);
  if (found == nullptr && has_no_end(*reader_))
    return fail(errc::data_loss, "what came is no answer of Redis: a line of more than {} bytes",
                longest_line);
  if (found == nullptr) return std::nullopt;
  std::unique_ptr<resp_reply> whole(static_cast<resp_reply*>(found));
  return std::move(*whole);
}

}  // namespace kiln::redis_store
