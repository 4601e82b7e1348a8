# What is installed: the binary, its plugins, and the SDK, which is libkiln_core, its headers, the contract
# suite and the CMake package with which a guest builds and proves a store.
include(CMakePackageConfigHelpers)

set(KILN_PACKAGE_FOLDER ${CMAKE_INSTALL_LIBDIR}/cmake/kiln)
set(KILN_PLUGIN_FOLDER ${CMAKE_INSTALL_LIBDIR}/kiln/plugins)
set(KILN_CONTRACT_ROOT ${CMAKE_INSTALL_DATADIR}/kiln/contract)
get_property(_plugins GLOBAL PROPERTY KILN_PLUGINS)

# Everything finds libkiln_core from where it lies, so that a prefix may be moved (plugins: kiln_plugin.cmake).
file(RELATIVE_PATH _libs_from_bin /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
set_target_properties(kiln PROPERTIES INSTALL_RPATH "$ORIGIN/${_libs_from_bin}")

install(TARGETS kiln RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS ${_plugins} LIBRARY DESTINATION ${KILN_PLUGIN_FOLDER})
install(TARGETS kiln_core EXPORT kilnTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY core DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/kiln FILES_MATCHING PATTERN "*.hpp")
install(FILES ${CMAKE_BINARY_DIR}/generated/core/plugin/contract_hash.hpp
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/kiln/core/plugin)
install(DIRECTORY test/contract DESTINATION ${KILN_CONTRACT_ROOT}/test
  FILES_MATCHING PATTERN "*.hpp" PATTERN "*.cpp" PATTERN "own_stores.cpp" EXCLUDE)

install(EXPORT kilnTargets NAMESPACE kiln:: DESTINATION ${KILN_PACKAGE_FOLDER})
configure_package_config_file(cmake/kilnConfig.cmake.in ${CMAKE_BINARY_DIR}/kilnConfig.cmake
  INSTALL_DESTINATION ${KILN_PACKAGE_FOLDER} PATH_VARS KILN_PLUGIN_FOLDER KILN_CONTRACT_ROOT)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/kilnConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/kilnConfig.cmake ${CMAKE_BINARY_DIR}/kilnConfigVersion.cmake
  cmake/kiln_plugin.cmake cmake/kiln_contract.cmake cmake/FindCAF.cmake DESTINATION ${KILN_PACKAGE_FOLDER})
