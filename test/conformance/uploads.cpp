#include "test/conformance/uploads.hpp"

#include "core/wire/message.hpp"

namespace kiln::conformance {

namespace v2 = build::bazel::remote::execution::v2;

std::string uploaded_action::script() const {
  bool runs_one = command.arguments_size() == 3 && command.arguments(1) == "-c";
  return runs_one ? command.arguments(2) : std::string();
}

void uploads::note(const byte_chain& batch) {
  constexpr std::size_t largest = 4096;  // what describes actions; what is large is data
  if (batch.size() > 16 * largest) return;
  auto request = parse<v2::BatchUpdateBlobsRequest>(batch);
  if (!request) return;
  std::lock_guard hold(guard_);
  for (const auto& one : request->requests())
    if (one.data().size() <= largest) blobs_.emplace(one.digest().hash(), one.data());
}

std::optional<uploaded_action> uploads::find(const v2::Digest& action) const {
  std::lock_guard hold(guard_);
  uploaded_action found;
  if (!read(action, found.action)) return std::nullopt;
  read(found.action.command_digest(), found.command);
  read(found.action.input_root_digest(), found.root);
  return found;
}

template <class Message>
bool uploads::read(const v2::Digest& name, Message& into) const {
  auto found = blobs_.find(name.hash());
  return found != blobs_.end() && into.ParseFromString(found->second);
}

}  // namespace kiln::conformance
