# Compiler settings shared by every target: language level, warnings, sanitizers, ccache and mold.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(BRIGADA_CCACHE ccache)
if(BRIGADA_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Paths below the checkout are rewritten relative, so that every checkout shares one cache.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${BRIGADA_CCACHE})
endif()

add_library(brigada_build_flags INTERFACE)
# GCC 12 knows mold by name only from 12.1 on; clang takes a path. Both fall back to the default linker.
find_program(BRIGADA_MOLD mold)
if(BRIGADA_MOLD)
  target_link_options(brigada_build_flags INTERFACE -fuse-ld=mold)
endif()
if(BRIGADA_SANITIZE)
  target_compile_options(brigada_build_flags INTERFACE
    -fsanitize=${BRIGADA_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(brigada_build_flags INTERFACE -fsanitize=${BRIGADA_SANITIZE})
  if(BRIGADA_SANITIZE MATCHES thread)
    # With this macro protobuf's headers give map fields two members more than its packaged library was built with.
    # libstdc++ has a macro of its own, which it takes from that one: without it shared_ptr reads two counts in one
    # load, which ThreadSanitizer takes for a race. The code stays instrumented.
    target_compile_options(brigada_build_flags INTERFACE -U__SANITIZE_THREAD__ -D_GLIBCXX_TSAN=1)
  endif()
endif()

# Warnings apply to our own code only; generated code links brigada_build_flags alone.
add_library(brigada_warnings INTERFACE)
target_compile_options(brigada_warnings INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast
  # GCC's -Wconversion leaves signs alone in C++.
  "$<$<CXX_COMPILER_ID:Clang>:-Wthread-safety;-Wno-sign-conversion>"
  # GCC 12 sees overlapping copies in plain string concatenation at -O3 (GCC bug 105651).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  $<$<BOOL:${BRIGADA_WERROR}>:-Werror>)
