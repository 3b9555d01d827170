# Installation: library, header, CMake package (find_package(smx)), pkg-config file.
install(TARGETS smx EXPORT smx-targets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES include/smx/smx.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/smx)
install(EXPORT smx-targets NAMESPACE smx:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/smx)
configure_package_config_file(cmake/smx-config.cmake.in smx-config.cmake INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/smx)
write_basic_package_version_file(smx-config-version.cmake COMPATIBILITY SameMajorVersion)
# Found from where the file itself lies, so that an installed tree may be moved.
file(RELATIVE_PATH smx_pc_to_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(cmake/smx.pc.in smx.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/smx-config.cmake ${PROJECT_BINARY_DIR}/smx-config-version.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/smx)
install(FILES ${PROJECT_BINARY_DIR}/smx.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
