#pragma once

#include <any>
#include <cassert>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/config/codec.hpp"
#include "core/config/kinds.hpp"
#include "core/config/rules.hpp"

namespace kiln {

template <class Options>
class schema;

namespace detail {

/// False after a complaint that this is no section; complains of every key that is not known.
bool open_section(const node& section, const std::vector<std::string_view>& known,
                  std::string_view already_read, faults& collected);
void complain_of_missing(const node& section, const field_description& field, faults& collected);
/// A value as one would write it in place; empty for null.
std::string in_one_line(const shown& value);

template <class S>
struct section_codec {
  using value = S;
  std::shared_ptr<const schema<S>> inner;
  std::string type() const { return "section"; }
  bool read(const node& from, S& into, reading& along) const {
    return inner->read(from, into, along.collected, along.stores);
  }
  shown show(const S& value) const { return inner->show(value); }
};

struct kinds_codec {
  using value = std::vector<configured>;
  const kind_table* table;
  std::string type() const { return "map of names to sections with a type"; }
  bool read(const node& from, value& into, reading& along) const;
  shown show(const value& things) const;
};

/// Everything that a choice's member may be, and what its words stand for.
template <class T>
struct choice_of {
  using type = T;
  using codec = choice_codec<T>;
};
template <class T>
struct choice_of<std::vector<T>> {
  using type = T;
  using codec = list_codec<choice_codec<T>>;
};

}  // namespace detail

/// The options of one section, each said once: name, member, bounds and a sentence; the default is what the
/// struct's initialiser says. From it come validation, the reference, and a filled-in struct. Built in one
/// chain, then only read; copies are cheap enough for start-up.
///
///     struct verify_options {
///       store_ref inner;
///       bool check_hash = true;
///       std::optional<duration> timeout = std::chrono::seconds(30);
///     };
///     schema<verify_options>{"Refuses blobs that do not match their digest. ..."}
///       .store("inner", &verify_options::inner, "Where accepted blobs go.")
///       .field("check_hash", &verify_options::check_hash, "Hash every byte; off leaves only the size.")
///       .field("timeout", &verify_options::timeout, "Until a silent writer is given up.",
///              at_least(1s), or_word("off"));
///
/// Members may be bool, integers, double, std::string, byte_size, capacity, duration, store_ref; vectors of
/// these and maps from std::string to them; and an optional of any, which is empty where the YAML says
/// nothing and the struct has no default, or where it says the field's or_word.
template <class Options>
class schema final : public section_schema {
public:
  using cross_check = std::function<expected<void>(const Options&)>;

  /// What this is and when to use it, in one sentence or two.
  explicit schema(std::string sentence) : sentence_(std::move(sentence)) {}

  /// An option that may be left out.
  template <class T, class... Rules>
  schema& field(std::string name, T Options::*member, std::string sentence, Rules... rules) {
    using inner = typename detail::without_optional<T>::type;
    return add(std::move(name), member, codec<inner>{}, std::move(sentence), std::move(rules)...);
  }

  /// An option that must be given. A text, a list or a map must not be empty either.
  template <class T, class... Rules>
  schema& required(std::string name, T Options::*member, std::string sentence, Rules... rules) {
    static_assert(!detail::without_optional<T>::was_optional, "what is required is not optional");
    if constexpr (detail::has_length<T>)
      return add_required(std::move(name), member, codec<T>{}, std::move(sentence), at_least(1),
                          std::move(rules)...);
    else
      return add_required(std::move(name), member, codec<T>{}, std::move(sentence), std::move(rules)...);
  }

  /// One word out of a few (or a list of them, for a vector), each standing for a value of the member's type.
  template <class T>
  schema& choice(std::string name, T Options::*member,
                 std::vector<std::pair<std::string, typename detail::choice_of<T>::type>> words,
                 std::string sentence) {
    typename detail::choice_of<T>::codec words_codec;
    if constexpr (std::is_same_v<T, typename detail::choice_of<T>::type>)
      words_codec.words = std::move(words);
    else
      words_codec.inner.words = std::move(words);
    return add(std::move(name), member, std::move(words_codec), std::move(sentence));
  }

