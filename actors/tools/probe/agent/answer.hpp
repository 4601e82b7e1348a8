#pragma once

#include <cstddef>
#include <initializer_list>
#include <span>

/// The program that `kiln probe` has a worker run: it tries to get out, and says how far it came. Plain
/// system calls, no exceptions, no libraries at run time. Whatever it asks for would do no harm where it were
/// granted.
namespace kiln::probe_agent {

/// What came of one probe. It lies in memory that the child who asks shares with the parent who prints.
class answer {
public:
  enum class outcome : int { held, leaked, untried };

  /// Something was seen or done that should not have been. The first few are told, all are counted.
  void leak(const char* format, ...) __attribute__((format(printf, 2, 3)));
  /// It could not be asked at all, and why. Nothing that leaked is forgotten.
  void untried(const char* format, ...) __attribute__((format(printf, 2, 3)));
  /// What was seen, where it held.
  void note(const char* format, ...) __attribute__((format(printf, 2, 3)));

  /// After a system call that has to fail for want of rights, or since there is no such call or device:
  /// `done` is what it returned. Other errors than those say that it was let in.
  void must_be_refused(long done, std::initializer_list<int> also = {});

  outcome what() const noexcept { return what_; }
  const char* seen() const noexcept { return seen_; }
  /// Leaks that `seen` does not tell.
  int untold() const noexcept { return count_ > most ? count_ - most : 0; }

private:
  static constexpr int most = 4;
  void append(const char* format, __builtin_va_list values);

  outcome what_ = outcome::held;
  int count_ = 0;
  char seen_[240] = {};
};

struct probe {
  const char* kind;  ///< one word or two; the tool groups by it
  const char* name;
  void (*ask)(answer&);
};

std::span<const probe> file_probes() noexcept;
std::span<const probe> secret_probes() noexcept;
std::span<const probe> process_probes() noexcept;
std::span<const probe> memory_probes() noexcept;
std::span<const probe> network_probes() noexcept;
std::span<const probe> device_probes() noexcept;
std::span<const probe> privilege_probes() noexcept;
std::span<const probe> mount_probes() noexcept;
std::span<const probe> kernel_probes() noexcept;
std::span<const probe> resource_probes() noexcept;
/// What the action before, with the same token, left to us.
std::span<const probe> leftover_probes() noexcept;

/// Asks each in a child of its own, and prints a line for each (probe_findings.hpp of the tool says how it
/// looks).
void ask_all(std::span<const probe> probes);
/// The first line, and the last.
void print_beginning();
void print_end();

/// The process that asks its children: what is below it is ours.
extern int agent_process;

}  // namespace kiln::probe_agent
