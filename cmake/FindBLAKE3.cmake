# BLAKE3::blake3, from whatever this machine has: a packaged C library where there is one (libblake3-dev; Debian 13,
# Fedora, Arch, Homebrew), else upstream's C and assembly sources out of the Rust crate (librust-blake3-dev; Debian 12),
# which are compiled here, position independent and hidden: BLAKE3_OBJECTS, for whoever makes a library of them.
if(TARGET BLAKE3::blake3)
  set(BLAKE3_FOUND TRUE)
  return()
endif()
include(FindPackageHandleStandardArgs)

# Upstream's own package has gone by both names.
find_package(blake3 CONFIG QUIET)
if(TARGET BLAKE3::blake3)
  get_target_property(BLAKE3_INCLUDE_DIR BLAKE3::blake3 INTERFACE_INCLUDE_DIRECTORIES)
  find_package_handle_standard_args(BLAKE3 REQUIRED_VARS blake3_DIR)
  return()
endif()

find_path(BLAKE3_INCLUDE_DIR blake3.h)
find_library(BLAKE3_LIBRARY blake3)
if(BLAKE3_INCLUDE_DIR AND BLAKE3_LIBRARY)
  add_library(BLAKE3::blake3 UNKNOWN IMPORTED)
  set_target_properties(BLAKE3::blake3 PROPERTIES
    IMPORTED_LOCATION "${BLAKE3_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${BLAKE3_INCLUDE_DIR}")
  find_package_handle_standard_args(BLAKE3 REQUIRED_VARS BLAKE3_LIBRARY BLAKE3_INCLUDE_DIR)
  return()
endif()

# Any version of the crate; of several the newest.
file(GLOB _blake3_crates /usr/share/cargo/registry/blake3-*/c)
list(SORT _blake3_crates COMPARE NATURAL ORDER DESCENDING)
find_path(BLAKE3_SOURCE_DIR blake3_dispatch.c PATHS ${_blake3_crates} NO_DEFAULT_PATH)
find_package_handle_standard_args(BLAKE3 REQUIRED_VARS BLAKE3_SOURCE_DIR
  REASON_FAILURE_MESSAGE "install libblake3-dev, or librust-blake3-dev (make deps does)")
if(NOT BLAKE3_FOUND)
  return()
endif()
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
set(BLAKE3_OBJECTS $<TARGET_OBJECTS:kiln_blake3>)