  /// Another store, by its name or described in place. The member is a store_ref (or a results_ref, a
  /// content_ref); an optional one where it may be left out; a vector or a map of them where there are
  /// several, at least one.
  template <class T, class... Rules>
  schema& store(std::string name, T Options::*member, std::string sentence, Rules... rules) {
    if constexpr (detail::without_optional<T>::was_optional)
      field(std::move(name), member, std::move(sentence), std::move(rules)...);
    else
      required(std::move(name), member, std::move(sentence), std::move(rules)...);
    slots_.back().about.is_store = true;
    return *this;
  }

  /// A section within. Left out, it has its defaults (and its required options are missing); an optional
  /// member is then empty instead.
  template <class S>
  schema& section(std::string name, S Options::*member, schema<S> inner, std::string sentence) {
    auto shared = std::make_shared<const schema<S>>(std::move(inner.defaults(usual_.*member)));
    add(std::move(name), member, detail::section_codec<S>{shared}, std::move(sentence));
    slot& added = slots_.back();
    added.about.nested = shared;
    added.absent = [member, shared, key = added.about.name](const node& section, const Options&,
                                                            Options& into, reading& along) {
      shared->read(section.absent(key), into.*member, along.collected, along.stores);
    };
    return *this;
  }
  template <class S>
  schema& section(std::string name, std::optional<S> Options::*member, schema<S> inner,
                  std::string sentence) {
    return nested<detail::section_codec<S>>(std::move(name), member, std::move(inner), std::move(sentence));
  }

  /// Several sections of one shape: a list for a vector, names of the user's choosing for a map. None by
  /// default; at_least(1) demands some.
  template <class S, class... Rules>
  schema& sections(std::string name, std::vector<S> Options::*member, schema<S> inner, std::string sentence,
                   Rules... rules) {
    return nested<list_codec<detail::section_codec<S>>>(std::move(name), member, std::move(inner),
                                                        std::move(sentence), std::move(rules)...);
  }
  template <class S, class... Rules>
  schema& sections(std::string name, std::map<std::string, S> Options::*member, schema<S> inner,
                   std::string sentence, Rules... rules) {
    return nested<map_codec<detail::section_codec<S>>>(std::move(name), member, std::move(inner),
                                                       std::move(sentence), std::move(rules)...);
  }

  /// Named things that each choose their schema by `type:`. The table must outlive this schema.
  schema& kinds(std::string name, std::vector<configured> Options::*member, const kind_table& table,
                std::string sentence) {
    add(std::move(name), member, detail::kinds_codec{&table}, std::move(sentence));
    slots_.back().about.kinds = &table;
    return *this;
  }

  /// Other defaults than the struct's own. A section within gets those that its place in the struct around it
  /// says.
  schema& defaults(Options usual) {
    usual_ = std::move(usual);
    return *this;
  }

  /// A demand on several options at once, asked when each of them is good; its error's message is the
  /// complaint.
  schema& check(cross_check demand) {
    checks_.push_back(std::move(demand));
    return *this;
  }

  /// Fills `into` and complains of everything that is wrong; false if there was anything. `already_read` is a
  /// key that somebody else has taken care of.
  bool read(const node& section, Options& into, faults& collected, store_refs& stores,
            std::string_view already_read = {}) const {
    auto before = collected.size();
    std::vector<std::string_view> known;
    for (const slot& s : slots_) known.push_back(s.about.name);
    if (!detail::open_section(section, known, already_read, collected)) return false;
    reading along{collected, stores};
    for (const slot& s : slots_) {
      if (auto value = section.find(s.about.name))
        s.read(*value, into, along);
      else
        s.absent(section, usual_, into, along);
    }
    for (const cross_check& demand : checks_) {
      if (collected.size() != before) break;
      if (auto kept = demand(into); !kept) section.complain(collected, "{}", kept.error().message());
    }
    return collected.size() == before;
  }
  shown show(const Options& options) const {
    shown result = shown::map();
    for (const slot& s : slots_)
      if (shown value = s.show(options); value.kind != node_kind::null)
        result.children.push_back({s.about.name, std::move(value)});
    return result;
  }

