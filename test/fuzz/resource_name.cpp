#include "core/wire/resource_name.hpp"
#include "core/wire/output_name.hpp"

#include "test/fuzz/fuzz.hpp"

using namespace kiln;
using namespace kiln::test;

namespace {

bool same(const resource_name& left, const resource_name& right) {
  return left.instance == right.instance && left.blob == right.blob && left.form == right.form &&
         left.uuid == right.uuid;
}

}  // namespace

// A name that is taken has one meaning: written anew, it reads the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = text_of(data, size);
  auto read = parse_read_name(text);
  auto write = parse_write_name(text);
  must(!(read && write), "no name is both of a blob and of an upload");
  if (names_output(text)) must(!read && !write, "no name is both of a blob and of an output");
  if (auto output = parse_output_name(text))
    must(make_output_name(*output) == text, "a name of an output is written in one way");
  if (read) {
    must(read->blob.size >= 0 && read->uuid.empty(), "a blob has a size and no upload");
    must(check_instance_name(read->instance).has_value(), "what a name says of its instance can be one");
    must(make_read_name(*read).size() <= size, "nothing was read that is not there");
    auto again = parse_read_name(make_read_name(*read));
    must(again && same(*again, *read), "a name to read, written, reads the same");
  }
  if (write) {
    must(write->blob.size >= 0 && !write->uuid.empty(), "an upload has a size and an id");
    must(check_instance_name(write->instance).has_value(), "what an upload says of its instance can be one");
    auto again = parse_write_name(make_write_name(*write));
    must(again && same(*again, *write), "a name to write, written, reads the same");
  }
  return 0;
}
