# BLAKE3 has no C library package in Debian 12, but librust-blake3-dev ships upstream's C and assembly
# sources. They are compiled here into BLAKE3::blake3 (position independent, hidden).
find_path(BLAKE3_SOURCE_DIR blake3.c
  PATHS /usr/share/cargo/registry/blake3-1.3.1/c /usr/share/cargo/registry/blake3-1.3.3/c
  PATH_SUFFIXES c NO_DEFAULT_PATH)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(BLAKE3 REQUIRED_VARS BLAKE3_SOURCE_DIR
  REASON_FAILURE_MESSAGE "install librust-blake3-dev (make deps does)")
if(BLAKE3_FOUND AND NOT TARGET BLAKE3::blake3)
  enable_language(ASM)
  set(_blake3 ${BLAKE3_SOURCE_DIR}/blake3.c ${BLAKE3_SOURCE_DIR}/blake3_dispatch.c ${BLAKE3_SOURCE_DIR}/blake3_portable.c)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    foreach(_isa sse2 sse41 avx2 avx512)
      list(APPEND _blake3 ${BLAKE3_SOURCE_DIR}/blake3_${_isa}_x86-64_unix.S)
    endforeach()
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64")
    list(APPEND _blake3 ${BLAKE3_SOURCE_DIR}/blake3_neon.c)
  endif()
  add_library(kiln_blake3 OBJECT ${_blake3})
  set_target_properties(kiln_blake3 PROPERTIES POSITION_INDEPENDENT_CODE ON C_VISIBILITY_PRESET hidden UNITY_BUILD OFF)
  target_compile_options(kiln_blake3 PRIVATE -O2 -w)
  target_include_directories(kiln_blake3 INTERFACE ${BLAKE3_SOURCE_DIR})
  add_library(BLAKE3::blake3 ALIAS kiln_blake3)
endif()
