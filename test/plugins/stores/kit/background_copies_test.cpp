#include <boost/test/unit_test.hpp>

#include "core/store_kit/background_copies.hpp"
#include "test/plugins/stores/kit/acting_store.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(copies_in_the_background)

// What the test does in the actor that copies.
struct copier_script {
  std::function<void(background_copies&)> next;
};

class copier {
public:
  copier(resumable_store::pointer self, const kiln::clock* time, std::shared_ptr<thread_pool> hashing,
         copy_limits limits, std::shared_ptr<copier_script> script)
      : times_(self, *time), copies_(self, times_, std::move(hashing), limits), script_(std::move(script)) {}

  store_flushed take(const flush_store&) {
    script_->next(copies_);
    return {};
  }
  template <class Order>
  caf::result<answer_to<Order>> pass_on(Order&) {
    return answer_to<Order>{};
  }
  void pass_on(watch_store&) {}

private:
  deadlines times_;
  background_copies copies_;
  const std::shared_ptr<copier_script> script_;
};

struct copying : acting_stores {
  std::shared_ptr<copier_script> script = std::make_shared<copier_script>();
  std::map<digest, std::string> ends;
  copy_limits limits;

  explicit copying(copy_limits given = {}) : limits(given) {
    add("from");
    add("to");
    restart();
  }
  ~copying() {
    system.end(top);
    held.clear();
  }
  void restart() {
    top = system.own(spawn_store<copier>(system.actors(), system.env(), system.env().time,
                                         std::shared_ptr<thread_pool>(system.env().pools->make("hash", 1)),
                                         limits, script));
  }
  template <class What>
  void in_actor(What what) {
    script->next = what;
    BOOST_REQUIRE(ask(flush_store{}));
  }
  bool add_copy(const digest& blob, bool is_damaged = false) {
    bool is_taken = false;
    in_actor([&](background_copies& copies) {
      is_taken = copies.add({blob, from().shown, to().shown,
                             [this, blob](const expected<bool>& how) {
                               ends[blob] = how ? (*how ? "copied" : "was there") : std::string(said(how));
                             },
                             is_damaged});
    });
    return is_taken;
  }
  std::string exclude(std::vector<digest> blobs, steady_time until = waits_for_ever) {
    auto heard = std::make_shared<std::string>("waits");
    holders.push_back(heard);
    in_actor([&](background_copies& copies) {
      copies.exclude(blobs, until, [this, heard](expected<background_copies::hold> hold) {
        *heard = said(hold);
        if (hold) held.push_back(std::move(*hold));
      });
    });
    return *heard;
  }
  template <class What>
  std::size_t figure(What what) {
    std::size_t found = 0;
    in_actor([&](background_copies& copies) { found = what(copies); });
    return found;
  }
  std::size_t under_way() {
    return figure([](auto& copies) { return copies.under_way(); });
  }
  std::size_t stuck() {
    return figure([](auto& copies) { return copies.stuck(); });
  }
  std::size_t busy() {
    return figure([](auto& copies) { return copies.busy(); });
  }
  void go_on(part& one) {
    for (auto& next : std::exchange(one.how->waiting, {})) next();
    system.run();
  }
  part& from() { return (*this)["from"]; }
  part& to() { return (*this)["to"]; }

  std::vector<std::shared_ptr<std::string>> holders;
  std::vector<background_copies::hold> held;
};

struct one_at_a_time : copying {
  one_at_a_time() : copying({.waiting = 3, .at_once = 1, .stuck = 2}) {}
};

BOOST_FIXTURE_TEST_CASE(copy_what_is_not_there_and_leave_what_is, copying) {
  const auto fresh = put("from", "fresh"), both = put("from", "both");
  put("to", "both");
  BOOST_TEST((add_copy(fresh) && add_copy(both)));
  BOOST_TEST((ends[fresh] == "copied" && ends[both] == "was there"));
  BOOST_TEST(read_in("to", fresh).value() == "fresh");
  BOOST_TEST(busy() == 0U);
}

