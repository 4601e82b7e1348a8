#pragma once

#include <signal.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/wire/digests.hpp"
#include "test/actors/worker/sandbox_bench.hpp"

namespace kiln::test {

/// A tool that can be a persistent worker, in either protocol. Each line of its flag file is an order; what
/// it says is one line for each. The numbers and names of the protocol stand here once more, so that it is
/// not our own messages that it is held against.
inline constexpr const char* persistent_tool_script = R"py(
import json, os, sys, threading, time

def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7f | 0x80]); value >>= 7
    return out + bytes([value])

def read_varint(read):
    value = shift = 0
    while True:
        byte = read(1)
        if not byte: return None
        value |= (byte[0] & 0x7f) << shift; shift += 7
        if byte[0] < 0x80: return value

def fields(data):
    at = 0
    def read(count):
        nonlocal at
        piece = data[at:at + count]; at += count
        return piece
    while at < len(data):
        tag = read_varint(read)
        yield tag >> 3, read_varint(read) if tag & 7 == 0 else read(read_varint(read))

class Proto:
    def read(self):
        size = read_varint(sys.stdin.buffer.read)
        if size is None: return None
        made = {"arguments": [], "inputs": [], "id": 0, "cancel": False, "dir": ""}
        for number, value in fields(sys.stdin.buffer.read(size)):
            if number == 1: made["arguments"].append(value.decode())
            if number == 2:
                one = dict(fields(value))
                made["inputs"].append((one[1].decode(), one.get(2, b"").decode()))
            if number == 3: made["id"] = value
            if number == 4: made["cancel"] = bool(value)
            if number == 6: made["dir"] = value.decode()
        return made
    def write(self, code, output, number, cancelled):
        text = output.encode("utf-8", "surrogateescape")
        data = b"\x08" + varint(code) + b"\x12" + varint(len(text)) + text + b"\x18" + varint(number)
        if cancelled: data += b"\x20\x01"
        sys.stdout.buffer.write(varint(len(data)) + data); sys.stdout.buffer.flush()

class Json:
    def read(self):
        line = sys.stdin.readline()
        if not line: return None
        said = json.loads(line)
        import base64
        return {"arguments": said.get("arguments", []), "id": said.get("requestId", 0),
                "inputs": [(one["path"], base64.b64decode(one.get("digest", "")).decode())
                           for one in said.get("inputs", [])],
                "cancel": said.get("cancel", False), "dir": said.get("sandboxDir", "")}
    def write(self, code, output, number, cancelled):
        said = {"exitCode": code, "output": output, "requestId": number, "somethingNew": {"a": "}"}}
        if cancelled: said["wasCancelled"] = True
        print(json.dumps(said, indent=1), flush=True)

def work(arguments, folder, inputs, number=0, gone=lambda: False):
    said, code = [], 0
    at = lambda path: os.path.join(folder, path) if folder else path
    for line in arguments:
        order, _, rest = line.partition(":")
        if order == "pid": said.append("pid %d" % os.getpid())
        elif order == "say": said.append(rest)
        elif order == "bytes": said.append("\udcff\udcfe")
        elif order == "cat": said.append(open(at(rest)).read())
        elif order == "ls":
            all = [os.path.join(base, name) for base, _, names in os.walk(at(".")) for name in names]
            said.append(" ".join(sorted(os.path.relpath(path, at(".")) for path in all)))
        elif order == "inputs": said.append(" ".join("%s=%s" % one for one in sorted(inputs)))
        elif order == "write":
            path, _, text = rest.partition("=")
            open(at(path), "w").write(text)
        elif order == "exit": code = int(rest)
        elif order == "crash": sys.stderr.write("what a pity\n"); sys.stderr.flush(); os._exit(int(rest))
        elif order == "garbage": os.write(1, rest.encode()); time.sleep(1000)
        elif order == "stranger": protocol.write(0, "", 4711, False); time.sleep(1000)
        elif order == "uncalled": cancelled.add(number)
        elif order == "rewrite":  # what was given out, for ever
            open(rest, "wb").write(bytes(3000000))
            def go_on(file=open(rest, "r+b", buffering=0)):
                while True: file.seek(0); file.write(os.urandom(8))
            threading.Thread(target=go_on, daemon=True).start()
        elif order == "shut": os.chmod(".", 0)
        elif order == "deaf": os.close(1); time.sleep(1000)
        elif order == "hang":
            while not gone(): time.sleep(0.005)
            return 0, "cancelled"
        elif order == "meet":  # until as many are here as are to meet
            with met:
                here.append(number); met.notify_all()
                met.wait_for(lambda: len(here) >= int(rest), 60)
            said.append("met %d" % len(here))
        elif order == "remove": os.remove(rest)
        elif order == "harm":
            try: os.chmod(at(rest), 0o777)
            except OSError: pass
            try: open(at(rest), "a").write("harm")
            except OSError: pass
        elif order == "litter":
            os.makedirs("deep/" * 3, exist_ok=True); open("deep/deep/deep/x", "w").write("x")
            os.chmod("deep/deep", 0)
        elif order == "flood": sys.stderr.write("x" * int(rest)); sys.stderr.flush()
        elif order == "child":
            if os.fork() == 0: time.sleep(1000)
    return code, "\n".join(said)

