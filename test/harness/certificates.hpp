#pragma once

#include <filesystem>
#include <memory>
#include <string>

namespace kiln::test {

/// A certificate authority of its own, in a folder that goes away with it.
class certificates {
public:
  certificates();
  ~certificates();
  certificates(const certificates&) = delete;
  certificates& operator=(const certificates&) = delete;

  /// The authority's certificate.
  std::string authority() const { return file("ca.pem"); }
  /// Makes NAME.pem and NAME.key, valid for 127.0.0.1.
  void issue(const std::string& name);
  std::string cert(const std::string& name) const { return file(name + ".pem"); }
  std::string key(const std::string& name) const { return file(name + ".key"); }
  std::string file(const std::string& name) const { return (folder_ / name).string(); }

private:
  struct maker;
  std::filesystem::path folder_;
  std::unique_ptr<maker> maker_;
};

}  // namespace kiln::test