  const std::string& sentence() const noexcept override { return sentence_; }
  std::vector<field_description> fields() const override {
    std::vector<field_description> result;
    for (const slot& s : slots_) {
      auto& about = result.emplace_back(s.about);
      if (!about.required && !about.nested && about.kinds == nullptr)
        about.default_text = detail::in_one_line(s.show(usual_));
    }
    return result;
  }
  std::any read_any(const node& section, faults& collected, store_refs& stores,
                    std::string_view already_read = {}) const override {
    Options options = usual_;
    read(section, options, collected, stores, already_read);
    return options;
  }
  shown show_any(const std::any& options) const override {
    auto known = std::any_cast<Options>(&options);
    assert(known != nullptr);
    return show(*known);
  }

private:
  struct slot {
    field_description about;
    std::function<void(const node& value, Options& into, reading& along)> read;
    std::function<void(const node& section, const Options& usual, Options& into, reading& along)> absent;
    std::function<shown(const Options&)> show;
  };

  template <class T, class Codec, class... Rules>
  slot& add_slot(std::string name, T Options::*member, Codec words, std::string sentence, Rules... given) {
    using optional = detail::without_optional<T>;
    using inner = typename optional::type;
    detail::rule_set<inner> rules;
    (rules.add(std::move(given)), ...);
    assert(optional::was_optional || rules.word.empty());

    slot& added = slots_.emplace_back();
    added.about.name = std::move(name);
    added.about.type = words.type() + (rules.word.empty() ? "" : ", or " + rules.word);
    added.about.bounds = rules.bounds_text();
    added.about.sentence = std::move(sentence);
    added.about.is_secret = rules.is_secret;
    added.about.is_own_folder = rules.is_own_folder;
    added.read = [member, words, rules](const node& value, Options& into, reading& along) {
      if constexpr (optional::was_optional) {
        if (!rules.word.empty() && value.is_scalar() && value.text() == rules.word) {
          (into.*member).reset();
          return;
        }
      }
      inner read{};
      if (words.read(value, read, along) && rules.hold(value, read, along.collected))
        into.*member = std::move(read);
    };
    added.show = [member, words, rules](const Options& options) -> shown {
      if constexpr (optional::was_optional) {
        if (!(options.*member)) return rules.word.empty() ? shown{} : shown::scalar(rules.word);
        return rules.show(words.show(*(options.*member)));
      } else {
        return rules.show(words.show(options.*member));
      }
    };
    return added;
  }

  template <class T, class Codec, class... Rules>
  schema& add(std::string name, T Options::*member, Codec words, std::string sentence, Rules... rules) {
    slot& added =
        add_slot(std::move(name), member, std::move(words), std::move(sentence), std::move(rules)...);
    added.absent = [member](const node&, const Options& usual, Options& into, reading&) {
      into.*member = usual.*member;
    };
    return *this;
  }

  template <class T, class Codec, class... Rules>
  schema& add_required(std::string name, T Options::*member, Codec words, std::string sentence,
                       Rules... rules) {
    slot& added =
        add_slot(std::move(name), member, std::move(words), std::move(sentence), std::move(rules)...);
    added.about.required = true;
    added.absent = [about = added.about](const node& section, const Options&, Options&, reading& along) {
      detail::complain_of_missing(section, about, along.collected);
    };
    return *this;
  }

  template <class Codec, class T, class S, class... Rules>
  schema& nested(std::string name, T Options::*member, schema<S> inner, std::string sentence,
                 Rules... rules) {
    auto shared = std::make_shared<const schema<S>>(std::move(inner));
    add(std::move(name), member, Codec{shared}, std::move(sentence), std::move(rules)...);
    slots_.back().about.nested = shared;
    return *this;
  }

  std::string sentence_;
  Options usual_{};
  std::vector<slot> slots_;
  std::vector<cross_check> checks_;
};

}  // namespace kiln
