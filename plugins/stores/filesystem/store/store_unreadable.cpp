#include <algorithm>

#include "core/observe/log.hpp"
#include "plugins/stores/filesystem/store/filesystem_store.hpp"

namespace kiln::filesystem {
namespace {

// Tried again after this long, then after twice as long, and so on: for a good half of an hour. A sector that
// is dead stays dead, and a disk takes its time to say so.
constexpr std::chrono::seconds first_wait{1};
constexpr unsigned max_reloads = 11;

}  // namespace

// Its bytes count, and it leaves when it is the oldest. Until it is read, no older record of a result is
// taken for the truth.
void store::keep_unreadable(std::uint64_t number, const error& why) {
  index_.note_unreadable(number);
  stats_.damaged_packs.add();
  if (deps_->env.log)
    deps_->env.log->warn("a pack cannot be read now; it is kept, and tried again",
                         {{"store", deps_->name}, {"pack", pack_name(number)}, {"error", why}});
  if (index_.find_pack(number)) return;
  auto look = [with = deps_, number]() -> expected<std::uint64_t> {
    auto facts = with->on().facts(with->folder->packs(), pack_name(number).c_str());
    if (!facts) return fail(facts.error().in_words("looking at a pack"));
    return std::min(facts->size, facts->occupied);
  };
  surely_on_pool(std::move(look), [this, number](const expected<std::uint64_t>& size) {
    if (!size || index_.find_pack(number)) return;
    auto unread = std::make_shared<pack_file>();
    unread->number = number;
    index_.insert_old_pack(std::move(unread), *size, index_.hours_before(0));
  });
}

void store::reload_later() {
  reload_awaited_ = !index_.unread().empty() && reloads_ < max_reloads;
  if (!reload_awaited_) return index_.forget_tombstones();
  later(first_wait * (1U << reloads_++), [this] {
    reload({index_.unread().begin(), index_.unread().end()});
  });
}

// One after the other.
void store::reload(std::vector<std::uint64_t> numbers) {
  while (!numbers.empty() && !index_.unread().contains(numbers.back())) numbers.pop_back();
  if (numbers.empty()) return reload_later();
  const std::uint64_t number = numbers.back();
  numbers.pop_back();
  auto load = [with = deps_, number]() -> expected<load_result> {
    auto pack = load_pack(*with, number);
    if (!pack) return fail(std::move(pack).error());
    return std::make_shared<const loaded_pack>(std::move(*pack));
  };
  surely_on_pool(std::move(load), [this, numbers](const expected<load_result>& pack) {
    pack ? reloaded(*pack, numbers) : reload(numbers);
  });
}

void store::reloaded(const load_result& pack, std::vector<std::uint64_t> others) {
  const std::uint64_t number = pack->file->number;
  held_pack* held = index_.find_pack(number);
  // It may have left meanwhile, or be on its way out.
  if (!index_.unread().contains(number) || (held && held->leaving)) return reload(std::move(others));
  if (held) {
    held->file = pack->file;
  } else {
    held = &index_.insert_old_pack(pack->file, pack->size, index_.hours_before(pack->hours_unused));
  }
  if (pack->marks) index_.set_order(*held, *pack->marks);
  enter_late(pack, 0, std::move(others));
}

void store::enter_late(const load_result& pack, std::size_t from, std::vector<std::uint64_t> others) {
  held_pack* held = index_.find_pack(pack->file->number);
  if (!held || held->leaving) return reload(std::move(others));
  if (from >= pack->records->size()) {
    now_read(*pack);
    return reload(std::move(others));
  }
  surely_on_pool(read_records(*pack, from),
                 [this, pack, from, others](const expected<std::vector<record>>& got) {
                   if (!got) return reload(others);
                   enter(*pack, *got);
                   enter_late(pack, from + got->size(), others);
                 });
}

void store::now_read(const loaded_pack& pack) {
  if (pack.unreadable) return;
  index_.note_read(pack.file->number);
  if (pack.unsynced) ++unproven_;
  trim();
  if (deps_->env.log)
    deps_->env.log->info(
        "a pack could be read now",
        {{"store", deps_->name}, {"pack", pack_name(pack.file->number)}, {"records", pack.records->size()}});
  if (!still_looking()) settle();
}

}  // namespace kiln::filesystem
