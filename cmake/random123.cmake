# Random123, headers alone, from which random bits come: smx_random123, to link with what includes host/draw.h.
find_path(SMX_RANDOM123_HEADERS Random123/philox.h)
if(NOT SMX_RANDOM123_HEADERS)
  message(FATAL_ERROR "smx: Random123/philox.h was not found; install librandom123-dev (cmake/setup does), or set "
                      "SMX_RANDOM123_HEADERS to the folder that has Random123 in it")
endif()
add_library(smx_random123 INTERFACE)
target_include_directories(smx_random123 SYSTEM INTERFACE ${SMX_RANDOM123_HEADERS})