BOOST_FIXTURE_TEST_CASE(verify_what_they_copy, copying) {
  const auto blob = digest_of("what it was"), absent = digest_of("absent");
  plant("from", blob, rotten("what it was"));
  BOOST_TEST((add_copy(blob) && add_copy(absent)));
  BOOST_TEST((ends[blob] == "DATA_LOSS" && ends[absent] == "NOT_FOUND"));
  BOOST_TEST((!has("to", blob) && busy() == 0U));
}

BOOST_FIXTURE_TEST_CASE(replace_what_is_damaged, copying) {
  const auto blob = put("from", "good");
  plant("to", blob, rotten("good"));
  BOOST_TEST(add_copy(blob, true));
  BOOST_TEST(ends[blob] == "copied");
  BOOST_TEST(read_in("to", blob).value() == "good");
  to().how->fail_with<forget_blob>({errc::unimplemented, "it forgets nothing"});
  BOOST_TEST(add_copy(blob, true));
  BOOST_TEST(ends[blob] == "UNIMPLEMENTED");
  BOOST_TEST(has("to", blob));
}

BOOST_FIXTURE_TEST_CASE(are_few_at_once_and_refuse_what_has_no_room, one_at_a_time) {
  std::vector<digest> blobs;
  for (int i = 0; i < 6; ++i) blobs.push_back(put("from", std::to_string(i)));
  to().how->is_slow = [] { return true; };
  for (std::size_t i = 0; i < 4; ++i) BOOST_TEST(add_copy(blobs[i]));
  BOOST_TEST(!add_copy(blobs[4]));
  BOOST_TEST((!add_copy(blobs[0]) && !add_copy(blobs[1])));  // under way, and waiting
  BOOST_TEST((under_way() == 1U && to().how->waiting.size() == 1U));
  to().how->is_slow = nullptr;
  go_on(to());
  for (std::size_t i = 0; i < 4; ++i) BOOST_TEST(ends[blobs[i]] == "copied");
  BOOST_TEST(add_copy(blobs[4]));
  BOOST_TEST(ends[blobs[4]] == "copied");
}

BOOST_AUTO_TEST_CASE(one_that_is_larger_than_all_goes_alone) {
  copying on({.bytes_at_once = 1000});
  const auto small = on.put("from", "small"), large = on.put("from", std::string(2000, 'x')),
             last = on.put("from", "last");
  on.to().how->is_slow = [] { return true; };
  for (const auto& blob : {small, large, last}) BOOST_TEST(on.add_copy(blob));
  BOOST_TEST(on.under_way() == 1U);
  on.go_on(on.to());
  on.go_on(on.to());
  BOOST_TEST((on.ends[small] == "copied" && on.under_way() == 1U));
  on.to().how->is_slow = nullptr;
  on.go_on(on.to());
  BOOST_TEST((on.ends[large] == "copied" && on.ends[last] == "copied"));
}

BOOST_FIXTURE_TEST_CASE(go_on_at_once_for_who_changes_what_is_not_copied_and_copy_nothing_while_it_is_held,
                        copying) {
  const auto blob = put("from", "blob"), other = put("from", "other");
  BOOST_TEST(exclude({blob, blob}) == "OK");
  BOOST_TEST((!add_copy(blob) && add_copy(other)));
  held.clear();
  system.run();
  BOOST_TEST(busy() == 0U);
  BOOST_TEST(add_copy(blob));
  BOOST_TEST(ends[blob] == "copied");
}

BOOST_FIXTURE_TEST_CASE(give_up_what_waits_and_what_only_looks_for_who_changes_it, one_at_a_time) {
  const auto one = put("from", "one"), two = put("from", "two");
  to().how->is_slow = [] { return true; };
  BOOST_TEST((add_copy(one) && add_copy(two)));
  BOOST_TEST(exclude({one, two}) == "OK");
  BOOST_TEST((ends[one] == "ABORTED" && ends[two] == "ABORTED"));
  to().how->is_slow = nullptr;
  go_on(to());
  BOOST_TEST((!has("to", one) && !has("to", two)));
  held.clear();
  system.run();
  BOOST_TEST((busy() == 0U && under_way() == 0U));
}

