#include "actors/worker/trees/tree_shelf.hpp"

#include <fcntl.h>
#include <linux/fs.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <utility>

#include "actors/worker/command/command_plan.hpp"
#include "actors/worker/fault_owners.hpp"
#include "actors/worker/inputs/materializer.hpp"
#include "actors/worker/trees/tree_look.hpp"
#include "core/observe/log.hpp"

namespace kiln {
namespace {

constexpr char unfinished[] = "new-";
constexpr char stamp_file[] = "stamp";
constexpr char record_file[] = "record";
constexpr char layer_folder[] = "layer";
constexpr char whiteout[] = "whiteout";
constexpr std::size_t most_names = 1'000'000;
// Of the disk: ext4 has one inode for so many bytes of it, and a folder, a link or an empty file takes one.
constexpr std::uint64_t of_inode = 16384;
constexpr std::uint64_t largest_record = std::uint64_t{1} << 30;

failure shelf_fault(const disk_error& why, const std::string& doing) {
  return failure(fault_of(purpose::own_folder, why.number, doing));
}

expected<std::string> read_file(disk& on, const descriptor& in, const std::string& path, std::uint64_t most) {
  // Whatever it is: nobody may have to write to it.
  auto file = on.open_beneath(in, path, O_RDONLY | O_NONBLOCK, follow::none);
  if (!file) return shelf_fault(file.error(), "opening " + path);
  auto facts = on.facts(*file);
  if (!facts) return shelf_fault(facts.error(), "looking at " + path);
  if (facts->kind != file_kind::file || facts->size > most)
    return fail(errc::data_loss, "{} is not a file of at most {} bytes", path, most);
  std::string content(static_cast<std::size_t>(facts->size), '\0');
  auto read = read_all(on, *file, content, 0);
  if (!read) return shelf_fault(read.error(), "reading " + path);
  content.resize(*read);
  return content;
}

expected<void> write_file(disk& on, const descriptor& in, const char* name, std::string_view content) {
  auto file = on.open_beneath(in, name, O_WRONLY | O_CREAT | O_TRUNC, follow::none, 0600);
  if (!file) return shelf_fault(file.error(), std::string("making ") + name);
  if (auto written = write_all(on, *file, content, 0); !written)
    return shelf_fault(written.error(), std::string("writing ") + name);
  return {};
}

expected<descriptor> make_folder(disk& on, const descriptor& in, const std::string& name, unsigned mode) {
  auto made = on.make_folder(in, name.c_str(), mode);
  if (!made && made.error().number != EEXIST) return shelf_fault(made.error(), "making folder " + name);
  auto opened = on.open_beneath(in, name, O_RDONLY | O_DIRECTORY, follow::none);
  if (opened) made = on.set_mode(*opened, mode);
  if (!opened) return shelf_fault(opened.error(), "opening folder " + name);
  if (!made) return shelf_fault(made.error(), "setting the mode of folder " + name);
  return std::move(*opened);
}

/// As the kernel names it; empty where it does not.
std::string start_of_machine(disk& on) {
  char name[64];
  auto file = on.open(descriptor(), "/proc/sys/kernel/random/boot_id", O_RDONLY);
  auto read = file ? read_all(on, *file, name, 0) : tl::unexpected(file.error());
  return read ? std::string(name, *read) : std::string();
}

/// Its files, each once, and the inodes that are its own: those that are linked are not.
std::uint64_t weight_of(const input_tree& tree) {
  std::uint64_t inodes = tree.folders.size() + tree.symlinks.size(), bytes = 0;
  for (const auto& file : tree.files)
    if (is_empty_blob(file.blob)) ++inodes;
  for (const auto& [which, lent] : tree.lent) {
    bytes += static_cast<std::uint64_t>(which.blob.size);
    if (!which.executable) ++inodes;
  }
  return bytes + inodes * of_inode;
}

/// The number at the end of a tree's name; 0 for what is no such name.
std::uint64_t number_of(std::string_view name) {
  const auto dash = name.rfind('-');
  if (dash == std::string_view::npos) return 0;
  std::uint64_t number = 0;
  const char* end = name.data() + name.size();
  auto [at, fault] = std::from_chars(name.data() + dash + 1, end, number);
  return fault == std::errc() && at == end ? number : 0;
}

}  // namespace

cached_tree::~cached_tree() {
  if (!kept && home) home->remove_later(name);
}

expected<std::shared_ptr<tree_shelf>> tree_shelf::open(std::shared_ptr<work_root> root,
                                                       std::shared_ptr<thread_pool> removals,
                                                       const std::string& maker, logger* log) {
  std::shared_ptr<tree_shelf> made(new tree_shelf(std::move(root), std::move(removals), log));
  if (auto ours = made->take_over(maker); !ours) return with_context(ours.error(), "the kept input trees");
  return made;
}

expected<void> tree_shelf::take_over(const std::string& maker) {
  // Of this start of the machine: what was not synced before it may be anything.
  const auto boot = start_of_machine(on());
  const auto stamp = maker + "\n" + boot;
  for (;;) {
    auto folder = make_folder(on(), root_->folder(), "trees", 0700);
    if (!folder) return failure(std::move(folder).error());
    folder_ = std::move(*folder);
    auto there = read_file(on(), folder_, stamp_file, 4096);
    if (!boot.empty() && there && *there == stamp) return {};
    auto names = names_in(on(), folder_, 1);
    if (names && names->empty()) return write_file(on(), folder_, stamp_file, stamp);
    if (auto gone = root_->discard("trees"); !gone) return gone;
  }
}

expected<std::shared_ptr<cached_tree>> tree_shelf::build(const tree_order& order,
                                                         const std::atomic<bool>& stop) {
  const auto number = std::to_string(next_++);
  const auto name = order.root.hex() + "-" + number;
  const auto fresh = unfinished + number;
  tree_record record;
  auto done = make_all(fresh, order, stop, record);
  if (done) {
    auto shown = on().rename(folder_, fresh.c_str(), folder_, name.c_str(), RENAME_NOREPLACE);
    if (!shown) done = shelf_fault(shown.error(), "showing an input tree");
  }
  if (!done) {
    remove_later(fresh);
    return failure(std::move(done).error());
  }
  auto made = make_tree(record, name);
  made->base = order.base;
  return made;
}

std::shared_ptr<cached_tree> tree_shelf::make_tree(const tree_record& record, const std::string& name) {
  auto made = std::make_shared<cached_tree>();
  made->root = record.root;
  made->name = name;
  made->layer = root_->path() + "/trees/" + name + "/" + layer_folder;
  made->bytes = record.bytes;
  made->entries = record.entries.size();
  made->made = record.made;
  made->home = shared_from_this();
  return made;
}

expected<void> tree_shelf::make_all(const std::string& name, const tree_order& order,
                                    const std::atomic<bool>& stop, tree_record& record) {
  auto home = make_folder(on(), folder_, name, 0700);
  if (!home) return failure(std::move(home).error());
  auto layer = make_folder(on(), *home, layer_folder, 0755);
  if (!layer) return failure(std::move(layer).error());
  if (auto laid = lay_out(on(), *layer, *order.tree, same_user, stop); !laid)
    return failure(std::move(laid).error());
  if (auto hidden = hide(*layer, *order.tree); !hidden) return hidden;
  record.root = order.root;
  record.made = order.made;
  if (order.base)
    record.base = order.base->name;
  else
    record.directories = order.directories;
  const auto& tree = *order.tree;
  auto entries = look_at_tree(
      on(), *layer, tree.folders.size() + tree.files.size() + tree.symlinks.size() + tree.hidden.size());
  if (!entries) return failure(std::move(entries).error());
  record.entries = std::move(*entries);
  record.bytes = weight_of(tree);
  return write_file(on(), *home, record_file, serialise(record).view());
}

/// The kernel makes such an entry in the place of what is renamed; one is made, and linked wherever it is
/// wanted.
expected<void> tree_shelf::hide(const descriptor& layer, const input_tree& tree) {
  if (tree.hidden.empty()) return {};
  for (const auto& one : tree.hidden) {
    auto in = on().open_beneath(layer, tree.folders[one.in].path, O_PATH | O_DIRECTORY, follow::none);
    if (!in) return shelf_fault(in.error(), "opening a folder of an input tree");
    auto linked = on().link(folder_, whiteout, *in, one.name.c_str());
    if (linked) continue;
    if (linked.error().number != ENOENT && linked.error().number != EMLINK)
      return shelf_fault(linked.error(), "hiding " + one.name);
    const auto spare = unfinished + std::to_string(next_++);
    (void)on().remove(folder_, whiteout);
    if (auto made = write_file(on(), folder_, spare.c_str(), ""); !made) return made;
    auto moved = on().rename(folder_, spare.c_str(), *in, one.name.c_str(), RENAME_WHITEOUT);
    if (!moved) return shelf_fault(moved.error(), "making what hides an entry");
    auto back = on().remove(*in, one.name.c_str());
    if (back) back = on().link(folder_, spare.c_str(), *in, one.name.c_str());
    if (back) back = on().rename(folder_, spare.c_str(), folder_, whiteout);
    if (!back) return shelf_fault(back.error(), "hiding " + one.name);
  }
  return {};
}

expected<tree_record> tree_shelf::read_record(const std::string& name) {
  auto content = read_file(on(), folder_, name + "/" + record_file, largest_record);
  if (!content) return failure(std::move(content).error());
  return read_tree_record(*content);
}

std::vector<tree_shelf::found> tree_shelf::load() {
  auto names = names_in(on(), folder_, most_names);
  if (!names) {
    if (log_)
      log_->warn("the kept input trees cannot be listed",
                 {{"error", names.error().in_words("listing them").message()}});
    return {};
  }
  struct read_one {
    tree_record record;
    found made;
  };
  std::unordered_map<std::string, read_one> all;
  for (const auto& name : *names) {
    if (name == stamp_file || name == whiteout) continue;
    if (const auto number = number_of(name); number >= next_) next_ = number + 1;
    auto record =
        name.starts_with(unfinished) ? fail(errc::data_loss, "it was not finished") : read_record(name);
    std::shared_ptr<const walked_tree> walk;
    if (record && record->base.empty()) {
      auto walked = walk_of(*record);
      if (!walked) record = failure(std::move(walked).error());
      if (walked) walk = std::move(*walked);
    }
    if (!record) {
      if (log_ && !name.starts_with(unfinished))
        log_->warn("a kept input tree is not whole, and is removed",
                   {{"tree", name}, {"error", record.error().message()}});
      remove_later(name);
      continue;
    }
    auto tree = make_tree(*record, name);
    tree->checked = false;
    all.emplace(name, read_one{std::move(*record), {std::move(tree), std::move(walk)}});
  }
  std::vector<found> result;
  for (auto& [name, one] : all) {
    if (!one.record.base.empty()) {
      auto base = all.find(one.record.base);
      if (base == all.end() || !base->second.record.base.empty()) continue;  // and goes with its last holder
      one.made.tree->base = base->second.made.tree;
    }
    one.made.tree->kept = true;
    result.push_back(one.made);
  }
  // Those below others first.
  std::stable_partition(result.begin(), result.end(), [](const found& one) { return !one.tree->base; });
  return result;
}

bool tree_shelf::is_whole(const cached_tree& which) {
  auto record = read_record(which.name);
  if (!record || record->root != which.root) return false;
  auto layer =
      on().open_beneath(folder_, which.name + "/" + layer_folder, O_RDONLY | O_DIRECTORY, follow::none);
  if (!layer) return false;
  auto entries = look_at_tree(on(), *layer, record->entries.size() + 1);
  return entries && *entries == record->entries;
}

expected<std::string> tree_shelf::make_sample() {
  const auto name = unfinished + std::to_string(next_++);
  auto sample = make_folder(on(), folder_, name, 0755);
  if (!sample) return failure(std::move(sample).error());
  auto kept = make_folder(on(), *sample, "kept", 0755);
  if (!kept) return failure(std::move(kept).error());
  if (auto file = write_file(on(), *kept, "file", "kept"); !file) return failure(std::move(file).error());
  return root_->path() + "/trees/" + name;
}

void tree_shelf::remove_later(const std::string& name) {
  auto work = [self = shared_from_this(), name] {
    if (auto gone = remove_tree(self->on(), self->folder_, name); !gone && self->log_)
      self->log_->error("an input tree could not be removed",
                        {{"tree", name}, {"error", gone.error().to_string()}});
  };
  // What the thread pool does not take is found at the next start; without its record it is no tree.
  if (!removals_->post(std::move(work))) (void)on().remove(folder_, (name + "/" + record_file).c_str());
}

}  // namespace kiln
