#include <fcntl.h>

#include <cerrno>

#include "plugins/stores/filesystem/shared/shared_folder.hpp"

/// How a process becomes one of those that serve a folder. All of it behind the gate.
namespace kiln::filesystem {
namespace {

std::string_view word_of(bool durable) {
  return durable ? "durable" : "relaxed";
}

}  // namespace

std::string shared_folder::slot_name(unsigned number) {
  return fmt::format("slot-{:02x}", number);
}

expected<void> shared_folder::join(const sharing& how, const format& found) {
  auto others = take_slot();
  if (!others) return fail(std::move(others).error());
  const bool alone = !*others;
  if (!alone && found.is_new)
    return fail(errc::failed_precondition,
                "the folder {} is served by others, but {}/{} and its copy are gone: put one of them back, "
                "or stop the "
                "others and empty the folder",
                path_, path_, format_file);
  if (auto done = choose_mode(how, alone); !done) return done;
  if (!alone && found.was_durable != how.durable)
    return fail(
        errc::failed_precondition,
        "the folder {} is served by processes that are {}, and this store is to be {}; give all of them "
        "the same durability",
        path_, word_of(found.was_durable), word_of(how.durable));
  if (auto done = make_tree(blob_tree::content); !done) return done;
  if (auto done = make_temp(how); !done) return done;
  auto usage = usage_file::open(on_, locks_, mode_, slot_);
  if (!usage) return fail(in_words(usage.error(), "opening", "locks/usage"));
  if (auto done = usage->clear(slot_); !done) return fail(in_words(done.error(), "writing", "locks/usage"));
  if (auto done = sweep_dead(*usage); !done) return done;
  // Whoever comes mends what was damaged, with what the others serve by.
  if (!alone) return format_was_damaged() ? write_format(how) : expected<void>();
  return begin_anew(how, found, *usage);
}

// Nobody else is here, so what is written down is what the last process found or did.
expected<void> shared_folder::begin_anew(const sharing& how, const format& found, usage_file& usage) {
  if (!found.same_boot) {
    if (!found.is_new && !found.was_durable)
      if (auto done = drop_doubted(); !done) return done;
    // Nor is it known how much of what was counted reached the disk.
    if (auto done = usage.doubt_all(); !done) return fail(in_words(done.error(), "writing", "locks/usage"));
  } else if (!found.was_durable && how.durable) {
    if (auto done = sync_all(); !done) return done;
  }
  return write_format(how);
}

expected<void> shared_folder::write_format(const sharing& how) {
  return replace_format(fmt::format("{}\nholds {}\nkey {:016x}\nboot {}\nkeeps {}\n", shared_format_line,
                                    name_of(how.what), key_, how.boot_id, word_of(how.durable)));
}

// The lowest number that is free. Whether anybody else is here.
expected<bool> shared_folder::take_slot() {
  bool others = false;
  for (unsigned number = 0; number < usage_file::processes; ++number) {
    const std::string name = slot_name(number);
    auto file = on_.open(locks_, name.c_str(), O_RDWR);
    if (!file && file.error().number == ENOENT && !my_slot_)
      file = on_.open(locks_, name.c_str(), O_RDWR | O_CREAT, 0644);
    if (!file && file.error().number == ENOENT) continue;
    if (!file) return fail(in_words(file.error(), "opening", "locks/" + name));
    auto held = on_.lock_whole(*file, lock_kind::exclusive);
    if (!held && held.error().number != EWOULDBLOCK)
      return fail(in_words(held.error(), "locking", "locks/" + name));
    if (!held) {
      others = true;
    } else if (!my_slot_) {
      my_slot_ = std::move(*file);
      slot_ = number;
    }
  }
  if (my_slot_) return others;
  return fail(errc::failed_precondition, "the folder {} is served by {} processes already, and no more can",
              path_, usage_file::processes);
}

// Locks of two kinds do not see one another, so whoever is first decides for all.
expected<void> shared_folder::choose_mode(const sharing& how, bool alone) {
  if (how.coarse) {
    mode_ = lock_mode::coarse;
  } else if (auto works = fine_locks_work(on_, locks_); !works) {
    mode_ = lock_mode::coarse;
    why_coarse_ = std::move(works).error();
  }
  if (alone) return replace_text("locks/mode", fmt::format("{}\n", name_of(mode_)));
  auto text = read_small(on_, root_, "locks/mode");
  if (!text) return fail(in_words(text.error(), "reading", "locks/mode"));
  const bool is_coarse = text->starts_with(name_of(lock_mode::coarse));
  if (mode_ == lock_mode::coarse && !is_coarse)
    return fail(
        errc::failed_precondition,
        "the folder {} is served with a lock for each blob, and this process {}; stop the others first, or "
        "raise its limit of open files",
        path_, how.coarse ? "is to use a coarse one" : "can only have a coarse one");
  if (mode_ == lock_mode::fine && is_coarse) {
    mode_ = lock_mode::coarse;
    why_coarse_ = error(errc::failed_precondition, "the others that serve the folder use coarse locks");
  }
  return {};
}

expected<void> shared_folder::make_temp(const sharing& how) {
  if (auto done = make_folder(root_, "temp"); !done) return done;
  const std::string mine = fmt::format("temp/{:02x}", slot_);
  if (auto done = make_folder(root_, mine); !done) return done;
  // Whoever had this number before is gone.
  sweep_temp(slot_);
  auto temp = open_below(mine.c_str());
  if (!temp) return fail(std::move(temp).error());
  temp_ = std::move(*temp);
  // Who had the number before may still be about to remove its own.
  temp_prefix_ = fmt::format("{:x}-", how.chance & 0xffffffff);
  return make_empty_file();
}

}  // namespace kiln::filesystem
