# Debian packages, by `cpack`: libsmx0, the library, and libsmx-dev, what programs are built with. They come from the same build as any
# other installation; only the library folder is Debian's own, whatever the prefix.
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "smx developers <smx@localhost>" CACHE STRING "Maintainer field of the Debian packages")

set(runtime_package libsmx${PROJECT_VERSION_MAJOR})
set(section_prefix "")
string(CONCAT copyright_comment "Comment: The generator Philox of Random123 is compiled into the library.\n"
                                " Copyright 2010-2021 D. E. Shaw Research, BSD-3-clause: copyright.Random123.\n")
if(SMX_WITH_CUDA)
  set(section_prefix "non-free/")
  string(APPEND copyright_comment " The CUDA runtime of NVIDIA Corporation is linked into the library.\n"
                                  " It is under the End User License Agreement of the CUDA Toolkit.\n")
endif()
set(random123_copyright /usr/share/doc/librandom123-dev/copyright)
set(generated ${PROJECT_BINARY_DIR}/debian)
configure_file(${CMAKE_CURRENT_LIST_DIR}/copyright.in ${generated}/copyright @ONLY)

install_smx(lib/${CMAKE_LIBRARY_ARCHITECTURE} debian_runtime debian_development EXCLUDE_FROM_ALL)
install(FILES ${generated}/copyright DESTINATION share/doc/${runtime_package} COMPONENT debian_runtime EXCLUDE_FROM_ALL)
install(FILES ${generated}/copyright DESTINATION share/doc/libsmx-dev COMPONENT debian_development EXCLUDE_FROM_ALL)

if(EXISTS ${random123_copyright}) # the package's own, with the terms in full
  install(FILES ${random123_copyright} RENAME copyright.Random123 DESTINATION share/doc/${runtime_package} COMPONENT debian_runtime
          EXCLUDE_FROM_ALL)
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL debian_runtime debian_development)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/permissions.cmake)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_SOURCE smx)
set(CPACK_DEBIAN_PACKAGE_MULTIARCH same) # CMake 3.31 and later put it into the package
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS ON)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # it would go before the descriptions here, which begin with their own
string(CONCAT description
       "smx computes softmax, log-softmax, logsumexp, cross-entropy and negative\n"
       "log-likelihood, and their gradients, of rows of logits in fp32, fp16, bf16 or\nfp64, on NVIDIA GPUs and on the CPU.\n.\n")

set(CPACK_DEBIAN_DEBIAN_RUNTIME_PACKAGE_NAME ${runtime_package})
set(CPACK_DEBIAN_DEBIAN_RUNTIME_PACKAGE_SECTION ${section_prefix}libs)
set(CPACK_DEBIAN_DEBIAN_RUNTIME_DESCRIPTION "softmax family for CUDA and the CPU - shared library
${description}This package contains the library that programs need to run.")

set(CPACK_DEBIAN_DEBIAN_DEVELOPMENT_PACKAGE_NAME libsmx-dev)
set(CPACK_DEBIAN_DEBIAN_DEVELOPMENT_PACKAGE_SECTION ${section_prefix}libdevel)
set(CPACK_COMPONENT_DEBIAN_DEVELOPMENT_DEPENDS debian_runtime)
set(CPACK_DEBIAN_DEBIAN_DEVELOPMENT_DESCRIPTION "softmax family for CUDA and the CPU - development files
${description}This package contains the header and the files for CMake and pkg-config.")

# What dpkg is told beside the files: that ldconfig has to run, and which package programs linked with the library depend on. Where CPack
# looks at the library itself, for the latter or for dependencies, it adds a postinst and a postrm that run ldconfig once more; so it
# does neither, and depends.cmake asks dpkg-shlibdeps.
file(CONFIGURE OUTPUT ${generated}/triggers CONTENT "activate-noawait ldconfig\n")
file(CONFIGURE OUTPUT ${generated}/shlibs CONTENT "libsmx @PROJECT_VERSION_MAJOR@ @runtime_package@ (>= @PROJECT_VERSION@)\n" @ONLY)
set(CPACK_DEBIAN_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA ${generated}/triggers ${generated}/shlibs)
set(CPACK_DEBIAN_DEBIAN_RUNTIME_PACKAGE_CONTROL_STRICT_PERMISSION ON)
configure_file(${CMAKE_CURRENT_LIST_DIR}/depends.cmake.in ${generated}/depends.cmake.in @ONLY)
file(GENERATE OUTPUT ${generated}/depends.cmake INPUT ${generated}/depends.cmake.in)
set(CPACK_PROJECT_CONFIG_FILE ${generated}/depends.cmake)

include(CPack)
