#include "core/wire/parsed_weight.hpp"

#include "core/wire/field_reader.hpp"

namespace kiln {
namespace {

namespace pb = google::protobuf;

/// Of an element, at least: an object, its allocation, and the pointer to it.
constexpr std::uint64_t element = 64;
/// As deep as messages are parsed.
constexpr int deepest = 100;

/// As a field of this type lies in a message, unless it is packed.
wire_type form_of(const pb::FieldDescriptor& field) {
  using kind = pb::FieldDescriptor;
  switch (field.type()) {
    case kind::TYPE_STRING:
    case kind::TYPE_BYTES:
    case kind::TYPE_MESSAGE:
      return wire_type::length;
    case kind::TYPE_FIXED64:
    case kind::TYPE_SFIXED64:
    case kind::TYPE_DOUBLE:
      return wire_type::fixed64;
    case kind::TYPE_FIXED32:
    case kind::TYPE_SFIXED32:
    case kind::TYPE_FLOAT:
      return wire_type::fixed32;
    default:
      return wire_type::varint;
  }
}

class scale {
public:
  explicit scale(std::uint64_t most) : most_(most) {}
  std::uint64_t weight() const { return weight_; }

  void weigh(const pb::Descriptor& type, field_reader from, int depth) {
    std::uint32_t last = 0;
    const pb::FieldDescriptor* field = nullptr;
    while (weight_ <= most_ && from.next()) {
      if (from.number() != last) field = type.FindFieldByNumber(static_cast<int>(last = from.number()));
      if (from.type() == wire_type::group || from.type() == wire_type::end_group)
        weight_ = most_ + 1;
      else if (from.type() == wire_type::length && field != nullptr)
        weigh_text(*field, from, depth);
      else if (field == nullptr || from.type() != form_of(*field))
        weight_ += element + text_of(from);  // kept as an unknown field, whatever its number
      else if (field->is_repeated())
        weight_ += sizeof(std::uint64_t);
    }
  }

private:
  static std::size_t text_of(const field_reader& from) {
    return from.type() == wire_type::length ? from.size() : 0;
  }

  void weigh_text(const pb::FieldDescriptor& field, field_reader& from, int depth) {
    weight_ += element;
    if (field.type() == pb::FieldDescriptor::TYPE_MESSAGE) {
      if (from.size() > 0 && depth < deepest)
        weigh(*field.message_type(), field_reader(from.text()), depth + 1);
    } else if (field.is_packable()) {
      weight_ += from.size() * sizeof(std::uint64_t);
    } else {
      weight_ += from.size();
    }
  }

  const std::uint64_t most_;
  std::uint64_t weight_ = 0;
};

}  // namespace

std::uint64_t parsed_weight(const pb::Descriptor& type, const byte_chain& from, std::uint64_t most) {
  scale found(most);
  found.weigh(type, field_reader(from), 0);
  return found.weight();
}

}  // namespace kiln
