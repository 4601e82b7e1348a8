#include <CLI/CLI.hpp>
#include <algorithm>
#include <cassert>
#include <cstdio>
#include <exception>
#include <limits>

#include "actors/system/commands.hpp"
#include "actors/system/flag_values.hpp"
#include "actors/system/version.hpp"
#include "core/base/machine.hpp"
#include "core/config/document.hpp"

namespace {

using namespace kiln;

constexpr const char* about =
    "Kiln, a build cache and remote execution server for Bazel and every other client of the Remote "
    "Execution API.\n"
    "Without a command it serves cache and execution on 127.0.0.1:8980, with its data under the user's cache "
    "folder.";

constexpr const char* examples =
    "Examples:\n"
    "  kiln                                      serve on this machine, print the lines for .bazelrc\n"
    "  kiln serve node.yaml                      serve what the file says\n"
    "  kiln serve --profile cache                a cache without execution\n"
    "  kiln serve --profile scheduler --workers 0.0.0.0:8981\n"
    "                                            a cache whose actions run on other machines\n"
    "  kiln worker --scheduler HOST:8981 --cache HOST:8980 --worker-token FILE\n"
    "                                            run actions for that one\n"
    "  kiln check node.yaml                      say everything that is wrong with a configuration\n"
    "  kiln describe store filesystem            explain every option\n"
    "  kiln bench localhost:8980                 load any REAPI server and print figures\n"
    "  kiln conform localhost:8980               ask any REAPI server what the protocol demands\n"
    "  kiln worker --explain                     say how a worker would run actions here, and why not "
    "better\n"
    "  kiln run localhost:8980 HASH/SIZE         run an action here as a worker would; --shell looks around\n"
    "  kiln probe localhost:8980                 try to get out of an action of any REAPI server";

using demand = expected<void> (*)(const std::string&);

/// A text that has to be something, said with the flag's name.
CLI::Option* add_text(CLI::App* command, const char* option, std::string& into, demand wanted,
                      const char* sentence) {
  return command->add_option(option, into, sentence)->check([wanted](const std::string& value) {
    auto good = wanted(value);
    return good ? std::string() : good.error().message();
  });
}

/// Its bounds stand in the help, and in the refusal of any other.
template <class T>
CLI::Option* add_number(CLI::App* command, const std::string& option, std::function<void(T)> take, T least,
                        T most, const char* sentence) {
  auto read = [option, take = std::move(take), least, most](const std::string& value) {
    auto number = parse_number<T>(value, least, most);
    if (!number) throw CLI::ValidationError(option, number.error().message());
    take(*number);
  };
  return command
      ->add_option_function<std::string>(option, read, fmt::format("{} ({} to {})", sentence, least, most))
      ->type_name("NUMBER");
}

/// An option that stands for a variable of a profile.
void add_variable(CLI::App* command, serve_request& request, const char* option, const char* sentence) {
  auto all = variable_flags();
  auto about = std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.flag == option; });
  assert(about != all.end());
  // What the environment says is not what the user says here, so CLI11 is not asked to mix them.
  command->add_option_function<std::string>(
      option,
      [&request, name = std::string(about->variable)](const std::string& value) {
        request.variables.emplace_back(name, value);
      },
      fmt::format("{} (or ${})", sentence, about->variable));
}

void add_plugins(CLI::App* command, std::string& folder) {
  add_text(command, "--plugins", folder, is_path,
           "Folder of the plugins (default: this build's, or $KILN_PLUGINS)");
}

constexpr const char* sandbox_sentence =
    "What keeps actions from the machine: namespaces, folder, or auto, the former where it works";

constexpr const char* tools_sentence =
    "Tools that live on after an action, at most; auto: as many as there are slots. For who trusts all that "
    "may run "
    "actions here (default: 0)";

void add_property(CLI::App* command, serve_request& request) {
  command
      ->add_option("--property", request.properties,
                   "NAME=VALUE that the worker offers as a platform property; may be given several times")
      ->allow_extra_args(false);
}

