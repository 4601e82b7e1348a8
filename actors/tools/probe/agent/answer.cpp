#include "actors/tools/probe/agent/answer.hpp"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cerrno>

namespace kiln::probe_agent {

void answer::append(const char* format, __builtin_va_list values) {
  char text[sizeof seen_];
  vsnprintf(text, sizeof text, format, values);
  const std::size_t length = strlen(seen_);
  snprintf(seen_ + length, sizeof seen_ - length, "%s%s", length > 0 ? ", " : "", text);
}

void answer::leak(const char* format, ...) {
  if (what_ != outcome::leaked) seen_[0] = '\0';
  what_ = outcome::leaked;
  if (++count_ > most) return;
  va_list values;
  va_start(values, format);
  append(format, values);
  va_end(values);
}

void answer::untried(const char* format, ...) {
  if (what_ == outcome::leaked) return;
  what_ = outcome::untried;
  seen_[0] = '\0';
  va_list values;
  va_start(values, format);
  append(format, values);
  va_end(values);
}

void answer::note(const char* format, ...) {
  if (what_ != outcome::held) return;
  const std::size_t before = strlen(seen_);
  va_list values;
  va_start(values, format);
  append(format, values);
  va_end(values);
  // What is said already is not said again.
  const char* added = seen_ + before + (before > 0 ? 2 : 0);
  if (before > 0 && strlen(added) <= before &&
      strncmp(seen_ + before - strlen(added), added, strlen(added)) == 0)
    seen_[before] = '\0';
}

void answer::must_be_refused(long done, std::initializer_list<int> also) {
  const int why = errno;
  if (done >= 0) return leak("it is allowed");
  bool refused = false;
  for (int fine : {EPERM, EACCES, ENOSYS, EROFS}) refused = refused || why == fine;
  for (int fine : also) refused = refused || why == fine;
  if (refused) return note("%s", strerrorname_np(why));
  leak("it is allowed, and failed with %s", strerrorname_np(why));
}

}  // namespace kiln::probe_agent
