#pragma once

#include <caf/config.hpp>

#include "core/plugin/contract_hash.hpp"  // generated

/// What a plugin must share with the binary that loads it: every header of core, the libraries whose types
/// are in them, the compiler's ABI, and the sanitizers, which change the layout of what is allocated.

#define KILN_TEXT_OF(x) #x
#define KILN_TEXT(x) KILN_TEXT_OF(x)

#if defined(__SANITIZE_THREAD__)
#define KILN_SANITIZERS " sanitizers-thread"
#elif defined(__SANITIZE_ADDRESS__)
#define KILN_SANITIZERS " sanitizers-address"
#else
#define KILN_SANITIZERS ""
#endif

// clang-format off
#define KILN_ABI_TAG                                                                              \
  "kiln-contract-" KILN_CONTRACT_HASH " gcc-abi-" KILN_TEXT(__GXX_ABI_VERSION)                    \
  " caf-" KILN_TEXT(CAF_VERSION) " protobuf-" KILN_PROTOBUF_VERSION " cxx-" KILN_TEXT(__cplusplus) \
  " dual-abi-" KILN_TEXT(_GLIBCXX_USE_CXX11_ABI) KILN_SANITIZERS
// clang-format on