void add_serve(CLI::App& app, serve_request& request, std::function<int()>& chosen) {
  auto* command = app.add_subcommand("serve", "Serve what a configuration says, until SIGTERM");
  auto* config =
      add_text(command, "config", request.config, is_path, "YAML file; without one, a profile is served");
  add_text(command, "--profile", request.profile, is_said,
           "all_in_one, cache, scheduler, two_tier, redis_cache or bucket_cache")
      ->capture_default_str()
      ->excludes(config);
  add_variable(command, request, "--listen", "Address of a profile: HOST:PORT");
  add_variable(command, request, "--workers", "Where workers join (profile scheduler): HOST:PORT");
  add_variable(command, request, "--worker-token",
               "File of the token that workers show, made if it is missing (profile scheduler)");
  add_variable(command, request, "--data", "Data folder of a profile");
  add_variable(command, request, "--capacity", "Size of a profile's blob store: 50GiB or 60%");
  add_variable(command, request, "--cache", "HOST:PORT of the cache behind this one (profile two_tier)");
  add_variable(command, request, "--redis", "redis://HOST:PORT behind this cache (profile redis_cache)");
  add_variable(command, request, "--sandbox", sandbox_sentence);
  add_variable(command, request, "--persistent-workers", tools_sentence);
  add_property(command, request);
  add_plugins(command, request.plugins);
  command->final_callback([&] { chosen = [&request] { return serve(request); }; });
}

/// What a worker that is told nothing needs to be told, in the words of its command line.
int serve_worker(serve_request request, bool explained) {
  auto knows = [&](std::string_view name) {
    auto inherited = process_variables(name);
    return (inherited && !inherited->empty()) ||
           std::any_of(request.variables.begin(), request.variables.end(),
                       [&](const auto& one) { return one.first == name; });
  };
  if (explained) {
    // Nobody is asked anything, so those whom it would ask need not be known.
    for (const char* name : {"KILN_CACHE", "KILN_SCHEDULER"})
      if (request.config.empty() && !knows(name)) request.variables.emplace_back(name, "localhost:1");
    return explain(std::move(request));
  }
  const char* lacks = nullptr;
  if (!knows("KILN_CACHE")) lacks = "--cache HOST:PORT, where clients reach that scheduler's cache";
  if (!knows("KILN_SCHEDULER")) lacks = "--scheduler HOST:PORT, where workers join a scheduler";
  if (lacks == nullptr || !request.config.empty()) return serve(request);
  return complain(error(errc::invalid_argument, fmt::format("a worker needs {} (or a file of YAML)", lacks)),
                  exit_usage);
}

void add_worker(CLI::App& app, serve_request& request, bool& explained, std::function<int()>& chosen) {
  auto* command = app.add_subcommand("worker", "Run actions for a scheduler on another machine");
  add_text(command, "config", request.config, is_path, "YAML file; without one, the worker profile");
  add_variable(command, request, "--scheduler", "HOST:PORT at which workers join the scheduler");
  add_variable(command, request, "--cache", "HOST:PORT of the cache that its clients use");
  add_variable(command, request, "--worker-token", "Copy of the scheduler's file with the workers' token");
  add_variable(command, request, "--slots", "Actions at once (default: two for each processor)");
  add_variable(command, request, "--name",
               "Name, unlike that of any other worker (default: the host's, and something random)");
  add_variable(command, request, "--metrics",
               "Where /metrics, /healthz and /readyz are answered: HOST:PORT (default: nowhere)");
  add_variable(command, request, "--data", "Folder for inputs and work");
  add_variable(command, request, "--capacity", "Size of the cache of inputs");
  add_variable(command, request, "--sandbox", sandbox_sentence);
  add_variable(command, request, "--persistent-workers", tools_sentence);
  add_property(command, request);
  command->add_flag(
      "--explain", explained,
      "Say how it would run actions on this machine, what it lacks and how to get it; and run none");
  add_plugins(command, request.plugins);
  command->final_callback([&] {
    request.profile = "worker";
    chosen = [&] { return serve_worker(request, explained); };
  });
}

