# The API reference as HTML: cmake --build BUILD --target docs writes BUILD/docs/html. SMX_DOXYFILE: what doxygen makes it from.
set(SMX_DOXYFILE ${PROJECT_BINARY_DIR}/docs/Doxyfile)
configure_file(${CMAKE_CURRENT_LIST_DIR}/Doxyfile.in ${SMX_DOXYFILE} @ONLY)
find_program(doxygen_program doxygen)
if(doxygen_program)
  add_custom_target(docs COMMAND ${doxygen_program} ${SMX_DOXYFILE} COMMENT "API reference: ${PROJECT_BINARY_DIR}/docs/html/index.html"
                    VERBATIM)
endif()
