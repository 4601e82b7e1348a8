#pragma once

#include <any>
#include <caf/config.hpp>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>

#include "core/admission/call_hooks.hpp"
#include "core/admission/quota_table.hpp"
#include "core/base/error.hpp"
#include "core/config/schema.hpp"
#include "core/contract/store.hpp"
#include "core/contract/transport.hpp"
#include "core/plugin/descriptor.hpp"
#include "core/plugin/environment.hpp"
#include "core/plugin/promises.hpp"

namespace caf {
class actor_system;
}

namespace kiln {

/// What a store is given when it is spawned.
struct store_context {
  caf::actor_system& system;
  environment env;
  std::string name;  ///< in the configuration; for messages to people
  store_role what = store_role::content;
  /// The store behind a reference in the options: already spawned, for references cannot form a circle.
  std::function<store_actor(const store_ref&)> store;
  /// A way out to another server, through the configuration's transport for outbound calls.
  std::function<expected<std::shared_ptr<channel>>(const std::string& endpoint)> dial;
  /// To be called by a store of results that keeps them where others than Kiln look for theirs: the services
  /// then use names that those understand (core/digest/record_key.hpp). Empty where nobody asks.
  std::function<void()> names_are_shared = {};
  /// What the store behind a reference promises.
  promises_of promises = [](const store_ref&) { return store_promises(); };
};

/// A kind of store. One object per plugin, immutable, any thread.
class store_plugin {
public:
  virtual ~store_plugin() = default;
  virtual std::shared_ptr<const section_schema> schema() const = 0;
  /// `options` is what the schema read. An error ends the start with its sentence.
  virtual expected<store_actor> spawn(const std::any& options, const store_context& context) const = 0;
  /// What a store with these options promises, over stores that promise what `of` says. An error refuses the
  /// configuration. Nothing, where the plugin does not say.
  virtual expected<store_promises> promises(const std::any& options, const promises_of& of) const = 0;
};

struct transport_context {
  environment env;
  std::string name;
  /// Shared with the transports by which the same clients come in. Null: this one counts for itself.
  std::shared_ptr<quota_table> accounts = {};
  /// Null: none. They outlive the transport.
  const call_hooks* hooks = nullptr;
};

/// A kind of transport.
class transport_plugin {
public:
  virtual ~transport_plugin() = default;
  virtual std::shared_ptr<const section_schema> schema() const = 0;
  virtual expected<std::unique_ptr<transport>> make(const std::any& options,
                                                    const transport_context& context) const = 0;
};

namespace detail {

/// Joins a schema and a function into a plugin. What the function throws becomes an error here, since an
/// exception must not cross into the loader.
template <class Plugin, class Product, class Context, class Options>
class plugin_of : public Plugin {
public:
  using make_fn = expected<Product> (*)(const Options&, const Context&);
  plugin_of(kiln::schema<Options> schema, make_fn make)
      : schema_(std::make_shared<const kiln::schema<Options>>(std::move(schema))), make_(make) {}
  std::shared_ptr<const section_schema> schema() const override { return schema_; }

protected:
  expected<Product> build(const std::any& options, const Context& context) const {
    return ask(make_, options, context);
  }
  template <class Function, class What>
  static std::invoke_result_t<Function, const Options&, const What&> ask(Function function,
                                                                         const std::any& options,
                                                                         const What& what) {
    try {
      return function(std::any_cast<const Options&>(options), what);
    } catch (const std::exception& fault) {
      return fail(errc::internal, "the plugin threw while it was set up: {}", fault.what());
    } catch (...) {
      return fail(errc::internal, "the plugin threw something that is no exception while it was set up");
    }
  }

private:
  std::shared_ptr<const kiln::schema<Options>> schema_;
  make_fn make_;
};

template <class Options>
class store_plugin_of final : public plugin_of<store_plugin, store_actor, store_context, Options> {
  using base = plugin_of<store_plugin, store_actor, store_context, Options>;

public:
  using promise_fn = expected<store_promises> (*)(const Options&, const promises_of&);
  store_plugin_of(kiln::schema<Options> schema, typename base::make_fn make, promise_fn promise)
      : base(std::move(schema), make), promise_(promise) {}
  expected<store_actor> spawn(const std::any& options, const store_context& context) const override {
    return this->build(options, context);
  }
  expected<store_promises> promises(const std::any& options, const promises_of& of) const override {
    if (promise_ == nullptr) return store_promises();
    return this->ask(promise_, options, of);
  }

private:
  promise_fn promise_;
};

template <class Options>
class transport_plugin_of final
    : public plugin_of<transport_plugin, std::unique_ptr<transport>, transport_context, Options> {
public:
  using plugin_of<transport_plugin, std::unique_ptr<transport>, transport_context, Options>::plugin_of;
  expected<std::unique_ptr<transport>> make(const std::any& options,
                                            const transport_context& context) const override {
    return this->build(options, context);
  }
};

template <class Options>
store_plugin_of<Options> make_plugin(schema<Options> schema,
                                     expected<store_actor> (*spawn)(const Options&, const store_context&),
                                     expected<store_promises> (*promise)(const Options&,
                                                                         const promises_of&) = nullptr) {
  return {std::move(schema), spawn, promise};
}
template <class Options>
transport_plugin_of<Options> make_plugin(
    schema<Options> schema,
    expected<std::unique_ptr<transport>> (*make)(const Options&, const transport_context&)) {
  return {std::move(schema), make};
}

/// Made at the first call. Null if that threw: an exception must not cross into the loader.
template <class Plugin, auto describe, auto... functions>
const Plugin* only_plugin() noexcept {
  try {
    static const auto plugin = make_plugin(describe(), functions...);
    return &plugin;
  } catch (...) {
    return nullptr;
  }
}

}  // namespace detail
}  // namespace kiln
