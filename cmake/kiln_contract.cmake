# kiln_add_store_contract(NAME SOURCES... PLUGINS TARGETS...)
#
# A test program that proves the store contract for a guest's plugins. The sources say which stores, in lines
# of KILN_STORE_CONTRACT, and hold Boost.Test's main (#define BOOST_TEST_MODULE); Kiln's part of the program
# is compiled along. What is loaded are the plugins given and those of the installed Kiln.
function(kiln_add_store_contract NAME)
  cmake_parse_arguments(ARG "" "" "PLUGINS" ${ARGN})
  find_package(Boost REQUIRED COMPONENTS unit_test_framework)
  file(GLOB claims ${KILN_CONTRACT_ROOT}/test/contract/*.cpp)
  set(folders ${KILN_INSTALLED_PLUGINS})
  foreach(plugin ${ARG_PLUGINS})
    list(APPEND folders "$<TARGET_FILE_DIR:${plugin}>")
  endforeach()
  # Several of them may lie in one folder, which is loaded once.
  set(folders "$<JOIN:$<REMOVE_DUPLICATES:${folders}>,:>")
  add_executable(${NAME} ${ARG_UNPARSED_ARGUMENTS} ${claims})
  target_include_directories(${NAME} PRIVATE ${KILN_CONTRACT_ROOT})
  target_compile_definitions(${NAME} PRIVATE BOOST_TEST_DYN_LINK KILN_PLUGIN_FOLDER="${folders}")
  target_link_libraries(${NAME} PRIVATE kiln::core Boost::unit_test_framework)
  if(ARG_PLUGINS)
    add_dependencies(${NAME} ${ARG_PLUGINS})
  endif()
  add_test(NAME ${NAME} COMMAND ${NAME})
endfunction()
