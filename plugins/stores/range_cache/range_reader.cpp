#include "plugins/stores/range_cache/range_reader.hpp"

namespace kiln::range_cache {

range_reader::~range_reader() {
  caf::anon_send(home_, resume{[giver = &giver_, number = number_] { giver->note_leaving(number); }});
}

void range_reader::read(next then) {
  if (rest_) return rest_->read(std::move(then));
  if (part_.begin == part_.end) return then(byte_chain());
  auto ask = [self = shared_from_this(), then = ensure_called(std::move(then))] {
    self->giver_.give(self, then);
  };
  caf::anon_send(home_, resume{std::move(ask)});
}

void range_reader::cancel(const error& why) noexcept {
  caf::anon_send(home_, resume{[self = shared_from_this(), why] {
                   self->giver_.note_leaving(self->number_);
                   if (self->rest_) self->rest_->cancel(why);
                 }});
}

}  // namespace kiln::range_cache
