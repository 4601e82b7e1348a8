#include <dirent.h>

#include <cerrno>

#include "actors/tools/probe/agent/looking.hpp"

// What of the machine's files can be changed, and which of others' can be seen.
namespace kiln::probe_agent {
namespace {

void write_into(answer& found, std::initializer_list<const char*> folders) {
  for (const char* folder : folders)
    if (takes_files(folder)) found.leak("a file was made in %s", folder);
}

void write_root(answer& found) {
  write_into(found, {"/"});
}
void write_programs(answer& found) {
  write_into(found,
             {"/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/local/bin", "/bin", "/sbin", "/lib"});
}
void write_configuration(answer& found) {
  write_into(found, {"/etc", "/etc/cron.d", "/etc/ld.so.conf.d", "/etc/profile.d", "/etc/ssl/certs"});
}
void write_variable(answer& found) {
  write_into(found, {"/var", "/var/lib", "/var/cache", "/var/log", "/var/spool", "/var/mail"});
}
void write_run(answer& found) {
  write_into(found, {"/run", "/run/lock", "/var/run", "/var/lock"});
}
void write_other(answer& found) {
  write_into(found, {"/opt", "/srv", "/mnt", "/media", "/boot", "/home"});
}
void write_homes(answer& found) {
  each_home([&](const char* home) {
    if (takes_files(home)) found.leak("a file was made in %s", home);
  });
}

// Asked, not opened: a program that somebody has open for writing cannot be started for that long.
void write_files(answer& found) {
  for (const char* path : {"/etc/passwd", "/etc/hosts", "/etc/resolv.conf", "/etc/ld.so.cache", "/bin/sh",
                           "/usr/bin/env", "/lib64/ld-linux-x86-64.so.2"})
    if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0) found.leak("%s may be written", path);
}

void change_system(answer& found) {
  // To the mode that it has: nothing changes where it is allowed.
  for (const char* path : {"/", "/usr", "/etc", "/usr/bin", "/etc/hosts"}) {
    struct stat facts {};
    if (stat(path, &facts) == 0 && chmod(path, facts.st_mode & 07777) == 0)
      found.leak("the mode of %s can be set", path);
  }
}

void homes(answer& found) {
  each_home([&](const char* home) {
    int count = 0;
    each_entry(home, [&](const char*) { ++count; });
    if (count > 0) found.leak("%s has %d entries", home, count);
  });
}

void state_of_services(answer& found) {
  for (const char* folder : {"/var/lib", "/var/log", "/var/spool", "/var/cache", "/srv"}) {
    int count = 0;
    each_entry(folder, [&](const char*) { ++count; });
    if (count > 0) found.leak("%s has %d entries", folder, count);
  }
}

void other_disks(answer& found) {
  for (const char* folder : {"/mnt", "/media", "/boot", "/lost+found", "/host", "/rootfs", "/hostfs"}) {
    int count = 0;
    each_entry(folder, [&](const char*) { ++count; });
    if (count > 0) found.leak("%s has %d entries", folder, count);
  }
}

void system_folder(answer& found) {
  int count = 0;
  each_entry("/sys", [&](const char*) { ++count; });
  if (count > 0) found.leak("/sys has %d entries", count);
  for (const char* path : {"/sys/class/dmi/id/product_uuid", "/sys/class/dmi/id/product_name"})
    if (is_readable(path)) found.leak("%s", path);
}

// From the input root upwards: whoever else works there, and what the worker keeps beside it.
void beside_the_input_root(answer& found) {
  char path[PATH_MAX];
  if (getcwd(path, sizeof path) == nullptr) return found.untried("there is no current folder");
  while (strlen(path) > 1) {
    char* slash = strrchr(path, '/');
    const path_text own("", slash + 1);
    *slash = '\0';
    // The root is everybody's, and other probes look at what it has.
    if (path[0] == '\0') return;
    each_entry(path, [&](const char* name) {
      if (strcmp(name, own.text + 1) != 0) found.leak("%s/%s", path, name);
    });
  }
}

// A folder for everyone's files has none but those on the way to our own.
void strangers_files(answer& found, const char* folder) {
  char own[PATH_MAX] = {};
  if (getcwd(own, sizeof own) == nullptr) own[0] = '\0';
  each_entry(folder, [&](const char* name) {
    const path_text path(folder, name);
    const std::size_t length = strlen(path);
    const bool above_us = strncmp(own, path, length) == 0 && (own[length] == '/' || own[length] == '\0');
    if (!above_us) found.leak("%s", path.text);
  });
}
void temporary_files(answer& found) {
  strangers_files(found, "/tmp");
  struct stat one {
  }, other{};
  const bool same = stat("/tmp", &one) == 0 && stat("/var/tmp", &other) == 0 && one.st_dev == other.st_dev &&
                    one.st_ino == other.st_ino;
  if (!same) strangers_files(found, "/var/tmp");
}
void shared_files(answer& found) {
  strangers_files(found, "/dev/shm");
  strangers_files(found, "/dev/mqueue");
}

constexpr probe probes[] = {
    {"files", "the root, to write", write_root},
    {"files", "programs and libraries, to write", write_programs},
    {"files", "the system's configuration, to write", write_configuration},
    {"files", "/var, to write", write_variable},
    {"files", "/run, to write", write_run},
    {"files", "/opt, /srv, /mnt, to write", write_other},
    {"files", "homes, to write", write_homes},
    {"files", "files of the system, to write", write_files},
    {"files", "modes of the system's files", change_system},
    {"files", "homes", homes},
    {"files", "what services keep", state_of_services},
    {"files", "other disks", other_disks},
    {"files", "/sys", system_folder},
    {"files", "beside the input root", beside_the_input_root},
    {"files", "temporary files of others", temporary_files},
    {"files", "/dev/shm of others", shared_files},
};

}  // namespace

std::span<const probe> file_probes() noexcept {
  return probes;
}

}  // namespace kiln::probe_agent
