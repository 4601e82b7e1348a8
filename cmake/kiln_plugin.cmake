# kiln_add_plugin(KIND NAME SOURCES... [LIBRARIES ...])
#
# One plugin, one shared library kiln_<kind>_<name>.so: hidden symbols but for its descriptor, no
# undefined symbols, and never unloaded (replies of its actors outlive any dlclose). The same function
# serves Kiln's own plugins and a guest's, through find_package(kiln).
function(kiln_add_plugin KIND NAME)
  cmake_parse_arguments(ARG "" "" "LIBRARIES" ${ARGN})
  set(target kiln_${KIND}_${NAME})
  add_library(${target} MODULE ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${target} PRIVATE kiln::core ${ARG_LIBRARIES})
  if(TARGET kiln_flags)
    target_link_libraries(${target} PRIVATE kiln_flags)
    set_target_properties(${target} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib/kiln/plugins)
  endif()
  set_target_properties(${target} PROPERTIES
    PREFIX "" CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    INSTALL_RPATH "$ORIGIN/../..")  # libkiln_core lies two folders above the plugins
  target_link_options(${target} PRIVATE -Wl,-z,defs -Wl,-z,nodelete)
  set_property(GLOBAL APPEND PROPERTY KILN_PLUGINS ${target})
endfunction()
