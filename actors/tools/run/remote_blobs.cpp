#include "actors/tools/run/remote_blobs.hpp"

#include <deque>
#include <memory>

namespace kiln::rehearsal {

std::future<expected<bytes>> remote_blobs::begin_reading(const digest& blob) const {
  auto said = std::make_shared<std::promise<expected<bytes>>>();
  auto coming = said->get_future();
  if (is_empty_blob(blob))
    said->set_value(bytes());
  else
    collect(from_.open(blob), static_cast<std::size_t>(blob.size),
            [said](expected<bytes> all) { said->set_value(std::move(all)); });
  return coming;
}

expected<bytes> remote_blobs::checked(const digest& blob, std::future<expected<bytes>>& coming) {
  auto content = signals_.until(coming);
  if (!content) return content;
  if (auto real = digest_of(content->view(), blob.function); real != blob)
    return fail(errc::data_loss, "the server answers blob {} with the bytes of {}", blob, real);
  return content;
}

expected<bytes> remote_blobs::read(const digest& blob) {
  auto coming = begin_reading(blob);
  return checked(blob, coming);
}

std::vector<expected<bytes>> remote_blobs::read_all(std::span<const digest> blobs) {
  std::vector<expected<bytes>> all;
  std::deque<std::future<expected<bytes>>> coming;
  for (std::size_t begun = 0; all.size() < blobs.size();) {
    for (; begun < blobs.size() && coming.size() < at_once; ++begun)
      coming.push_back(begin_reading(blobs[begun]));
    all.push_back(checked(blobs[all.size()], coming.front()));
    coming.pop_front();
  }
  return all;
}

}  // namespace kiln::rehearsal
