#include <algorithm>
#include <set>

#include "actors/tools/conform/probe.hpp"

// 3. GetTree.
namespace kiln::conform {
namespace {

constexpr std::size_t largest_message = 4 << 20;  // that gRPC's clients take by default

// Directories that refer to each other, named by what they hold.
class forest {
public:
  explicit forest(probe& ask) : ask_(ask) {}

  /// A directory with these children, and something in it that no other tree has.
  blob add(const std::vector<blob>& children, std::size_t more_bytes = 0) {
    v2::Directory made;
    auto* file = made.add_files();
    file->set_name(fmt::format("file-{:016x}{}", ask_.fresh_number(), std::string(more_bytes, 'x')));
    *file->mutable_digest() = ask_.fresh(10).digest;
    for (std::size_t i = 0; i < children.size(); ++i) {
      auto* node = made.add_directories();
      node->set_name(fmt::format("child{:06}", i));
      *node->mutable_digest() = children[i].digest;
    }
    made_.push_back(blob_of(made.SerializeAsString(), ask_.server().main_function()));
    return made_.back();
  }
  /// What was added and not yet uploaded, in batches.
  void store() {
    std::vector<blob> batch;
    std::size_t bytes = 0;
    for (auto& one : made_) {
      if (bytes + one.data.size() > 1 << 20 || batch.size() == 4000) {
        ask_.store(std::exchange(batch, {}));
        bytes = 0;
      }
      bytes += one.data.size();
      batch.push_back(std::move(one));
    }
    if (!batch.empty()) ask_.store(batch);
    made_.clear();
  }

private:
  probe& ask_;
  std::vector<blob> made_;
};

answer<v2::GetTreeResponse> get_page(probe& ask, const blob& root, int size, const std::string& token) {
  auto request = ask.request<v2::GetTreeRequest>();
  *request.mutable_root_digest() = root.digest;
  request.set_page_size(size);
  request.set_page_token(token);
  return ask.ask<v2::GetTreeResponse>(probe::reapi("ContentAddressableStorage/GetTree"), request);
}

std::vector<std::string> directories_of(const answer<v2::GetTreeResponse>& got) {
  std::vector<std::string> all;
  for (const auto& message : got.messages)
    for (const auto& one : message.directories()) all.push_back(one.SerializeAsString());
  return all;
}

// Three levels: the root, `branches` below it, and two below each.
struct small_tree {
  blob root;
  std::set<std::string> all;
};
small_tree plant(probe& ask, int branches) {
  forest trees(ask);
  std::vector<blob> middle;
  small_tree made;
  auto add = [&](const std::vector<blob>& children) {
    auto one = trees.add(children);
    made.all.insert(one.data);
    return one;
  };
  for (int i = 0; i < branches; ++i) middle.push_back(add({add({}), add({})}));
  made.root = add(middle);
  trees.store();
  return made;
}

void expect_all(probe& ask, const std::vector<std::string>& got, const std::set<std::string>& wanted) {
  ask.check(std::set<std::string>(got.begin(), got.end()) == wanted,
            fmt::format("the tree's {} directories", wanted.size()));
}

void absent_child_is_left_out(probe& ask) {
  forest trees(ask);
  auto absent = trees.add({});
  forest present(ask);
  auto sibling = present.add({});
  auto root = present.add({absent, sibling});
  present.store();
  auto got = ask.get_tree(root.digest);
  ask.ok(got);
  expect_all(ask, directories_of(got), {root.data, sibling.data});
}

void pages_are_small_enough(probe& ask) {
  auto tree = plant(ask, 5);
  auto got = get_page(ask, tree.root, 3, "");
  ask.ok(got);
  for (const auto& message : got.messages)
    ask.check(message.directories_size() <= 3, "at most 3 directories in a response");
}

// The whole tree by resuming with the first token that is told, each time in a call of its own. What a stream
// brings without a token is all of the rest.
void tokens_resume(probe& ask) {
  auto tree = plant(ask, 5);
  std::vector<std::string> all;
  std::string token;
  for (std::size_t i = 0; i == 0 || !token.empty(); ++i) {
    ask.check(i <= tree.all.size(), "a token that leads to an end");
    auto got = get_page(ask, tree.root, 3, token);
    ask.ok(got);
    auto& pages = got.messages;
    auto telling =
        std::find_if(pages.begin(), pages.end(), [](const auto& m) { return !m.next_page_token().empty(); });
    token = telling == pages.end() ? "" : telling->next_page_token();
    if (telling != pages.end()) pages.erase(telling + 1, pages.end());
    auto some = directories_of(got);
    all.insert(all.end(), some.begin(), some.end());
  }
  expect_all(ask, all, tree.all);
}

void last_token_is_empty(probe& ask) {
  auto tree = plant(ask, 3);
  for (int size : {0, 2, 1000}) {
    auto got = get_page(ask, tree.root, size, "");
    ask.ok(got);
    ask.check(!got.messages.empty(), "a response");
    // A server may end its stream after one page; then the last token is that of the last call.
    std::string token = got.messages.back().next_page_token();
    for (int i = 0; i < 20 && !token.empty(); ++i) {
      got = get_page(ask, tree.root, size, token);
      ask.ok(got);
      token = got.messages.empty() ? "" : got.messages.back().next_page_token();
    }
    ask.check(token.empty(), "no token on the last page");
  }
}

void odd_tokens_are_refused(probe& ask) {
  auto tree = plant(ask, 5), other = plant(ask, 5);
  ask.expect(get_page(ask, tree.root, 3, "no token of yours"), errc::invalid_argument);
  ask.expect(get_page(ask, tree.root, 3, std::string(100, '\x01')), errc::invalid_argument);
  auto page = get_page(ask, other.root, 3, "");
  ask.ok(page);
  auto foreign = page.message().next_page_token();
  if (foreign.empty()) return;
  ask.expect(get_page(ask, tree.root, 3, foreign), errc::invalid_argument);
}

void messages_stay_small(probe& ask) {
  forest trees(ask);
  std::vector<blob> children;
  for (int i = 0; i < ask.scaled(400, 250); ++i) children.push_back(trees.add({}, 20'000));
  auto root = trees.add(children);
  trees.store();
  auto got = ask.get_tree(root.digest);
  ask.ok(got);
  for (const auto& message : got.messages)
    ask.check(message.ByteSizeLong() < largest_message, "messages of less than 4 MiB");
  ask.equal("directories", directories_of(got).size(), children.size() + 1);
}

void bomb_is_defused(probe& ask) {
  forest trees(ask);
  constexpr int depth = 60;
  blob below = trees.add({});
  std::set<std::string> all{below.data};
  for (int i = 0; i < depth; ++i) {
    below = trees.add({below, below});
    all.insert(below.data);
  }
  trees.store();
  auto got = ask.get_tree(below.digest);
  ask.ok(got);
  auto directories = directories_of(got);
  ask.equal("directories", directories.size(), all.size());
  expect_all(ask, directories, all);
}

void deep_chain_is_walked(probe& ask) {
  forest trees(ask);
  blob below = trees.add({});
  auto depth = ask.scaled(10'000, 1'000);
  for (int i = 1; i < depth; ++i) below = trees.add({below});
  trees.store();
  auto got = ask.get_tree(below.digest);
  ask.expect(got, {errc::ok, errc::invalid_argument});
  if (got.ok()) ask.equal("directories", directories_of(got).size(), static_cast<std::size_t>(depth));
  ask.is_missing(ask.fresh());
}

// The best of several tries: what else the machine does is not the server's fault.
duration time_of_page(probe& ask, const blob& root, const std::string& token) {
  auto best = duration::max();
  for (int i = 0; i < 5; ++i) {
    auto started = ask.time().now();
    auto request = ask.request<v2::GetTreeRequest>();
    *request.mutable_root_digest() = root.digest;
    request.set_page_size(10);
    request.set_page_token(token);
    auto talk =
        ask.open<v2::GetTreeRequest, v2::GetTreeResponse>(probe::reapi("ContentAddressableStorage/GetTree"));
    talk.send(request);
    talk.half_close();
    talk.next();
    best = std::min<duration>(best, ask.time().now() - started);
    talk.cancel();
  }
  return best;
}

void late_pages_cost_as_little(probe& ask) {
  forest trees(ask);
  std::vector<blob> children;
  auto count = ask.scaled(5000, 1000);
  for (int i = 0; i < count; ++i) children.push_back(trees.add({}));
  auto root = trees.add(children);
  trees.store();
  auto whole = get_page(ask, root, 10, "");
  ask.ok(whole);
  if (whole.messages.size() < 20) ask.skip("the tree comes in one page whatever the page size");
  auto early = time_of_page(ask, root, whole.messages[1].next_page_token());
  auto late = time_of_page(ask, root, whole.messages[whole.messages.size() - 4].next_page_token());
  using milliseconds = std::chrono::duration<double, std::milli>;
  if (late > 10 * early + std::chrono::milliseconds(20))
    ask.fail(
        fmt::format("a late page about as quick as an early one ({:.1f} ms)", milliseconds(early).count()),
        fmt::format("{:.1f} ms", milliseconds(late).count()));
}

}  // namespace

std::vector<rule> get_tree_rules() {
  constexpr auto tree = needs::cache | needs::optional;
  return {
      {49, tag::stated, "a root that is absent is NOT_FOUND", tree,
       [](probe& ask) { ask.expect(ask.get_tree(ask.fresh().digest), errc::not_found); }},
      {50, tag::stated, "a child that is absent is left out, and the rest is told", tree,
       absent_child_is_left_out},
      {51, tag::stated, "a response has no more directories than the page size", tree,
       pages_are_small_enough},
      {52, tag::stated, "the tokens lead through the whole tree", tree, tokens_resume},
      {53, tag::stated, "the last page has no token", tree, last_token_is_empty},
      {54, tag::choice, "a token that is forged or another tree's is INVALID_ARGUMENT", tree,
       odd_tokens_are_refused},
      {55, tag::choice, "a negative page size is INVALID_ARGUMENT", tree,
       [](probe& ask) { ask.expect(get_page(ask, plant(ask, 1).root, -1, ""), errc::invalid_argument); }},
      {56, tag::choice, "a root that is no Directory is INVALID_ARGUMENT", tree,
       [](probe& ask) {
         auto text =
             blob_of(fmt::format("\x07 no directory {}", ask.fresh_number()), ask.server().main_function());
         ask.store(text);
         ask.expect(ask.get_tree(text.digest), errc::invalid_argument);
       }},
      {57, tag::choice, "a large tree comes in messages of less than 4 MiB", tree, messages_stay_small},
      {58, tag::choice, "each directory comes once, though 2^60 paths lead to it", tree, bomb_is_defused},
      {59, tag::choice, "a chain of 10,000 directories is walked, or INVALID_ARGUMENT", tree | needs::slow,
       deep_chain_is_walked},
      {60, tag::choice, "a late page costs no more than an early one", tree | needs::alone | needs::slow,
       late_pages_cost_as_little},
  };
}

}  // namespace kiln::conform
