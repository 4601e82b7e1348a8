#pragma once

namespace kiln {

/// Signals as something to wait for. The constructor blocks SIGTERM, SIGINT and SIGHUP in this thread and so
/// in every thread it starts afterwards, and ignores SIGPIPE; so it is made first, by main. (Children of a
/// worker start with their mask empty again.)
class signal_gate {
public:
  signal_gate();
  ~signal_gate();
  signal_gate(const signal_gate&) = delete;
  signal_gate& operator=(const signal_gate&) = delete;

  enum class event { terminate, open };
  /// Blocks until somebody wants the process to end (`terminate`), or until `open` was called.
  event wait();
  /// Any thread: lets `wait` return.
  void open();

private:
  int signals_ = -1;
  int opened_ = -1;
};

}  // namespace kiln
