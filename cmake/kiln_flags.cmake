# What every translation unit of ours is compiled with.
add_library(kiln_flags INTERFACE)
target_include_directories(kiln_flags INTERFACE $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}>)
target_compile_options(kiln_flags INTERFACE -Wall -Wextra -Wno-missing-field-initializers)
if(KILN_WERROR)
  target_compile_options(kiln_flags INTERFACE -Werror)
  # GCC 12 takes a string within an expected that is moved for one that nobody wrote, depending on what else it compiles at
  # once (its bug 105329): worth a look, and no reason to refuse a build.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(kiln_flags INTERFACE -Wno-error=maybe-uninitialized)
  endif()
endif()
# GCC collects garbage whenever 128 MiB of its heap are used, which a file of ours soon does: a test compiles in an eighth
# less time without, and takes 25 MiB more.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(kiln_flags INTERFACE "SHELL:--param ggc-min-heapsize=524288")
endif()
# The sanitizers' checks take most of the time at -O2, to compile and to run; -O1, which comes last, is what they advise.
# GCC 12 takes what they add for reads of what nobody wrote.
if(KILN_SANITIZE)
  target_compile_options(kiln_flags INTERFACE -Wno-maybe-uninitialized)
endif()
if(KILN_SANITIZE STREQUAL "thread")
  # GCC 12 warns of fences, which TSan does not see. Boost.Asio has some; what they order is ordered by its mutexes, too.
  set(KILN_SANITIZERS -fsanitize=thread $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
elseif(KILN_SANITIZE)
  # CAF and shared_ptr bind references to null in places that are never read; that one check is noise.
  set(KILN_SANITIZERS -fsanitize=address,undefined -fno-sanitize=null,vptr)
endif()
if(KILN_SANITIZE)
  add_compile_options(-O1 ${KILN_SANITIZERS} -fno-omit-frame-pointer)
  add_link_options(${KILN_SANITIZERS})
endif()