met, here = threading.Condition(), []

def lines_of(arguments):
    for argument in arguments:
        if argument.startswith("@"): yield from open(argument[1:]).read().splitlines()

if "--persistent_worker" not in sys.argv:
    if "--only_persistent" in sys.argv: sys.exit(9)
    code, output = work(list(lines_of(sys.argv[1:])), "", [])
    print("alone", output)
    sys.exit(code)
if "--refuses" in sys.argv: sys.exit("no such flag")

protocol = Json() if "--json" in sys.argv else Proto()
lock, cancelled = threading.Lock(), set()
def serve(request):
    number = request["id"]
    try:
        code, output = work(request["arguments"], request["dir"], request["inputs"], number,
                            lambda: number in cancelled)
    except OSError as fault:
        code, output = 1, str(fault)
    with lock:
        protocol.write(code, output, number, number in cancelled)
        cancelled.discard(number)
while True:
    request = protocol.read()
    if request is None: break
    if request["cancel"]: cancelled.add(request["id"])
    else: threading.Thread(target=serve, args=(request,), daemon=True).start()
)py";

struct persistent_bench : sandbox_bench {
  persistent_bench() {
    options.sandbox.level = sandbox_level::folder;
    options.persistent.number = 4;
  }

  /// What decides which tool it is.
  struct tool {
    std::string script = persistent_tool_script;
    std::vector<std::string> arguments = {};
    platform_properties properties = {};
    bool marked = true;
    std::string key = "k";
  };
  static platform_properties multiplex() {
    return {{"supports-multiplex-sandboxing", "1"}, {"supports-multiplex-workers", "1"}};
  }

  /// An action with the lines as its flag file.
  action_spec request(const tool& by, const std::vector<std::string>& lines, v2::Directory root = {},
                      const std::vector<std::string>& outputs = {}) {
    add_file(root, "tool.py", by.script, true);
    if (by.marked)
      root.mutable_files()->rbegin()->mutable_node_properties()->add_properties()->set_name(
          "bazel_tool_input");
    std::string flags;
    for (const auto& line : lines) flags += line + "\n";
    add_file(root, "zz.params", flags);
    std::sort(root.mutable_files()->begin(), root.mutable_files()->end(),
              [](const auto& left, const auto& right) { return left.name() < right.name(); });
    v2::Command command;
    for (const char* word : {"/usr/bin/python3", "tool.py"}) command.add_arguments(word);
    for (const auto& word : by.arguments) command.add_arguments(word);
    command.add_arguments("@zz.params");
    for (const auto& path : outputs) command.add_output_paths(path);
    auto action = spec(command, root);
    action.platform = by.properties;
    action.platform.emplace_back("persistentWorkerKey", by.key);
    std::sort(action.platform.begin(), action.platform.end());
    return action;
  }

  struct said {
    std::string text;  ///< on its standard error: what a persistent worker says
    std::string out;
    std::string how;  ///< "started", "reused" or nothing
    v2::ActionResult result;
  };
  said told(const action_outcome& outcome) {
    BOOST_TEST(outcome.status.ok(), outcome.status.to_string());
    said heard;
    heard.result = result_of(outcome);
    if (heard.result.has_stderr_digest()) heard.text = get(heard.result.stderr_digest());
    heard.out = out_of(outcome);
    heard.how = facts_of(heard.result).persistent_worker();
    return heard;
  }
  said asked(const tool& by, const std::vector<std::string>& lines, v2::Directory root = {},
             const std::vector<std::string>& outputs = {}) {
    return told(run(request(by, lines, std::move(root), outputs)));
  }
};

/// What "pid" says.
inline pid_t pid_in(const std::string& text) {
  BOOST_REQUIRE_MESSAGE(text.starts_with("pid "), text);
  return static_cast<pid_t>(std::stoi(text.substr(4)));
}
inline bool is_there(pid_t pid) {
  return ::kill(pid, 0) == 0;
}
inline void wait_until_gone(pid_t pid) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (is_there(pid)) {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("a tool does not end");
    std::this_thread::yield();
  }
}

}  // namespace kiln::test
