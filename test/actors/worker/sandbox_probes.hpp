#pragma once

namespace kiln::test {

/// What an action in a sandbox tries, one line for each try: "name: held", or what leaked. Its arguments: a
/// file, a process, a port of the loopback and an abstract socket of the host's, the folder of the worker, a
/// segment of shared memory.
inline constexpr const char* sandbox_probes = R"python(
import ctypes, errno, fcntl, os, resource, socket, struct, subprocess, sys

secret, pid, port, abstract, work_root, segment = sys.argv[1:7]
pid, port, segment = int(pid), int(port), int(segment)
libc = ctypes.CDLL(None, use_errno=True)


def refused(number, *arguments):
    """A system call that has to fail for want of rights, or since there is no such call."""
    ctypes.set_errno(0)
    done = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) for a in arguments])
    why = ctypes.get_errno()
    held = done == -1 and why in (errno.EPERM, errno.EACCES, errno.ENOSYS)
    return None if held else f"{done} {errno.errorcode.get(why)}"


def unreadable(path):
    try:
        with open(path, "rb") as file:
            file.read(1)
        return f"{path} was read"
    except OSError:
        return None


def unwritable(path):
    try:
        # Only opened: where it leaks, it is the machine's.
        os.close(os.open(path, os.O_WRONLY))
        return f"{path} could be written"
    except OSError:
        return None


def fails(call, *wanted):
    try:
        call()
        return "done"
    except OSError as why:
        return None if not wanted or why.errno in wanted else str(why)


def unconnected(family, where):
    with socket.socket(family, socket.SOCK_STREAM) as one:
        one.settimeout(3)
        return fails(lambda: one.connect(where), errno.ECONNREFUSED, errno.ENETUNREACH, errno.EHOSTUNREACH)


def loopback_works():
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen()
        client.connect(server.getsockname())
    return None


def within_the_limit():
    try:
        with open("/tmp/large", "wb") as file:
            for _ in range(64):
                file.write(b"x" * (1 << 20))
        return "64 MiB were written to /tmp"
    except OSError as why:
        return None if why.errno == errno.ENOSPC else str(why)
    finally:
        os.unlink("/tmp/large")


def only_standard_descriptors():
    # One more is the listing itself.
    left = sorted(int(name) for name in os.listdir("/proc/self/fd"))
    return None if left[:3] == [0, 1, 2] and len(left) <= 4 else str(left)


def status(key):
    with open("/proc/self/status") as file:
        return next(line.split()[1] for line in file if line.startswith(key + ":"))


def lease():
    with open("/usr/bin/env", "rb") as file:
        fcntl.fcntl(file, 1024, 0)


def status_of_groups():
    with open("/proc/self/cgroup") as file:
        return all(line.rstrip().endswith(":/") for line in file)


def survives_signals():
    for number in (1, 2, 9, 15, 19):
        os.kill(1, number)
    return None


def trace(whom):
    return fails(lambda: ptrace(whom))


def ptrace(whom):
    ctypes.set_errno(0)
    if libc.ptrace(16, whom, 0, 0) == 0:
        return
    raise OSError(ctypes.get_errno(), "ptrace")


def no_shared_memory():
    ctypes.set_errno(0)
    libc.shmat.restype = ctypes.c_void_p
    libc.shmat(segment, 0, 0)
    return None if ctypes.get_errno() in (errno.EINVAL, errno.EACCES, errno.EIDRM) else "attached"


def disks():
    names = os.listdir("/dev")
    return None if not any(n.startswith(("sd", "vd", "nvme", "mem", "kmsg", "kvm")) for n in names) else str(names)


def few_processes():
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return None if len(pids) < 8 and pid not in pids else str(pids)


