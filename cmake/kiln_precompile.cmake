# kiln_precompile(TARGET [boost/test/unit_test.hpp ...] [REUSE OTHER])
#
# The libraries' headers that nearly every file of a target needs, read once. Our own are not among them: a change
# of one would have everything built anew.
set(KILN_PRECOMPILED
  <algorithm> <chrono> <functional> <map> <memory> <mutex> <optional> <set> <string> <unordered_map> <unordered_set>
  <variant> <vector> <caf/actor_system.hpp> <caf/send.hpp> <caf/stateful_actor.hpp> <caf/typed_actor.hpp>
  <caf/typed_event_based_actor.hpp> <fmt/format.h> <tl/expected.hpp>)

function(kiln_precompile TARGET)
  cmake_parse_arguments(ARG "" "REUSE" "" ${ARGN})
  if(NOT KILN_PCH)
    return()
  endif()
  if(ARG_REUSE)
    target_precompile_headers(${TARGET} REUSE_FROM ${ARG_REUSE})
  else()
    target_precompile_headers(${TARGET} PRIVATE ${KILN_PRECOMPILED} ${ARG_UNPARSED_ARGUMENTS})
  endif()
endfunction()
