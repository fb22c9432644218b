# Headers of others that most files read, compiled once: half of a compilation is reading them. None
# of our own is among them, so a change of ours compiles what includes it and nothing else.
set(cove_std <algorithm> <array> <chrono> <coroutine> <cstdint> <cstring> <deque> <filesystem> <functional> <map>
  <memory> <optional> <set> <span> <string> <string_view> <unordered_map> <utility> <variant> <vector>)

# One for the rooms, one for their tests: the options of who uses it must be those it was made with.
function(cove_precompiled NAME)
  set(source ${CMAKE_BINARY_DIR}/${NAME}.cc)
  file(CONFIGURE OUTPUT ${source} CONTENT "// Only for its precompiled headers.\n")
  add_library(${NAME} OBJECT ${source})
  target_link_libraries(${NAME} PRIVATE cove_flags)
  target_precompile_headers(${NAME} PRIVATE ${cove_std} ${ARGN})
endfunction()

cove_precompiled(cove_precompiled_room <boost/json/value.hpp>)
if(COVE_TESTS)
  cove_precompiled(cove_precompiled_test <boost/json/value.hpp> <gtest/gtest.h> <gmock/gmock.h>)
  target_link_libraries(cove_precompiled_test PRIVATE cove_test_flags GTest::gtest GTest::gmock)
endif()
