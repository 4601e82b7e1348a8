#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "test/actors/system/played_node.hpp"

namespace kiln::test {

/// A node with everything in it, and its clients, over a disk and processes that fail as a seed says:
/// uploads, reads, executions, clients that vanish, restarts, power cuts. What must not be is written down as
/// a breach.
class simulation {
public:
  explicit simulation(std::uint64_t seed);
  simulation(const simulation&) = delete;
  simulation& operator=(const simulation&) = delete;

  /// So many things happen, then the faults end, and everything has to come to its end.
  void live(int steps);

  /// Sentences of what went wrong; empty: all is well.
  const std::vector<std::string>& breaches() const noexcept { return breaches_; }
  trace done() const noexcept { return kiln_.done(); }
  std::string log_lines() { return kiln_.system().log_lines(); }
  /// How often each thing was done, for whoever wonders whether anything was.
  const std::map<std::string, int>& counts() const noexcept { return counts_; }

private:
  struct upload {
    digest blob;
    std::string content;
    std::shared_ptr<direct_call> call;
    bool in_batch = false;
  };
  struct download {
    digest blob;
    std::shared_ptr<direct_call> call;
  };
  struct execution {
    std::string word;
    digest action;
    std::shared_ptr<direct_call> preparing;  ///< its blobs are on their way
    std::shared_ptr<direct_call> call;
  };

  /// What a command's one output holds.
  static std::string made_by(const std::string& word) { return "made by " + word; }
  std::uint64_t pick(std::uint64_t below) { return chance_->next() % below; }
  std::string fresh_content();
  std::shared_ptr<direct_call> begin_batch(const std::vector<std::string>& contents);
  execution prepare(scripted_process script, bool with_input);
  void live_through(int steps);
  void step();
  void begin_batch();
  void begin_stream();
  void begin_download();
  void begin_execution();
  void vanish();
  void restart();
  void cut_the_power();
  void change_faults();
  void end_faults();
  void note_answers();
  void note(const upload& one);
  void note(const download& one);
  void note(const execution& one);
  bool go_on(execution& one);
  scripted_process play(const process_plan& plan);
  void join();
  void come_to_an_end();
  void check_what_was_acknowledged(bool all_is_there);
  void execute_plainly(int actions);
  void await_executions(int well);
  void check_slots();
  void check_nothing_is_left();
  void breach(std::string what);
  /// Counted, and told in the log.
  void tell(const std::string& what, const std::string& more = {});

  const std::uint64_t seed_;
  const std::unique_ptr<random_source> chance_;
  played_node node_;
  cluster& kiln_ = node_.kiln;
  memory_disk& medium_ = *node_.medium;
  faulty_disk& files_ = *node_.files;
  scripted_launcher& launcher_ = *node_.launcher;
  bool trusted_ = true;   ///< no sync has lied so far
  bool is_full_ = false;  ///< the disk says so now and then: a store makes room then
  std::uint64_t words_ = 0;
  std::map<std::string, scripted_process> scripts_;  ///< by the word that a command says
  std::vector<upload> uploads_;
  std::vector<download> downloads_;
  std::vector<execution> executions_;
  std::map<digest, std::string> known_;  ///< whatever was ever offered
  std::map<digest, std::string> kept_;   ///< what was acknowledged
  std::vector<std::string> breaches_;
  std::map<std::string, int> counts_;
};

}  // namespace kiln::test
