#pragma once

#include <string>
#include <string_view>
#include <vector>

/// The little XML that S3 answers with: elements without attributes of meaning, and text. Nothing here fails:
/// what is not there is empty.
namespace kiln::s3_store {

/// The text of the first element of this name, its five entities resolved.
std::string text_in(std::string_view xml, std::string_view name);
/// What stands in each of the elements of this name, as it is; at most `most` of them.
std::vector<std::string_view> elements_in(std::string_view xml, std::string_view name, std::size_t most);
/// The first <Code> in there, if it is a word: for messages.
std::string error_code_in(std::string_view xml);

}  // namespace kiln::s3_store
