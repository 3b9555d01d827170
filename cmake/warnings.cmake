# smx_warnings: the warnings that all code of this repository is compiled with.
add_library(smx_warnings INTERFACE)
set(common -Wall -Wextra -Wshadow)
set(c_only -Wpedantic -Wconversion -Wstrict-prototypes)
set(cuda_host -Wall,-Wextra)
if(SMX_WERROR)
  list(APPEND common -Werror)
  string(APPEND cuda_host ",-Werror")
endif()
target_compile_options(
  smx_warnings
  INTERFACE $<$<COMPILE_LANGUAGE:C>:${common};${c_only}> $<$<COMPILE_LANGUAGE:CXX>:${common}>
            "$<$<COMPILE_LANGUAGE:CUDA>:SHELL:-Xcompiler ${cuda_host}>"
            $<$<AND:$<COMPILE_LANGUAGE:CUDA>,$<BOOL:${SMX_WERROR}>>:-Werror=all-warnings>)