void add_tools(CLI::App& app, check_request& checked, describe_request& described,
               std::function<int()>& chosen) {
  auto* check_command =
      app.add_subcommand("check", "Say everything that is wrong with a configuration, by line");
  add_text(check_command, "config", checked.config, is_path, "YAML file")->required();
  check_command->add_flag("--print", checked.print, "Print it with every default written out");
  add_plugins(check_command, checked.plugins);
  check_command->final_callback([&] { chosen = [&checked] { return check(checked); }; });

  auto* describe_command = app.add_subcommand("describe", "Explain every option of a configuration");
  add_text(describe_command, "kind", described.kind, is_said,
           "node, store or transport; everything by default");
  add_text(describe_command, "name", described.name, is_said, "Of one store or transport");
  describe_command->add_flag("--markdown", described.markdown, "As Markdown");
  add_plugins(describe_command, described.plugins);
  describe_command->final_callback([&] { chosen = [&described] { return describe(described); }; });

  auto* version_command = app.add_subcommand("version", "Print the version");
  version_command->final_callback([&] {
    chosen = [] {
      std::puts(version_line().c_str());
      return 0;
    };
  });
}

void add_bench(CLI::App& app, bench_request& request, std::function<int()>& chosen) {
  auto* command =
      app.add_subcommand("bench", "Load any REAPI server over gRPC and print figures as JSON lines");
  add_text(command, "target", request.target, is_said, "HOST:PORT, or nothing with --process-start");
  add_text(command, "--instance", request.instance, is_instance, "Instance name");
  command->add_option("--only", request.only, "Workloads, by name or by what several begin with (inputs)")
      ->delimiter(',');
  add_number<double>(
      command, "--seconds", [&](double number) { request.seconds = number; }, 0.01, 86400,
      "Length of one run")
      ->default_str(fmt::format("{}", request.seconds));
  add_number<unsigned>(
      command, "--rounds", [&](unsigned number) { request.rounds = number; }, 1, 1000,
      "How often all of them are run")
      ->default_str(fmt::format("{}", request.rounds));
  add_number<int>(
      command, "--pid", [&](int number) { request.pid = number; }, 1, std::numeric_limits<int>::max(),
      "The server's process, for its CPU per operation");
  add_number<unsigned>(
      command, "--in-flight", [&](unsigned number) { request.in_flight = number; }, 1, 10000,
      "Operations at once, instead of each workload's own number");
  add_number<std::uint64_t>(
      command, "--seed", [&](std::uint64_t number) { request.seed = number; }, 0,
      std::numeric_limits<std::uint64_t>::max(), "Of what is uploaded; by chance without it");
  command->add_flag("--process-start", request.process_start,
                    "Only start /bin/true: the ceiling for Execute");
  add_plugins(command, request.plugins);
  command->final_callback([&] { chosen = [&request] { return bench_server(request); }; });
}

/// Whom to ask, and as whom. Without a sentence there are no actions of our own.
void add_target(CLI::App* command, target_request& request, const char* platform_sentence) {
  command->add_option("target", request.target, "HOST:PORT or unix:PATH");
  command->add_option("--instance", request.instance, "Instance name");
  if (platform_sentence != nullptr)
    command->add_option("--platform", request.platform, platform_sentence)->allow_extra_args(false);
  command->add_flag("--tls", request.tls, "Speak TLS and believe the system's authorities");
  command->add_option("--tls-ca", request.tls_ca,
                      "PEM file of the authority that signed the server's certificate");
  command->add_option("--tls-cert", request.tls_cert, "PEM file of our certificate");
  command->add_option("--tls-key", request.tls_key, "PEM file of its key");
  command->add_option("--token", request.token, "Bearer token for every call")->envname("KILN_TOKEN");
  add_plugins(command, request.plugins);
}

void add_conform(CLI::App& app, conform_request& request, std::function<int()>& chosen) {
  auto* command = app.add_subcommand(
      "conform",
      "Ask any REAPI server over gRPC what the protocol demands, and say which answers are wrong.\n"
      "Leaves small blobs and action results behind, which no build refers to.");
  add_target(command, request, "NAME=VALUE that the actions of the suite ask for");
  command->add_option("--only", request.only, "Sections (5), rules (92, 1.6) or ranges (92-120)")
      ->delimiter(',');
  command->add_option("--report", request.report, "File for the findings as JSON, with what was said");
  command->add_option("--fill", request.fill,
                      "What the cache holds (64MiB): allows the rules that fill it, with ten times as much");
  command->add_flag("--quick", request.quick, "Make the slow rules small");
  command->add_flag("--list", request.list, "Only print the rules");
  command->add_flag("--markdown", request.markdown, "Print Markdown");
  command->final_callback([&] { chosen = [&request] { return conform_server(request); }; });
}

