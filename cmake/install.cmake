# Installation: library, header, CMake package (find_package(smx)), pkg-config file.
include(CMakePackageConfigHelpers)

# While the major version is 0, a new minor version may change the API.
set(smx_compatibility SameMajorVersion)
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(smx_compatibility SameMinorVersion)
endif()
write_basic_package_version_file(smx-config-version.cmake COMPATIBILITY ${smx_compatibility})

# install_smx(LIBDIR RUNTIME DEVELOPMENT [EXCLUDE_FROM_ALL]): the rules for one library folder, in two components: what programs need to
# run, and what is needed to build them.
function(install_smx libdir runtime development)
  set(package_dir ${libdir}/cmake/smx)
  set(generated ${PROJECT_BINARY_DIR}/install/${libdir})
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/smx-config.cmake.in ${generated}/smx-config.cmake
                                INSTALL_DESTINATION ${package_dir})
  # Found from where the file itself lies, so that an installed tree may be moved.
  file(RELATIVE_PATH smx_pc_to_prefix /prefix/${libdir}/pkgconfig /prefix)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/smx.pc.in ${generated}/smx.pc @ONLY)

  install(TARGETS smx EXPORT ${development}-targets
          LIBRARY DESTINATION ${libdir} COMPONENT ${runtime} NAMELINK_COMPONENT ${development} ${ARGN})
  install(EXPORT ${development}-targets NAMESPACE smx:: FILE smx-targets.cmake DESTINATION ${package_dir}
          COMPONENT ${development} ${ARGN})
  install(FILES ${generated}/smx-config.cmake ${PROJECT_BINARY_DIR}/smx-config-version.cmake DESTINATION ${package_dir}
          COMPONENT ${development} ${ARGN})
  install(FILES ${generated}/smx.pc DESTINATION ${libdir}/pkgconfig COMPONENT ${development} ${ARGN})
  install(FILES include/smx/smx.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/smx COMPONENT ${development} ${ARGN})
endfunction()

install_smx(${CMAKE_INSTALL_LIBDIR} runtime development)
