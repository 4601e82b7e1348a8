#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/base/error.hpp"
#include "core/contract/call.hpp"
#include "core/wire/message.hpp"
#include "test/conformance/uploads.hpp"

/// What a wrong server does to calls that pass through it on their way to a right one, so that exactly one
/// rule of the conformance suite is broken.
namespace kiln::conformance {

/// One call as it passes. Each hook may change what it is given; those that are not set let it pass. Called
/// one after the other, in the order of the call.
struct meddling {
  /// What the client says. False: the right server does not hear it.
  std::function<bool(byte_chain& message)> request;
  /// The client has said all; what is returned is said in its name before the end.
  std::function<std::optional<byte_chain>()> half_close;
  /// False: the client does not hear it.
  std::function<bool(byte_chain& message)> response;
  /// How the call ended. Returned messages come before the end.
  std::function<std::vector<byte_chain>(error& status)> end;
  /// Asked after each request, and after the half-close: an answer here ends the call at once.
  std::function<std::optional<std::pair<error, std::vector<byte_chain>>>()> instead;
};

struct lie {
  int rule;
  std::string_view method;  ///< the path's last part: "FindMissingBlobs"
  /// For each call of the method.
  std::function<meddling(const call_info&)> begin;
  /// Filled by who tells it, where it wants to know what clients uploaded.
  std::shared_ptr<uploads> known = nullptr;
};

/// All that we know of, by rule.
std::vector<lie> all_lies();

// One for each service, in a file of that name.
std::vector<lie> content_lies();
std::vector<lie> tree_lies();
std::vector<lie> reading_lies();
std::vector<lie> writing_lies();
std::vector<lie> result_lies();
std::vector<lie> capabilities_lies();
std::vector<lie> execution_lies();
std::vector<lie> worker_lies();
std::vector<lie> operations_lies();

// ---- How most of them are told.

/// Answers `with`, where the first request is such a one.
template <class Request>
lie answering(int rule, std::string_view method, std::function<bool(const Request&)> such,
              std::function<std::pair<error, std::vector<byte_chain>>(const Request&)> with) {
  return {rule, method, [such, with](const call_info&) {
            auto answer = std::make_shared<std::optional<std::pair<error, std::vector<byte_chain>>>>();
            meddling made;
            made.request = [such, with, answer, first = true](byte_chain& message) mutable {
              if (auto request = parse<Request>(message);
                  std::exchange(first, false) && request && such(*request))
                *answer = with(*request);
              return true;
            };
            made.instead = [answer] { return *answer; };
            return made;
          }};
}

template <class Request, class Response>
lie accepting(int rule, std::string_view method, std::function<bool(const Request&)> such,
              Response with = {}) {
  return answering<Request>(rule, method, std::move(such), [with](const Request&) {
    return std::pair<error, std::vector<byte_chain>>{error(), {byte_chain(serialise(with))}};
  });
}

template <class Request>
lie refusing(int rule, std::string_view method, std::function<bool(const Request&)> such, errc code) {
  return answering<Request>(rule, method, std::move(such), [code](const Request&) {
    return std::pair<error, std::vector<byte_chain>>{error(code, "so says the wrong server"), {}};
  });
}

/// Has the right server hear something else.
template <class Request>
lie mishearing(int rule, std::string_view method, std::function<void(Request&)> change) {
  return {rule, method, [change](const call_info&) {
            meddling made;
            made.request = [change](byte_chain& message) {
              if (auto request = parse<Request>(message)) {
                change(*request);
                message = byte_chain(serialise(*request));
              }
              return true;
            };
            return made;
          }};
}

/// Tells the client something else, in answer to what it said first.
template <class Request, class Response>
lie misquoting(int rule, std::string_view method, std::function<void(const Request&, Response&)> change) {
  return {rule, method, [change](const call_info&) {
            auto asked = std::make_shared<std::optional<Request>>();
            meddling made;
            made.request = [asked](byte_chain& message) {
              if (auto request = parse<Request>(message); request && !*asked) *asked = std::move(*request);
              return true;
            };
            made.response = [asked, change](byte_chain& message) {
              auto response = parse<Response>(message);
              if (response && *asked) {
                change(**asked, *response);
                message = byte_chain(serialise(*response));
              }
              return true;
            };
            return made;
          }};
}

/// Ends the call in another way than the right server does.
template <class Request>
lie misjudging(int rule, std::string_view method,
               std::function<void(const Request&, error& status, std::vector<byte_chain>& more)> change) {
  return {rule, method, [change](const call_info&) {
            auto asked = std::make_shared<std::optional<Request>>();
            meddling made;
            made.request = [asked](byte_chain& message) {
              if (auto request = parse<Request>(message); request && !*asked) *asked = std::move(*request);
              return true;
            };
            made.end = [asked, change](error& status) {
              std::vector<byte_chain> more;
              if (*asked) change(**asked, status, more);
              return more;
            };
            return made;
          }};
}

}  // namespace kiln::conformance
