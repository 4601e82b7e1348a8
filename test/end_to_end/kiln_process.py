"""A kiln of a test's own: started, waited for by what it says, and always ended."""

import ctypes
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading

PATIENCE_SECONDS = 60
_PR_SET_PDEATHSIG = 1


def die_with_the_test():
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Heard:
    """What comes out of a pipe, kept as it comes."""

    def __init__(self, pipe):
        self._text = ""
        self._ended = False
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._reader.start()

    @property
    def text(self):
        with self._changed:
            return self._text

    def wait_for(self, found, patience):
        """What `found(text)` returns once that is true; nothing if the pipe ends or `patience` seconds pass."""
        with self._changed:
            self._changed.wait_for(lambda: found(self._text) or self._ended, patience)
            return found(self._text)

    def ended(self, patience):
        """Whether the pipe has ended within `patience` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._ended, patience)

    def join(self):
        self._reader.join()

    def _read(self, pipe):
        with pipe:
            for line in pipe:
                with self._changed:
                    self._text += line
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


class Kiln:
    """`with Kiln(binary) as server:` has the server listening on `server.address`, with `server.pid`.

    binary  path of the kiln to run
    args    what stands behind it; by default it serves the all_in_one profile on a free port
    env     the whole environment; by default this process's
    data    folder of the data, handed over as --data when `args` is left out; by default a new one that is
            removed at the end
    ready   what it prints when it has started; its first group is the address
    """

    def __init__(self, binary, args=None, env=None, data=None, ready=r"kiln listens on (\S+)"):
        self._own_folder = None
        if args is None:
            if data is None:
                data = self._own_folder = tempfile.mkdtemp(prefix="kiln-test-")
            args = ["serve", "--data", str(data), "--listen", "127.0.0.1:0", "--capacity", "2GiB"]
        self.data = pathlib.Path(data) if data else None
        self._command = [str(binary), *map(str, args)]
        self._env = env
        self._ready = ready
        self._process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.running():
            self.kill()
        if self._own_folder:
            shutil.rmtree(self._own_folder, ignore_errors=True)

    def start(self):
        """Starts it and returns when it has said where it listens (a worker: for whom it works)."""
        self._process = subprocess.Popen(self._command, env=self._env, stdin=subprocess.DEVNULL,
                                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                                         preexec_fn=die_with_the_test)
        self._output = Heard(self._process.stdout)
        self._log = Heard(self._process.stderr)
        try:
            self.address = self.wait_for(r"kiln (?:listens on|works for) (\S+)\n")[1]
        except BaseException:
            self.__exit__()  # nobody else will: the `with` has not begun
            raise

    def wait_for(self, pattern):
        """The match on stdout, once there is one. RuntimeError if it ends or is silent instead."""
        found = self._output.wait_for(lambda text: re.search(pattern, text), PATIENCE_SECONDS)
        if not found:
            raise RuntimeError(f"{' '.join(self._command)} did not print {pattern!r}; it said:\n{self.log}")
        return found

    def wait_for_log(self, words, times=1):
        """Returns once these words were logged so often. RuntimeError if it ends or takes too long."""
        if not self._log.wait_for(lambda text: text.count(words) >= times, PATIENCE_SECONDS):
            raise RuntimeError(f"{' '.join(self._command)} did not log {words!r} {times} times:\n{self.log}")

    @property
    def pid(self):
        return self._process.pid

    @property
    def port(self):
        return int(self.address.rpartition(":")[2])

    @property
    def output(self):
        """What it printed on stdout so far."""
        return self._output.text

    @property
    def log(self):
        """What it wrote to stderr so far."""
        return self._log.text

    def running(self):
        return self._process is not None and self._process.poll() is None

    def stop(self):
        """Asks it to end, waits until it has, and returns the exit code."""
        self._process.terminate()
        return self.wait()

    def kill(self):
        self._process.kill()
        return self.wait()

    def wait(self):
        code = self._process.wait(PATIENCE_SECONDS)
        self._output.join()
        self._log.join()
        return code
