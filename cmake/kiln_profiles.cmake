# The profiles are compiled into the binary, so that `kiln` alone needs no file beside it.
file(GLOB _profiles CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/config/profiles/*.yaml)
set(_entries "")
foreach(_profile ${_profiles})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${_profile})
  get_filename_component(_name ${_profile} NAME_WE)
  file(READ ${_profile} _text)
  string(APPEND _entries "    {\"${_name}\", R\"yaml(${_text})yaml\"},\n")
endforeach()
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/profiles.cpp CONTENT
[[// Made by cmake/kiln_profiles.cmake from config/profiles.
#include "actors/system/profiles.hpp"

namespace kiln {

std::span<const profile> profiles() noexcept {
  static constexpr profile all[] = {
@_entries@  };
  return all;
}

}  // namespace kiln
]] @ONLY)