def no_set_user_id():
    done = subprocess.run(["su", "-c", "id -u"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return None if done.stdout.strip() != "0" else "su works"


probes = {
    "a file of the host": lambda: unreadable(secret),
    "a file of the host by its root": lambda: unreadable("/proc/1/root" + secret),
    "the worker's folder": lambda: fails(lambda: os.listdir(work_root)),
    "beside the input root": lambda: None if "stdout" not in os.listdir("/build/..") else "seen",
    "homes": lambda: None if not any(map(os.path.exists, ("/root", "/home", "/var/lib", "/srv", "/sys"))) else "there",
    "passwords": lambda: unreadable("/etc/shadow"),
    "the system, to write": lambda: fails(lambda: os.mkdir("/usr/kiln-probe"), errno.EROFS),
    "the configuration of the system, to write": lambda: unwritable("/etc/hosts"),
    "the root, to write": lambda: fails(lambda: os.mkdir("/kiln-probe"), errno.EROFS),
    "devices, to write": lambda: fails(lambda: os.mkdir("/dev/kiln-probe"), errno.EROFS),
    "its own name": lambda: None if socket.gethostbyname(os.uname().nodename) else "unknown",
    "disks": disks,
    "the mode of the standard input": lambda: fails(lambda: os.fchmod(0, 0o666)),
    "the mode of a device": lambda: fails(lambda: os.chmod("/dev/null", 0o666)),
    "the place among the host's groups": lambda: None if status_of_groups() else "seen",
    "new devices": lambda: fails(lambda: os.mknod("/tmp/device", 0o20666, os.makedev(1, 1)), errno.EPERM),
    "the kernel's memory": lambda: unreadable("/proc/kcore"),
    "the kernel's settings": lambda: unwritable("/proc/sys/kernel/core_pattern"),
    "the kernel's keys": lambda: unwritable("/proc/sysrq-trigger"),
    "processes of the host": few_processes,
    "the environment of the first process": lambda: unreadable("/proc/1/environ"),
    "the descriptors of the first process": lambda: fails(lambda: os.readlink("/proc/1/fd/0")),
    "the memory of the first process": lambda: unreadable("/proc/1/mem"),
    "signals to the first process": survives_signals,
    "signals to the host": lambda: fails(lambda: os.kill(pid, 0), errno.ESRCH),
    "limits of the first process": lambda: fails(lambda: resource.prlimit(1, resource.RLIMIT_CPU, (1000, 1000))),
    "tracing the first process": lambda: trace(1),
    "tracing the host": lambda: trace(pid),
    "a service on the host's loopback": lambda: unconnected(socket.AF_INET, ("127.0.0.1", port)),
    "an abstract socket of the host": lambda: unconnected(socket.AF_UNIX, "\0" + abstract),
    "addresses of metadata": lambda: unconnected(socket.AF_INET, ("169.254.169.254", 80)),
    "other interfaces": lambda: None if [n for _, n in socket.if_nameindex()] == ["lo"] else str(socket.if_nameindex()),
    "raw sockets": lambda: fails(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1), errno.EPERM),
    "packet sockets": lambda: fails(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3)),
    "sockets to the hypervisor": lambda: fails(lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)),
    "other families of sockets": lambda: fails(lambda: socket.socket(socket.AF_CAN, socket.SOCK_RAW, 1)),
    "leases": lambda: fails(lease),
    "watching others": lambda: refused(300, 0, 0),
    "its own loopback": loopback_works,
    "shared memory of the host": no_shared_memory,
    "files in shared memory": lambda: None if os.listdir("/dev/shm") == [] else "there",
    "files in /tmp": lambda: None if os.listdir("/tmp") == [] else str(os.listdir("/tmp")),
    "a full /tmp": within_the_limit,
    "descriptors": only_standard_descriptors,
    "capabilities": lambda: None if int(status("CapEff"), 16) == int(status("CapBnd"), 16) == 0 else "some",
    "new privileges": lambda: None if status("NoNewPrivs") == "1" else "possible",
    "a filter of system calls": lambda: None if status("Seccomp") == "2" else "none",
    "programs that set the user": no_set_user_id,
    "the host's name": lambda: None if os.uname().nodename == "localhost" else os.uname().nodename,
    "a terminal": lambda: unreadable("/dev/tty"),
    "mount": lambda: refused(165, 0, 0, 0, 0, 0),
    "umount": lambda: refused(166, 0, 0),
    "pivot_root": lambda: refused(155, 0, 0),
    "chroot": lambda: fails(lambda: os.chroot("/tmp"), errno.EPERM),
    "unshare a user": lambda: refused(272, 0x10000000),
    "unshare mounts": lambda: refused(272, 0x00020000),
    "clone a user": lambda: refused(56, 0x10000000 | 17, 0, 0, 0, 0),
    "clone3": lambda: refused(435, 0, 0),
    "setns": lambda: refused(308, 0, 0),
    "keyctl": lambda: refused(250, 0, 0, 0, 0, 0),
    "add_key": lambda: refused(248, 0, 0, 0, 0, 0),
    "bpf": lambda: refused(321, 0, 0, 0),
    "perf_event_open": lambda: refused(298, 0, 0, 0, 0, 0),
    "userfaultfd": lambda: refused(323, 0),
    "io_uring": lambda: refused(425, 1, 0),
    "open_by_handle_at": lambda: refused(304, 0, 0, 0),
    "loading modules": lambda: refused(313, 0, 0, 0),
    "the kernel's log": lambda: refused(103, 3, 0, 0),
    "setting the clock": lambda: refused(227, 0, 0),
    "reboot": lambda: refused(169, 0, 0, 0, 0),
}

for name, probe in probes.items():
    try:
        leak = probe()
    except Exception as why:
        leak = f"{type(why).__name__} {why}"
    print(f"{name}: {'held' if leak is None else 'LEAKED ' + leak}")
)python";

}  // namespace kiln::test
