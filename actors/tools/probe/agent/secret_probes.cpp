#include <sys/socket.h>
#include <sys/un.h>

#include "actors/tools/probe/agent/looking.hpp"

extern char** environ;

// Keys, passwords, and sockets that obey whoever reaches them. What is found is named, never read out.
namespace kiln::probe_agent {
namespace {

void keys_of_ssh(answer& found) {
  each_home([&](const char* home) {
    const path_text folder(home, ".ssh");
    each_entry(folder, [&](const char* name) {
      const path_text path(folder, name);
      if (is_readable(path)) found.leak("%s", path.text);
    });
  });
  each_entry("/etc/ssh", [&](const char* name) {
    const path_text path("/etc/ssh", name);
    const std::size_t length = strlen(name);
    if (strncmp(name, "ssh_host_", 9) == 0 && length > 4 && strcmp(name + length - 4, "_key") == 0 &&
        is_readable(path))
      found.leak("%s", path.text);
  });
}

void credentials(answer& found) {
  each_home([&](const char* home) {
    for (const char* name :
         {".aws/credentials", ".aws/config", ".config/gcloud/credentials.db",
          ".config/gcloud/application_default_credentials.json", ".azure/accessTokens.json",
          ".azure/msal_token_cache.json", ".kube/config", ".docker/config.json", ".netrc", ".git-credentials",
          ".npmrc", ".pypirc", ".gnupg/secring.gpg", ".config/gh/hosts.yml", ".bash_history"}) {
      const path_text path(home, name);
      if (is_readable(path)) found.leak("%s", path.text);
    }
  });
  for (const char* path :
       {"/var/run/secrets/kubernetes.io/serviceaccount/token", "/etc/kubernetes/admin.conf",
        "/var/lib/kubelet/kubeconfig", "/etc/krb5.keytab", "/etc/docker/key.json"})
    if (is_readable(path)) found.leak("%s", path);
  each_entry("/run/secrets", [&](const char* name) { found.leak("/run/secrets/%s", name); });
}

void passwords(answer& found) {
  for (const char* path :
       {"/etc/shadow", "/etc/gshadow", "/etc/shadow-", "/etc/sudoers", "/etc/security/opasswd"})
    if (is_readable(path)) found.leak("%s", path);
  each_entry("/etc/ssl/private", [&](const char* name) {
    const path_text path("/etc/ssl/private", name);
    if (is_readable(path)) found.leak("%s", path.text);
  });
}

void try_sockets(answer& found, std::initializer_list<const char*> paths) {
  for (const char* path : paths) {
    struct stat facts {};
    if (stat(path, &facts) != 0 || !S_ISSOCK(facts.st_mode)) continue;
    sockaddr_un where{};
    where.sun_family = AF_UNIX;
    snprintf(where.sun_path, sizeof where.sun_path, "%s", path);
    const int caller = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const bool in = connect(caller, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0;
    close(caller);
    found.leak(in ? "%s answers" : "%s is there", path);
  }
}

void containers(answer& found) {
  try_sockets(found, {"/run/docker.sock", "/var/run/docker.sock", "/run/containerd/containerd.sock",
                      "/run/podman/podman.sock", "/run/crio/crio.sock", "/var/run/crio/crio.sock",
                      "/run/k3s/containerd/containerd.sock", "/run/buildkit/buildkitd.sock",
                      "/var/run/cri-dockerd.sock", "/run/libvirt/libvirt-sock"});
}

void services(answer& found) {
  try_sockets(found, {"/run/dbus/system_bus_socket", "/run/systemd/private", "/run/systemd/notify",
                      "/run/systemd/journal/socket", "/dev/log", "/run/udev/control", "/run/snapd.socket",
                      "/run/nscd/socket", "/run/acpid.socket", "/run/uuidd/request", "/tmp/.X11-unix/X0",
                      "/run/postgresql/.s.PGSQL.5432", "/run/mysqld/mysqld.sock", "/run/redis/redis.sock"});
  each_entry("/run/user", [&](const char* name) { found.leak("/run/user/%s", name); });
}

// PATH and its like tell nothing of the worker that the action could not find out anyway.
bool is_usual(const char* entry) {
  for (const char* name : {"KILN_PROBE", "PATH", "PWD", "HOME", "TMPDIR", "TMP", "TEMP", "LANG", "LC_ALL",
                           "USER", "LOGNAME", "SHLVL", "_"}) {
    const std::size_t length = strlen(name);
    if (strncmp(entry, name, length) == 0 && entry[length] == '=') return true;
  }
  return false;
}

void environment(answer& found) {
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (!is_usual(*entry)) found.leak("%.*s", static_cast<int>(strcspn(*entry, "=")), *entry);
}

constexpr probe probes[] = {
    {"files", "passwords and private keys", passwords},
    {"files", "keys of SSH", keys_of_ssh},
    {"files", "credentials of clouds and registries", credentials},
    {"files", "sockets of containers", containers},
    {"files", "sockets of services", services},
    {"processes", "the environment that it was not given", environment},
};

}  // namespace

std::span<const probe> secret_probes() noexcept {
  return probes;
}

}  // namespace kiln::probe_agent