constexpr const char* about_runs =
    "Fetches the action, its command and its inputs, looks at every digest, lays the inputs out in a folder, "
    "and runs the\n"
    "command there as a worker on this machine would: in the same sandbox, with the same environment and "
    "limits. What it\n"
    "writes comes out here; its outputs are uploaded nowhere. Ends with the command's exit code, with 64 for "
    "words that\n"
    "mean nothing, and with 69 if the action could not be run.\n\n"
    "Examples:\n"
    "  kiln run localhost:8980 5f02.../142\n"
    "  kiln run localhost:8980 5f02.../142 --folder /tmp/action    its inputs and outputs stay there\n"
    "  kiln run localhost:8980 5f02.../142 --shell                 look around where it would run";

void add_run(CLI::App& app, run_request& request, std::function<int()>& chosen) {
  auto* command = app.add_subcommand(
      "run", "Run an action of any REAPI server here, as a worker would, or a shell in its place");
  add_target(command, request, nullptr);
  command->add_option("action", request.action, "Digest of the action: HASH/SIZE, or blake3/HASH/SIZE");
  command->add_flag("--shell", request.shell, "Run /bin/sh instead of the command, which is printed");
  command->add_option(
      "--folder", request.folder,
      "Keep inputs and outputs there; there is nothing there yet (default: a temporary folder)");
  command->add_option("--sandbox", request.sandbox, sandbox_sentence);
  command->footer(about_runs);
  command->final_callback([&] { chosen = [&request] { return run_action(request); }; });
}

constexpr const char* about_probes =
    "A worker runs a small static program, which needs neither a shell nor libraries, and is for machines of "
    "the "
    "kind that\n"
    "kiln runs on. It tries to reach files, processes, the network, devices, privileges, system calls and "
    "resources, and\n"
    "what one action leaves to the next. Of each probe you read that it held, or LEAKED what was seen; "
    "untried "
    "says nothing.\n"
    "Where a probe is let out it does no harm: nothing is changed, read out or used up, and what it has to "
    "leave "
    "behind for\n"
    "a moment is gone within a minute.\n"
    "Ends with 0 if everything held, with 1 if something leaked, with 69 if no worker ran it.\n\n"
    "Examples:\n"
    "  kiln probe localhost:8980\n"
    "  kiln probe cache.example:443 --tls --token \"$TOKEN\" --instance main\n"
    "  kiln probe localhost:8980 --platform pool=large --platform network=on";

void add_probe(CLI::App& app, probe_request& request, std::function<int()>& chosen) {
  auto* command = app.add_subcommand(
      "probe", "Try to get out of an action of any REAPI server, and say how far that came");
  add_target(command, request,
             "NAME=VALUE that the actions ask for, to choose a worker; may be given several times");
  command->footer(about_probes);
  command->final_callback([&] { chosen = [&request] { return probe_server(request); }; });
}

int run(int argc, char** argv) {
  CLI::App app(about, "kiln");
  app.footer(examples);
  app.require_subcommand(0, 1);
  app.set_version_flag("--version", version_line());
  serve_request served, worker;
  check_request checked;
  describe_request described;
  bench_request benched;
  conform_request conformed;
  probe_request probed;
  run_request ran;
  bool explained = false;
  std::function<int()> chosen = [&served] { return serve(served); };
  app.failure_message([](const CLI::App*, const CLI::Error& fault) {
    return fmt::format("kiln: {}; see kiln --help\n", fault.what());
  });
  add_property(&app, served);
  add_serve(app, served, chosen);
  add_worker(app, worker, explained, chosen);
  add_tools(app, checked, described, chosen);
  add_bench(app, benched, chosen);
  add_conform(app, conformed, chosen);
  add_run(app, ran, chosen);
  add_probe(app, probed, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& fault) {
    return app.exit(fault) == 0 ? 0 : exit_usage;
  }
  return chosen();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    kiln::hide_environment();
    return run(argc, argv);
  } catch (const std::exception& fault) {
    std::fprintf(stderr, "kiln: %s\n", fault.what());
    return exit_internal;
  }
}
