#include <array>
#include <cstdio>

#include "actors/system/commands.hpp"
#include "actors/system/configuration.hpp"
#include "actors/system/plugins.hpp"
#include "actors/system/store_drawing.hpp"
#include "core/config/describe.hpp"
#include "core/config/nearest.hpp"
#include "core/wire/message_limits.hpp"

// The commands that look and do not serve: check and describe.
namespace kiln {
namespace {

constexpr std::array<std::string_view, 3> kinds = {"node", "store", "transport"};

std::vector<std::string_view> names_of(const kind_table& table) {
  std::vector<std::string_view> names;
  for (const auto& [name, schema] : table) names.push_back(name);
  return names;
}

class describer {
public:
  explicit describer(bool markdown) : markdown_(markdown) {}
  template <class What>
  std::string operator()(std::string_view title, const What& what) const {
    return markdown_ ? describe_markdown(title, what) : describe_text(title, what);
  }

  /// The limits that are no options.
  std::string messages() const {
    std::string text = markdown_ ? "\n## messages\n\n" : "\nmessages\n\n";
    text +=
        "The largest of each message that is read and not only kept, by the server and by workers alike. A "
        "larger "
        "one is refused before a byte of it is read.\n\n";
    if (markdown_) text += "| message | bytes | meaning |\n|---|---|---|\n";
    for (const auto& limit : message_limits())
      text += fmt::format(fmt::runtime(markdown_ ? "| `{}` | {} | {} |\n" : "  {:<13} {:>9}  {}\n"),
                          limit.message, limit.bytes, limit.sentence);
    return text;
  }

private:
  bool markdown_;
};

}  // namespace

int check(const check_request& request) {
  auto plugins = load_plugins(request.plugins);
  if (!plugins) return complain(plugins.error(), exit_unavailable);
  auto known = read_configuration({request.config, {}, {}}, *plugins);
  if (!known) return complain(known.error(), exit_usage);
  if (request.print)
    std::fputs(print_configuration(*known, *plugins).c_str(), stdout);
  else
    std::printf("%s is good\n\n%s", request.config.c_str(), draw_stores(*known).c_str());
  return 0;
}

int describe(const describe_request& request) {
  auto plugins = load_plugins(request.plugins);
  if (!plugins) return complain(plugins.error(), exit_unavailable);
  auto stores = plugins->store_schemas();
  auto transports = plugins->transport_schemas();
  describer write(request.markdown);
  std::string text;
  if (request.kind.empty()) {
    text = write("node", node_schema(stores, transports)) + write.messages() + "\n" + write("store", stores) +
           "\n" + write("transport", transports);
  } else if (request.kind == "node" && !request.name.empty()) {
    return complain(
        error(errc::invalid_argument,
              fmt::format("there is one node, without a name such as {}; kiln describe node tells of it",
                          in_quotes(request.name))),
        exit_usage);
  } else if (request.kind == "node") {
    text = write("node", node_schema(stores, transports)) + write.messages();
  } else if (request.kind != "store" && request.kind != "transport") {
    return complain(
        error(errc::invalid_argument, fmt::format("there is nothing called {} to describe{}",
                                                  in_quotes(request.kind), suggestion(request.kind, kinds))),
        exit_usage);
  } else {
    const auto& table = request.kind == "store" ? stores : transports;
    auto found = table.find(request.name);
    if (request.name.empty())
      text = write(request.kind, table);
    else if (found != table.end())
      text = write(request.kind + " " + request.name, *found->second);
    else
      return complain(
          error(errc::not_found, fmt::format("there is no {} {}{}", request.kind, in_quotes(request.name),
                                             suggestion(request.name, names_of(table)))),
          exit_usage);
  }
  std::fputs(text.c_str(), stdout);
  return 0;
}

}  // namespace kiln
