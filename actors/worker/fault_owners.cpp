#include "actors/worker/fault_owners.hpp"

#include <cerrno>
#include <climits>
#include <string>
#include <utility>

namespace kiln {
namespace {

constexpr std::string_view owner_detail = "kiln.worker/fault_owner";

struct verdict {
  errc code;
  fault_owner owner;
};

constexpr verdict bad_input{errc::invalid_argument, fault_owner::action};
constexpr verdict not_possible{errc::failed_precondition, fault_owner::action};
constexpr verdict used_up{errc::resource_exhausted, fault_owner::worker};
constexpr verdict broken{errc::internal, fault_owner::worker};
constexpr verdict for_now{errc::unavailable, fault_owner::worker};

/// Of the worker's machine, whatever it was asked to do.
verdict machine_verdict(int number) noexcept {
  switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN:
      return used_up;
    case EROFS:
    case ESTALE:
    case ETXTBSY:
    case ETIMEDOUT:
      return for_now;
    default:
      return broken;
  }
}

verdict input_verdict(int number) noexcept {
  switch (number) {
    case ENAMETOOLONG:  // a path beyond PATH_MAX, a long target of a link
    case ELOOP:
    case ENOTDIR:
    case EINVAL:
      return bad_input;
    case EEXIST:  // two names that are one to this file system
    case EILSEQ:  // a name that it does not take
    case EMLINK:
    case EFBIG:
    case EOVERFLOW:
      return not_possible;
    default:
      return machine_verdict(number);
  }
}

verdict start_verdict(int number) noexcept {
  switch (number) {
    case E2BIG:
      return bad_input;
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case EACCES:
    case EPERM:
    case ENOEXEC:
    case ELIBBAD:
    case EINVAL:
    case ELOOP:
    case ENAMETOOLONG:
      return not_possible;
    default:
      return machine_verdict(number);
  }
}

verdict output_verdict(int number) noexcept {
  switch (number) {
    case ENAMETOOLONG:
    case ELOOP:
    case ENOTDIR:
    case EISDIR:
    case EXDEV:
    case EACCES:
    case EPERM:
    case EFBIG:
    case EOVERFLOW:
    case ENXIO:
    case ENODEV:
      return not_possible;
    default:
      return machine_verdict(number);
  }
}

verdict verdict_on(purpose what_for, int number) noexcept {
  switch (what_for) {
    case purpose::inputs:
      return input_verdict(number);
    case purpose::start:
      return start_verdict(number);
    case purpose::outputs:
      return output_verdict(number);
    case purpose::own_folder:
      break;
  }
  return machine_verdict(number);
}

/// A path may be as long as a client likes; a message may not.
std::string shortened(std::string_view doing) {
  constexpr std::size_t most = 400;
  if (doing.size() <= most) return std::string(doing);
  auto end = most;
  while (end > 0 && (static_cast<unsigned char>(doing[end]) & 0xC0U) == 0x80U) --end;  // whole characters
  return std::string(doing.substr(0, end)) + "...";
}

/// What a store says of a request that is wrong, it says to every worker.
fault_owner store_owner(errc code) noexcept {
  switch (code) {
    case errc::invalid_argument:
    case errc::failed_precondition:
    case errc::out_of_range:
      return fault_owner::action;
    default:
      return fault_owner::elsewhere;
  }
}

/// What no stage has named an owner for: our own checks of the action say INVALID_ARGUMENT,
/// FAILED_PRECONDITION and DEADLINE_EXCEEDED, and nothing else is the action's.
fault_owner worker_owner(errc code) noexcept {
  switch (code) {
    case errc::invalid_argument:
    case errc::failed_precondition:
    case errc::deadline_exceeded:
      return fault_owner::action;
    case errc::cancelled:
    case errc::aborted:
      return fault_owner::elsewhere;
    default:
      return fault_owner::worker;
  }
}

}  // namespace

error fault_of(purpose what_for, int errno_value, std::string_view doing) {
  auto found = verdict_on(what_for, errno_value);
  auto sentence = system_error(errno_value, shortened(doing)).message();
  if (errno_value == ENAMETOOLONG)
    sentence += fmt::format("; a path has at most {} bytes here, and a name {}", PATH_MAX - 1, NAME_MAX);
  return owned_by(found.owner, {found.code, std::move(sentence)});
}

error owned_by(fault_owner owner, error fault) {
  fault.add_detail({std::string(owner_detail), std::string(1, static_cast<char>(owner))});
  return fault;
}

fault_owner owner_in(const error& fault, fault_place from) {
  for (const auto& detail : fault.details())
    if (detail.type_url == owner_detail) return static_cast<fault_owner>(detail.value.front());
  return from == fault_place::store ? store_owner(fault.code()) : worker_owner(fault.code());
}

fault_owner take_owner(error& fault, fault_place from) {
  auto owner = owner_in(fault, from);
  error without(fault.code(), fault.message());
  for (const auto& detail : fault.details())
    if (detail.type_url != owner_detail) without.add_detail(detail);
  fault = std::move(without);
  return owner;
}

}  // namespace kiln
