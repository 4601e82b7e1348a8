#include "plugins/stores/size_partitioning/size_partitioning_options.hpp"

namespace kiln {

schema<size_partitioning_options> size_partitioning_schema() {
  return schema<size_partitioning_options>{
      "Keeps small and large blobs apart, each in the store that suits them."}
      .required("threshold", &size_partitioning_options::threshold,
                "Blobs of fewer bytes are small, all others large.", at_least(byte_size{1}))
      .store("small", &size_partitioning_options::small, "Where small blobs go.")
      .store("large", &size_partitioning_options::large, "Where large blobs go.")
      .check([](const size_partitioning_options& options) -> expected<void> {
        if (options.small == options.large)
          return fail(errc::invalid_argument, "small and large are the same store, {}", options.small.name);
        return {};
      });
}

expected<store_promises> size_partitioning_promises(const size_partitioning_options& options,
                                                    const promises_of& of) {
  return promised_together({of(options.small), of(options.large)});
}

}  // namespace kiln
