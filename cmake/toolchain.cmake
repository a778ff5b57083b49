# Flags for every target, and the refusal of compilers that get coroutines wrong.

# g++ 12 miscompiles `if (co_await f())` without a word. The probes say so before a person has to find out.
function(bunraku_probe name)
  if(DEFINED BUNRAKU_PROBE_${name})
    return()
  endif()
  try_run(ran compiled ${CMAKE_BINARY_DIR}/toolchain/${name} ${CMAKE_CURRENT_SOURCE_DIR}/tests/toolchain/${name}.cpp
    CXX_STANDARD 23 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF)
  if(NOT compiled OR NOT ran STREQUAL "0")
    message(FATAL_ERROR
      "${CMAKE_CXX_COMPILER} (${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}) fails tests/toolchain/${name}.cpp "
      "(compiled: ${compiled}, ran: ${ran}). It cannot build bunraku: its coroutines are wrong or it lacks C++23. "
      "Use clang 19: cmake --preset release, or -DCMAKE_CXX_COMPILER=clang++-19.")
  endif()
  set(BUNRAKU_PROBE_${name} OK CACHE INTERNAL "tests/toolchain/${name}.cpp")
endfunction()
bunraku_probe(coroutine_conditions)
bunraku_probe(coroutine_arguments)

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()

add_library(bunraku_flags INTERFACE)
target_compile_options(bunraku_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -fvisibility=hidden -fno-plt
  -fstack-protector-strong $<$<CXX_COMPILER_ID:Clang>:-fcf-protection=full>)
target_compile_definitions(bunraku_flags INTERFACE
  $<$<NOT:$<CONFIG:Debug>>:$<$<STREQUAL:${BUNRAKU_SANITIZE},>:_FORTIFY_SOURCE=2>> _GLIBCXX_ASSERTIONS)
# What an assertion of the standard library says, file, line and function, without the names of all types in that: 0.1 MiB of
# constants, which lie between those that are used.
target_compile_definitions(bunraku_flags INTERFACE $<$<NOT:$<CONFIG:Debug>>:__PRETTY_FUNCTION__=__func__>)
target_link_options(bunraku_flags INTERFACE -Wl,-z,relro,-z,now -Wl,--as-needed)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_link_options(bunraku_flags INTERFACE -fuse-ld=lld)
endif()
if(BUNRAKU_SANITIZE)
  target_compile_options(bunraku_flags INTERFACE -fsanitize=${BUNRAKU_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(bunraku_flags INTERFACE -fsanitize=${BUNRAKU_SANITIZE})
endif()
