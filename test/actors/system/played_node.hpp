#pragma once

#include <memory>
#include <string>

#include "test/harness/cluster.hpp"
#include "test/harness/faulty_disk.hpp"
#include "test/harness/memory_disk.hpp"
#include "test/harness/scripted_launcher.hpp"

namespace kiln::test {

/// A cluster without a node so far, whose disk is memory and whose processes are told of.
struct played_node {
  explicit played_node(std::uint64_t seed = 1) : kiln(seed) {
    files->keeps_calls = false;
    kiln.system().use(medium);
    kiln.system().use(files);
    kiln.system().use(launcher);
  }
  /// Both may mean the test, which is gone before they are.
  ~played_node() {
    launcher->script = nullptr;
    files->fault = nullptr;
  }
  played_node(const played_node&) = delete;
  played_node& operator=(const played_node&) = delete;

  /// The node dies with the power, and is started again.
  void cut_the_power(random_source& chance, const std::string& yaml) {
    medium->power_cut(chance);
    kiln.end(0);
    medium->power_on();
    kiln.join(yaml);
  }

  cluster kiln;
  const std::shared_ptr<memory_disk> medium = std::make_shared<memory_disk>(kiln.system().time());
  const std::shared_ptr<faulty_disk> files = std::make_shared<faulty_disk>(*medium);
  const std::shared_ptr<scripted_launcher> launcher =
      std::make_shared<scripted_launcher>(kiln.system(), *medium);
};

}  // namespace kiln::test