BOOST_FIXTURE_TEST_CASE(are_cut_off_while_they_read_for_who_changes_the_blob, copying) {
  const auto blob = put("from", "blob");
  from().how->is_slow = [] { return true; };
  BOOST_TEST(add_copy(blob));
  BOOST_REQUIRE(from().how->waiting.size() == 1U);
  BOOST_TEST(exclude({blob}) == "OK");
  BOOST_TEST(ends[blob] == "ABORTED");
  from().how->is_slow = nullptr;
  go_on(from());
  BOOST_TEST(!has("to", blob));
}

BOOST_FIXTURE_TEST_CASE(are_waited_for_where_they_are_about_to_be_kept_until_a_time, copying) {
  const auto blob = put("from", "blob");
  to().how->is_slow = [this] { return to().seen<write_blob>() == 1; };
  BOOST_TEST(add_copy(blob));
  BOOST_TEST(exclude({blob}, after(5s)) == "waits");
  auto in_time = holders.back();
  BOOST_TEST(exclude({blob}, after(20s)) == "waits");
  system.pass(5100ms);
  BOOST_TEST(*in_time == "DEADLINE_EXCEEDED");
  BOOST_TEST(*holders.back() == "waits");
  to().how->is_slow = nullptr;
  go_on(to());
  BOOST_TEST(*holders.back() == "OK");
  BOOST_TEST(held.size() == 1U);
  held.clear();
  system.run();
  BOOST_TEST(busy() == 0U);
}

BOOST_FIXTURE_TEST_CASE(give_their_place_to_others_when_a_store_hangs_but_are_not_forgotten, one_at_a_time) {
  const auto hung = put("from", "hung"), next = put("from", "next");
  to().how->hangs_in_writes = true;
  BOOST_TEST(add_copy(hung));
  to().how->hangs_in_writes = false;
  BOOST_TEST(add_copy(next));
  system.pass(62s);
  BOOST_TEST((ends[hung] == "DEADLINE_EXCEEDED" && ends[next] == "copied"));
  BOOST_TEST((stuck() == 1U && under_way() == 0U));
  BOOST_TEST(exclude({hung}, after(5s)) == "waits");  // it might be written yet
  to().how->owed.clear();
  system.run();
  BOOST_TEST(*holders.back() == "OK");
  held.clear();
  system.run();
  BOOST_TEST((stuck() == 0U && busy() == 0U));
}

BOOST_FIXTURE_TEST_CASE(are_begun_no_more_while_too_many_are_stuck, one_at_a_time) {
  std::vector<digest> blobs;
  for (int i = 0; i < 4; ++i) blobs.push_back(put("from", std::to_string(i)));
  to().how->hangs_in_writes = true;
  for (const auto& blob : blobs) BOOST_TEST(add_copy(blob));
  system.pass(5min);
  BOOST_TEST((stuck() == 2U && under_way() == 0U && to().how->owed.size() == 2U));
  to().how->heal();
  system.run();
  BOOST_TEST((ends[blobs[2]] == "copied" && ends[blobs[3]] == "copied"));
  BOOST_TEST((stuck() == 0U && busy() == 0U));
}

BOOST_FIXTURE_TEST_CASE(do_not_wait_long_for_who_does_not_say_whether_it_is_there, one_at_a_time) {
  const auto blob = put("from", "blob"), next = put("from", "next");
  to().how->hangs = true;
  BOOST_TEST(add_copy(blob));
  to().how->hangs = false;
  BOOST_TEST(add_copy(next));
  system.pass(10100ms);
  BOOST_TEST((ends[blob] == "DEADLINE_EXCEEDED" && ends[next] == "copied"));
  BOOST_TEST((stuck() == 0U && busy() == 0U));
}

BOOST_AUTO_TEST_CASE(may_take_longer_for_more_bytes) {
  copying on({.slowest = 100});
  const auto large = on.put("from", std::string(3000, 'x'));
  on.to().how->hangs_in_writes = true;
  BOOST_TEST(on.add_copy(large));
  on.system.pass(80s);
  BOOST_TEST(on.ends[large].empty());
  on.system.pass(11s);
  BOOST_TEST(on.ends[large] == "DEADLINE_EXCEEDED");
}

BOOST_AUTO_TEST_SUITE_END()
