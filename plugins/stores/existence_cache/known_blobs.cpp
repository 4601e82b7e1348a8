#include "plugins/stores/existence_cache/known_blobs.hpp"

namespace kiln::existence {

known_blobs::knowledge known_blobs::look_up(const digest& blob) {
  const steady_time* since = there_.find(blob);
  if (since == nullptr) return knowledge::none;
  const auto age = time_.now() - *since;
  if (age >= limits_.max_age) {
    there_.erase(blob);
    return knowledge::none;
  }
  return age >= limits_.touch_every ? knowledge::due : knowledge::fresh;
}

void known_blobs::confirm(const digest& blob, epoch asked_in) {
  if (epoch_of(blob) == asked_in) remember(blob);
}

void known_blobs::remember(const digest& blob) {
  if (steady_time* since = there_.find(blob))
    *since = time_.now();
  else
    (void)there_.insert(blob, time_.now(), 1);  // there is room for one
}

void known_blobs::note_missing(const digest& blob) {
  if (there_.erase(blob)) ++epochs_[place_of(blob)];
}

void known_blobs::drop(const digest& blob) {
  ++epochs_[place_of(blob)];
  there_.erase(blob);
}

void known_blobs::drop_all() {
  for (auto& one : epochs_) ++one;
  there_.shed(there_.weight());
}

}  // namespace kiln::existence
