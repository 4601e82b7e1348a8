#include "actors/system/node_options.hpp"

#include "core/config/endpoint.hpp"

namespace kiln {
namespace {

using namespace std::chrono_literals;

schema<serve_options> serve_schema() {
  return schema<serve_options>{"What clients are answered. Any instance name is accepted."}
      .store("content", &serve_options::content, "The content addressable storage.")
      .store("results", &serve_options::results, "The action cache. Left out, there is none.")
      .section("limits", &serve_options::limits, cache_limits_schema(), "What clients may ask of the cache.")
      .section("byte_stream", &serve_options::byte_stream, byte_stream_schema(), "Uploads and downloads.")
      .section("compression", &serve_options::compression, compression_schema(), "What travels compressed.")
      .section("get_tree", &serve_options::get_tree, get_tree_schema(), "Whole trees of directories.")
      .section("chunking", &serve_options::chunking, chunking_schema(),
               "SplitBlob and SpliceBlob. Left out, they are not offered. Let `content` be a chunked store.")
      .section("action_cache", &serve_options::action_cache, action_cache_schema(),
               "What was the result of an action.")
      .section("remote_asset", &serve_options::remote_asset, remote_asset_schema(),
               "Assets by the names that the world knows them by. They are kept with the results.")
      .section("http_cache", &serve_options::http_cache, http_cache_schema(),
               "The cache for clients of HTTP, where a transport speaks that.")
      .section("execution", &serve_options::execution, execution_schema(),
               "Remote execution, for workers in this process or elsewhere. Left out, nothing is executed.")
      .section("scheduler", &serve_options::scheduler, scheduler_schema(),
               "How actions and workers come together.")
      .field("workers", &serve_options::workers,
             "The transport at which workers of other machines join, by its name. Clients are not answered "
             "there, and workers nowhere else. Left out, only the worker of this process runs actions.");
}

schema<logging_options> logging_schema() {
  return schema<logging_options>{"The log, on stderr."}
      .choice("level", &logging_options::level,
              {{"error", log_level::error},
               {"warn", log_level::warn},
               {"info", log_level::info},
               {"debug", log_level::debug}},
              "What is worth a line.")
      .choice("format", &logging_options::format, {{"text", log_format::text}, {"json", log_format::json}},
              "For people or for machines.")
      .field("calls", &logging_options::calls,
             "A line for each call, at the level info: who, what, in which instance, how it ended, bytes of "
             "messages in and out, and how long it took. Lines that come faster than they can be written are "
             "dropped and counted.");
}

expected<void> check_parts(const node_options& node) {
  if (!node.serve && !node.worker)
    return fail(errc::invalid_argument, "it has neither `serve` nor `worker`, so there is nothing to do");
  if (node.worker && node.scheduler.empty() && !(node.serve && node.serve->execution))
    return fail(
        errc::invalid_argument,
        "the worker has no scheduler: set `scheduler` to the HOST:PORT of one (kiln worker --scheduler), or "
        "add `serve.execution`");
  if (!node.scheduler.empty() && !node.worker)
    return fail(errc::invalid_argument,
                "`scheduler` names another machine's, but there is no `worker` to register there");
  bool far = !node.scheduler.empty() || (node.serve && !node.serve->workers.empty());
  if (far && node.worker_token.empty())
    return fail(
        errc::invalid_argument,
        "workers that join a scheduler on another machine show a token: set `worker_token` to a file");
  if (node.serve && !node.serve->workers.empty() && !node.serve->execution)
    return fail(errc::invalid_argument, "`serve.workers` is of no use without `serve.execution`");
  if (node.transports.empty())
    return fail(errc::invalid_argument, "it has no transport to listen or to dial with");
  return {};
}

}  // namespace

schema<node_options> node_schema(const kind_table& stores, const kind_table& transports) {
  return schema<node_options>{"One process of Kiln: its stores, its listeners, and what it does behind them."}
      .kinds("stores", &node_options::stores, stores, "Where bytes are kept, by names of your choosing.")
      .kinds("transports", &node_options::transports, transports, "How clients come in and how we go out.")
      .section("serve", &node_options::serve, serve_schema(),
               "What clients are answered. Left out, nothing is.")
      .section("worker", &node_options::worker, worker_schema(), "Runs actions. Left out, none are run here.")
      .field("scheduler", &node_options::scheduler,
             "HOST:PORT at which the scheduler's workers join, for the worker of this process; left out, it "
             "works for the scheduler in this process.",
             good_if{is_endpoint})
      .field("worker_token", &node_options::worker_token,
             "The file with the token that a worker shows when it joins the scheduler of another machine: "
             "named on both sides. A scheduler that finds no file makes one.")
      .section("log", &node_options::log, logging_schema(), "The log.")
      .field("drain", &node_options::drain_patience,
             "How long running calls and actions may take after SIGTERM, all in all. What still runs then is "
             "cut "
             "off, and the process ends at most 15 s later, whatever hangs.",
             at_least(duration(0s)), at_most(duration(1h)))
      .check(check_parts);
}

}  // namespace kiln
