#include "core/digest/hasher.hpp"

#include <blake3.h>
#include <openssl/evp.h>

#include <stdexcept>

#include "core/digest/sha256tree.hpp"

namespace kiln {

class hasher::engine {
public:
  virtual ~engine() = default;
  virtual void update(std::string_view piece) = 0;
  virtual void finish(std::uint8_t* out) = 0;
  virtual std::unique_ptr<engine> clone() const = 0;
};

namespace {

class evp_engine final : public hasher::engine {
public:
  explicit evp_engine(const EVP_MD* algorithm) : context_(EVP_MD_CTX_new()) {
    if (!context_ || EVP_DigestInit_ex2(context_.get(), algorithm, nullptr) != 1)
      throw std::runtime_error("OpenSSL cannot start a digest");
  }
  evp_engine(const evp_engine& other) : context_(EVP_MD_CTX_new()) {
    if (!context_ || EVP_MD_CTX_copy_ex(context_.get(), other.context_.get()) != 1)
      throw std::runtime_error("OpenSSL cannot copy a digest");
  }
  std::unique_ptr<engine> clone() const override { return std::make_unique<evp_engine>(*this); }
  void update(std::string_view piece) override {
    EVP_DigestUpdate(context_.get(), piece.data(), piece.size());
  }
  void finish(std::uint8_t* out) override { EVP_DigestFinal_ex(context_.get(), out, nullptr); }

private:
  struct free_context {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, free_context> context_;
};

class blake3_engine final : public hasher::engine {
public:
  blake3_engine() { blake3_hasher_init(&state_); }
  std::unique_ptr<engine> clone() const override { return std::make_unique<blake3_engine>(*this); }
  void update(std::string_view piece) override { blake3_hasher_update(&state_, piece.data(), piece.size()); }
  void finish(std::uint8_t* out) override { blake3_hasher_finalize(&state_, out, BLAKE3_OUT_LEN); }

private:
  blake3_hasher state_;
};

class sha256tree_engine final : public hasher::engine {
public:
  std::unique_ptr<engine> clone() const override { return std::make_unique<sha256tree_engine>(*this); }
  void update(std::string_view piece) override { tree_.update(piece); }
  void finish(std::uint8_t* out) override { tree_.finish(out); }

private:
  sha256tree tree_;
};

// Fetching an algorithm takes OpenSSL longer than hashing a small blob, so it is done once for each.
template <digest_function Function>
std::unique_ptr<hasher::engine> make_evp(const char* name) {
  static const EVP_MD* algorithm = EVP_MD_fetch(nullptr, name, nullptr);
  return std::make_unique<evp_engine>(algorithm);
}

std::unique_ptr<hasher::engine> make_engine(digest_function function) {
  switch (function) {
    case digest_function::blake3:
      return std::make_unique<blake3_engine>();
    case digest_function::sha256tree:
      return std::make_unique<sha256tree_engine>();
    case digest_function::sha1:
      return make_evp<digest_function::sha1>("SHA1");
    case digest_function::sha384:
      return make_evp<digest_function::sha384>("SHA384");
    case digest_function::sha512:
      return make_evp<digest_function::sha512>("SHA512");
    case digest_function::sha256:
      break;
  }
  return make_evp<digest_function::sha256>("SHA256");
}

}  // namespace

hasher::hasher(digest_function function) : engine_(make_engine(function)), function_(function) {}
hasher::hasher(hasher&&) noexcept = default;
hasher& hasher::operator=(hasher&&) noexcept = default;
hasher::~hasher() = default;

hasher::hasher(std::unique_ptr<engine> engine, digest_function function, std::int64_t size)
    : engine_(std::move(engine)), function_(function), size_(size) {}

hasher hasher::clone() const {
  return {engine_->clone(), function_, size_};
}

void hasher::update(std::string_view piece) {
  engine_->update(piece);
  size_ += static_cast<std::int64_t>(piece.size());
}

void hasher::update(const byte_chain& pieces) {
  for (const auto& piece : pieces.pieces()) update(piece.view());
}

digest hasher::finish() {
  digest result;
  result.function = function_;
  result.size = size_;
  engine_->finish(result.hash.data());
  return result;
}

}  // namespace kiln
