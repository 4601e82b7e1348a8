#include "actors/tools/conform/transcript.hpp"

#include <google/protobuf/text_format.h>
#include <google/rpc/error_details.pb.h>

#include <memory>
#include <utility>

namespace kiln::conform {
namespace {

namespace pb = google::protobuf;

constexpr std::size_t longest_text = 200;  // a resource name
constexpr std::size_t longest_bytes = 24;
constexpr std::size_t longest_message = 1000;
constexpr int max_elements = 4;

void show(const pb::Message& message, std::string& into);

std::string quoted(std::string_view bytes, std::size_t longest) {
  std::string text = "\"";
  for (char c : bytes.substr(0, longest)) {
    auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      text += std::string("\\") + c;
    else if (code < 0x20 || code >= 0x7f)
      text += fmt::format("\\x{:02x}", code);
    else
      text += c;
  }
  text += '"';
  if (bytes.size() > longest) text += fmt::format("... ({} bytes)", bytes.size());
  return text;
}

// The whole of a large message must not be walked for a line that is cut anyway.
bool full(const std::string& text) {
  return text.size() > longest_message;
}

void show_value(const pb::Message& of, const pb::FieldDescriptor* field, int index, std::string& into) {
  const auto* reflection = of.GetReflection();
  bool repeated = field->is_repeated();
  switch (field->cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_MESSAGE:
      into += "{";
      show(repeated ? reflection->GetRepeatedMessage(of, field, index) : reflection->GetMessage(of, field),
           into);
      into += "}";
      return;
    case pb::FieldDescriptor::CPPTYPE_STRING: {
      std::string scratch;
      const auto& text = repeated ? reflection->GetRepeatedStringReference(of, field, index, &scratch)
                                  : reflection->GetStringReference(of, field, &scratch);
      into += quoted(text, field->type() == pb::FieldDescriptor::TYPE_BYTES ? longest_bytes : longest_text);
      return;
    }
    case pb::FieldDescriptor::CPPTYPE_ENUM:
      into += repeated ? reflection->GetRepeatedEnum(of, field, index)->name()
                       : reflection->GetEnum(of, field)->name();
      return;
    default: {
      std::string number;
      pb::TextFormat::PrintFieldValueToString(of, field, repeated ? index : -1, &number);
      into += number;
    }
  }
}

void show(const pb::Message& message, std::string& into) {
  std::vector<const pb::FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  bool first = true;
  for (const auto* field : fields) {
    int count = field->is_repeated() ? message.GetReflection()->FieldSize(message, field) : 1;
    for (int i = 0; i < count && !full(into); ++i) {
      if (!std::exchange(first, false)) into += " ";
      if (i == max_elements) {
        into += fmt::format("({} more of {})", count - i, field->name());
        break;
      }
      into += field->name() + ": ";
      show_value(message, field, i, into);
    }
  }
}

std::string shown(const error_detail& detail) {
  auto name = detail.type_url.substr(detail.type_url.rfind('/') + 1);
  const auto* type = pb::DescriptorPool::generated_pool()->FindMessageTypeByName(name);
  if (type == nullptr) return name;
  std::unique_ptr<pb::Message> message(pb::MessageFactory::generated_factory()->GetPrototype(type)->New());
  if (!message->ParseFromString(detail.value)) return name + " (garbled)";
  return fmt::format("{}{{{}}}", name, kiln::conform::shown(*message));
}

}  // namespace

std::string shown(const pb::Message& message) {
  std::string text;
  show(message, text);
  if (full(text)) text.resize(longest_message), text += " ...";
  return text.empty() ? "(empty)" : text;
}

std::string shown(const error& status) {
  auto text = status.to_string();
  for (const auto& detail : status.details()) text += " + " + shown(detail);
  return text;
}

std::string shown(std::string_view bytes) {
  return quoted(bytes, longest_bytes);
}

// The first ones tell what it was about, the last one how it went on.
void said::note(std::string message) {
  constexpr std::size_t most = 6;
  if (++count > most) kept.pop_back();
  kept.push_back(std::move(message));
}

}  // namespace kiln::conform
