#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/store_kit/ask_all.hpp"

namespace kiln {

/// A blob of a batch that is to be lent, in which place, and its bytes.
struct copy_to_lend {
  std::size_t place = 0;
  digest blob;
  blob_source_ptr content;
};

/// For a store where some blobs lie in another form: a file has to be whole, so those are written to `inner`
/// as they are, where the copies stay until they are the ones used least, and are lent from there. `lent` is
/// what could be lent without, and gets the files in their places.
template <class Self>
void lend_copies(Self* self, const store_actor& inner, std::vector<copy_to_lend> copies, lent_files lent,
                 order_deadline until, answer<lent_files> asker) {
  auto places = std::make_shared<std::vector<std::size_t>>();
  lend_files again{{}, until};
  std::vector<std::optional<write_blob>> orders;
  for (auto& one : copies) {
    places->push_back(one.place);
    again.blobs.push_back(one.blob);
    orders.emplace_back(write_blob{one.blob, std::move(one.content), {}, until});
  }
  std::vector<store_actor> stores(orders.size(), inner);
  auto lend = [=, lent = std::move(lent)](std::vector<expected<receipt>> copied) mutable {
    auto give = [asker, lent = std::move(lent), places,
                 copied = std::move(copied)](expected<lent_files> files) mutable {
      for (std::size_t i = 0; i < places->size(); ++i) {
        auto& result = lent.results[(*places)[i]];
        if (!copied[i])
          result = failure(copied[i].error());
        else if (!files)
          result = failure(files.error());
        else if (i < files->results.size())
          result = std::move(files->results[i]);
      }
      asker.deliver(std::move(lent));
    };
    on_response(
        self->request(inner, caf::infinite, std::move(again)),
        [give](lent_files& files) mutable { give(std::move(files)); },
        [give](const caf::error& fault) mutable { give(failure(from_caf(fault))); });
  };
  ask_all(self, stores, std::move(orders), std::move(lend));
}

}  // namespace kiln
