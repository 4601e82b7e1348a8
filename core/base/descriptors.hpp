#pragma once

#include <cstdint>

/// How many files and connections the process may have open at once. The kernel counts for the process as a
/// whole, and so does this. Any thread.
namespace kiln {

/// Raises the limit as far as it goes, and remembers what it was. Once, at the start.
void raise_descriptor_limit() noexcept;

/// Reads the current limit. Until then, or until it is raised, none are reserved.
void note_descriptor_limit() noexcept;

/// What the process may have open now.
std::uint64_t descriptor_limit() noexcept;

/// What it was started with: programs that we start get that limit back, for some of them close, or make room
/// for, every descriptor that they could have.
std::uint64_t inherited_descriptor_limit() noexcept;

/// Files may only use descriptors below this number (EMFILE otherwise); the others are reserved for
/// connections.
std::uint64_t descriptors_for_files() noexcept;

/// A part of the process says how many it will have open at most, so that too few are told of at the start
/// and not met in the middle of a build.
void expect_descriptors(std::uint64_t more) noexcept;

/// What is needed: all that was expected, and what is kept for connections.
std::uint64_t descriptors_needed() noexcept;

}  // namespace kiln
