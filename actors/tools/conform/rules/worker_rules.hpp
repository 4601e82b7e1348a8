#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "actors/tools/conform/rules/actions.hpp"

/// What the rules about workers have in common: commands that are run, and what became of them.
namespace kiln::conform {

inline constexpr auto invalid = errc::invalid_argument;
inline constexpr auto precondition = errc::failed_precondition;

v2::Command command_of(std::initializer_list<std::string> arguments);
/// One that /bin/sh runs.
v2::Command shell(const std::string& script);

void add_file(v2::Directory& to, const std::string& name, const blob& content, bool is_executable = false);
void add_folder(v2::Directory& to, const std::string& name, const blob& folder);
void add_link(v2::Directory& to, const std::string& name, const std::string& target);

/// An action that nobody has run, stored with all that it names.
blob action_with(probe& ask, v2::Command command, const v2::Directory& root = {});
/// It was run, which says nothing of its exit code.
v2::ActionResult ran(probe& ask, const blob& action);
/// The same, with exit code 0.
v2::ActionResult succeeded(probe& ask, const blob& action);
/// Refused with one of these, by the call itself or by the response at its end.
void expect_refused(probe& ask, const blob& action, std::initializer_list<errc> any_of);
/// Each of these, asked for at the same time.
void expect_all_refused(probe& ask, const std::vector<blob>& actions, std::initializer_list<errc> any_of);

std::string content_of(probe& ask, const v2::Digest& digest);
/// What the action wrote to its standard output, wherever the result keeps it.
std::string said_by(probe& ask, const v2::ActionResult& result);
/// The Tree of its only output directory.
v2::Tree tree_of(probe& ask, const v2::ActionResult& result);

// The parts of section 11.
std::vector<rule> worker_output_rules();
std::vector<rule> worker_life_rules();

}  // namespace kiln::conform
