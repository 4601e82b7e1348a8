#include "plugins/transports/grpc/slices.hpp"

#include <array>
#include <vector>

namespace kiln::grpc_plugin {
namespace {

// Below this a copy costs less than the allocation and the counting that sharing takes.
constexpr std::size_t smallest_shared_piece = 1024;

// The slices as gRPC gave them. They must not move: what is tiny lies inside the slice itself. The message is
// held as well, and let go of last: whatever thread lets go, gRPC then gets ready for what it does when its
// quota is full. A slice alone does not (gRPC 1.51), and the process ended by that.
struct held_message {
  grpc::ByteBuffer whole;
  grpc::Slice only;
  std::vector<grpc::Slice> several;
  byte_charge charge;
};

bytes piece_of(const grpc::Slice& slice, std::shared_ptr<const held_message> owner) {
  return {reinterpret_cast<const char*>(slice.begin()), slice.size(), std::move(owner)};
}

grpc::Slice to_slice(const bytes& piece) {
  if (piece.size() < smallest_shared_piece) return {piece.data(), piece.size()};
  auto drop = [](void* owner) { delete static_cast<bytes*>(owner); };
  return {const_cast<char*>(piece.data()), piece.size(), drop, new bytes(piece)};
}

}  // namespace

byte_chain take_message(grpc::ByteBuffer& received, byte_charge charge) {
  auto held = std::make_shared<held_message>();
  held->charge = std::move(charge);
  byte_chain message;
  if (received.TrySingleSlice(&held->only).ok()) {
    message.append(piece_of(held->only, held));
  } else if (received.Dump(&held->several).ok()) {
    for (const grpc::Slice& slice : held->several) message.append(piece_of(slice, held));
  }
  held->whole.Swap(&received);
  return message;
}

grpc::ByteBuffer to_slices(const byte_chain& message) {
  auto pieces = message.pieces();
  if (pieces.size() <= 4) {
    std::array<grpc::Slice, 4> slices;
    for (std::size_t i = 0; i < pieces.size(); ++i) slices[i] = to_slice(pieces[i]);
    return {slices.data(), pieces.size()};
  }
  std::vector<grpc::Slice> slices;
  slices.reserve(pieces.size());
  for (const bytes& piece : pieces) slices.push_back(to_slice(piece));
  return {slices.data(), slices.size()};
}

}  // namespace kiln::grpc_plugin
