# The CPU backend. What computes is compiled once per instruction set and chosen at run time: SMX_CPU_LIBRARIES.
# Float semantics are the language's own: no contraction, no reassociation beyond what the code asks for. errno and
# floating-point traps alone are given up, which lets the compiler turn the loops into vector code. A build without OpenMP keeps the part
# of it that needs no runtime, the vector loops.
set(cpu_flags -fopenmp-simd -fno-math-errno -fno-trapping-math -ffp-contract=off)
if(SMX_SANITIZE OR SMX_SANITIZE_THREADS)
  # Loops over vectors that are all inlined take minutes to compile with a check at every access. Null pointers, the sizes of objects and
  # pointers that leave them are AddressSanitizer's business anyway, and its checks may be calls.
  list(APPEND cpu_flags $<$<CONFIG:Release,RelWithDebInfo>:-O1> -g1)
  if(SMX_SANITIZE)
    list(APPEND cpu_flags -fno-sanitize=null,object-size,pointer-overflow)
    if(CMAKE_C_COMPILER_ID STREQUAL GNU)
      list(APPEND cpu_flags "SHELL:--param asan-instrumentation-with-call-threshold=0")
    endif()
  endif()
else()
  list(APPEND cpu_flags $<$<CONFIG:Release,RelWithDebInfo>:-O3>)
endif()
if(CMAKE_C_COMPILER_ID MATCHES Clang)
  list(APPEND cpu_flags -Wno-pass-failed) # a loop that does not become vector code, in a build without optimisation, is no error
endif()
set(isas baseline)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND isas avx2 avx512)
endif()
set(SMX_CPU_ISAS "${isas}" CACHE STRING "Instruction sets that the CPU backend is compiled for; baseline has to be one of them")
set(baseline_flags "")
set(avx2_flags -mavx2 -mfma -mf16c)
set(avx512_flags ${avx2_flags} -mavx512f -mavx512bw -mavx512vl -mavx512dq -mprefer-vector-width=512)

add_library(smx_cpu OBJECT host/cpu/backend.c host/cpu/threads.c)
set(SMX_CPU_LIBRARIES smx_cpu)
foreach(isa IN LISTS SMX_CPU_ISAS)
  string(TOUPPER ${isa} upper)
  target_compile_definitions(smx_cpu PRIVATE SMX_CPU_WITH_${upper}=1)
  add_library(smx_cpu_${isa} OBJECT host/cpu/softmax.c host/cpu/cross_entropy.c host/cpu/nll.c host/cpu/sampling.c)
  target_compile_definitions(smx_cpu_${isa} PRIVATE SMX_CPU_ISA=${isa})
  target_compile_options(smx_cpu_${isa} PRIVATE ${cpu_flags} ${${isa}_flags})
  list(APPEND SMX_CPU_LIBRARIES smx_cpu_${isa})
endforeach()
foreach(library IN LISTS SMX_CPU_LIBRARIES)
  target_include_directories(${library} PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/host)
  target_link_libraries(${library} PRIVATE smx_warnings smx_random123 $<$<BOOL:${OpenMP_C_FOUND}>:OpenMP::OpenMP_C>)
endforeach()
