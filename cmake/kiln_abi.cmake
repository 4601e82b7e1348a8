# The part of the ABI tag that only the build knows: a hash of every header that a plugin may include, so that no change of
# one can be forgotten, and the version of protobuf in libkiln_core. Made anew when a header changes.
file(GLOB_RECURSE _headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/core/*.hpp)
list(SORT _headers)
set(_hashes "")
foreach(_header ${_headers})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${_header})
  file(SHA256 ${_header} _hash)
  file(RELATIVE_PATH _name ${CMAKE_SOURCE_DIR} ${_header})
  string(APPEND _hashes "${_name} ${_hash}\n")
endforeach()
string(SHA256 _hash "${_hashes}")
string(SUBSTRING ${_hash} 0 16 KILN_CONTRACT_HASH)
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/core/plugin/contract_hash.hpp CONTENT
[[#pragma once

// Made by cmake/kiln_abi.cmake.
#define KILN_CONTRACT_HASH "@KILN_CONTRACT_HASH@"
#define KILN_PROTOBUF_VERSION "@Protobuf_VERSION@"
]] @ONLY)
