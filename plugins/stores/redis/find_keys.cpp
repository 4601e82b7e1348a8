#include "plugins/stores/redis/find_keys.hpp"

#include <algorithm>
#include <utility>

namespace kiln::redis_store {
namespace {

bool is_there(const keyed_store& where, const digest& blob, const resp_reply& length) {
  if (!where.holds_content()) return length.number > 0;
  return length.number == blob.size;
}

/// Of some blobs, which are there; or why that is not known.
using found_flags = std::vector<bool>;

pipeline question_about(const keyed_store& where, const digest* first, std::size_t count, steady_time until) {
  pipeline question;
  question.repeatable = true;
  question.until = until;
  question.commands.reserve(count * where.commands_per_key());
  question.answer_size = 16 * count;
  for (std::size_t i = 0; i < count; ++i) {
    const auto key = where.names.of(first[i]);
    question.commands.push_back(key_command({"STRLEN", key}));
    where.add_touch(question.commands, key);
  }
  return question;
}

// Something of another kind under the key is as good as nothing.
expected<found_flags> read_flags(const keyed_store& where, const digest* first, std::size_t count,
                                 const replies& answers) {
  found_flags flags(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto& length = answers[i * where.commands_per_key()];
    if (length)
      flags[i] = is_there(where, first[i], *length);
    else if (length.error().code() != errc::not_found)
      return failure(length.error());
  }
  return flags;
}

}  // namespace

void find_missing_keys(const keyed_ptr& where, find_missing order, done<missing_blobs> then) {
  auto asked =
      std::make_shared<const std::vector<digest>>(named_once_of(order.blobs, where->holds_content()));
  const std::size_t at_once = most_in_pipeline / where->commands_per_key();
  const std::size_t questions = (asked->size() + at_once - 1) / at_once;
  auto all = std::make_shared<gathering<found_flags>>(
      questions, [asked, at_once, then = std::move(then)](const std::vector<expected<found_flags>>& parts) {
        missing_blobs missing;
        for (std::size_t i = 0; i < parts.size(); ++i) {
          if (!parts[i]) return then(failure(parts[i].error()));
          for (std::size_t k = 0; k < parts[i]->size(); ++k)
            if (!(*parts[i])[k]) missing.blobs.push_back((*asked)[i * at_once + k]);
        }
        then(std::move(missing));
      });
  // All at once: how much of it is under way is the node's to decide.
  for (std::size_t i = 0; i < questions; ++i) {
    const digest* first = asked->data() + i * at_once;
    const std::size_t count = std::min(at_once, asked->size() - i * at_once);
    where->client->run(question_about(*where, first, count, order.until),
                       [where, asked, all, first, count, i](const outcome& what) {
                         all->settle(i, read_flags(*where, first, count, what.answers));
                       });
  }
  all->close();
}

}  // namespace kiln::redis_store
