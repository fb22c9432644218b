# cove_room(NAME base LAYER 0 [USES other rooms] [LIBS libraries] [SMALL] [PLAIN])
#
# SMALL: compiled for size. PLAIN: some of its tests measure, or need what a sanitizer changes, so
# they run without one too. Other rooms' run with sanitizers only, which see more; without one they
# are built when asked for by name.
#
# One folder of src/ is one room: a static library, its unit tests (*_test.cc) and its
# benchmarks (*_bench.cc). A room may include the rooms of lower layers that it names in USES,
# and nothing else; tools/check_layers.cmake refuses any other #include at build time.
set_property(GLOBAL PROPERTY COVE_ROOMS "")

function(cove_room)
  cmake_parse_arguments(R "SMALL;PLAIN" "NAME;LAYER" "USES;LIBS" ${ARGN})
  set(dir ${CMAKE_SOURCE_DIR}/src/${R_NAME})
  file(GLOB all CONFIGURE_DEPENDS ${dir}/*.cc)
  set(tests ${all})
  set(benches ${all})
  set(sources ${all})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER benches INCLUDE REGEX "_bench\\.cc$")
  list(FILTER sources EXCLUDE REGEX "(_test|_bench|_fuzz|/main)\\.cc$")

  foreach(used ${R_USES})
    get_property(layer GLOBAL PROPERTY COVE_LAYER_${used})
    if(layer STREQUAL "" OR layer GREATER R_LAYER)
      message(FATAL_ERROR "room ${R_NAME} (layer ${R_LAYER}) may not use ${used} (layer ${layer})")
    endif()
  endforeach()
  set_property(GLOBAL PROPERTY COVE_LAYER_${R_NAME} ${R_LAYER})
  set_property(GLOBAL APPEND PROPERTY COVE_ROOMS ${R_NAME})
  set_property(GLOBAL PROPERTY COVE_USES_${R_NAME} "${R_USES}")

  if(sources)
    add_library(cove_${R_NAME} STATIC ${sources})
    target_link_libraries(cove_${R_NAME} PUBLIC cove_flags ${R_LIBS})
    if(R_SMALL)
      target_compile_options(cove_${R_NAME} PRIVATE -Os)
    else()
      target_precompile_headers(cove_${R_NAME} REUSE_FROM cove_precompiled_room)
    endif()
    foreach(used ${R_USES})
      target_link_libraries(cove_${R_NAME} PUBLIC cove_${used})
    endforeach()
  else()
    add_library(cove_${R_NAME} INTERFACE)
    target_link_libraries(cove_${R_NAME} INTERFACE cove_flags ${R_LIBS})
    foreach(used ${R_USES})
      target_link_libraries(cove_${R_NAME} INTERFACE cove_${used})
    endforeach()
  endif()

  if(tests AND COVE_TESTS)
    add_executable(cove_${R_NAME}_test ${tests})
    target_link_libraries(cove_${R_NAME}_test PRIVATE cove_${R_NAME} cove_test_flags GTest::gtest GTest::gmock
      GTest::gtest_main)
    target_precompile_headers(cove_${R_NAME}_test REUSE_FROM cove_precompiled_test)
    if(COVE_SANITIZE OR R_PLAIN)
      add_test(NAME ${R_NAME} COMMAND cove_${R_NAME}_test)
      set_tests_properties(${R_NAME} PROPERTIES TIMEOUT 240)
      if(NOT (COVE_SANITIZE AND R_PLAIN))
        # A skip hides a gap: what a test needs, ./dev test installs. Only a sanitizer excuses one.
        set_tests_properties(${R_NAME} PROPERTIES FAIL_REGULAR_EXPRESSION "  SKIPPED ")
      endif()
    else()
      set_target_properties(cove_${R_NAME}_test PROPERTIES EXCLUDE_FROM_ALL TRUE)
    endif()
  endif()
  set(fuzzers ${all})
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cc$")
  if(fuzzers AND COVE_TESTS AND COVE_SANITIZE MATCHES "address")
    # Coverage guides the fuzzer; the short run begins with the committed corpus (tests/fuzz). These
    # are what -fsanitize=fuzzer-no-link means, which the precompiled headers would not go with.
    target_compile_options(cove_${R_NAME} PRIVATE
      -fsanitize-coverage=inline-8bit-counters,indirect-calls,trace-cmp,pc-table)
    foreach(source ${fuzzers})
      get_filename_component(name ${source} NAME_WE)
      set(target cove_${R_NAME}_${name})
      add_executable(${target} ${source})
      target_link_libraries(${target} PRIVATE cove_${R_NAME})
      target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
      target_link_options(${target} PRIVATE -fsanitize=fuzzer)
      add_test(NAME ${target}
        COMMAND ${CMAKE_SOURCE_DIR}/tests/fuzz/run.sh $<TARGET_FILE:${target}> ${R_NAME}_${name} 3)
    endforeach()
  endif()
  if(benches AND COVE_BENCH)
    add_executable(cove_${R_NAME}_bench ${benches})
    target_link_libraries(cove_${R_NAME}_bench PRIVATE cove_${R_NAME} benchmark::benchmark_main)
  endif()
endfunction()

# cove_check_layers(): a target of every build that compares each #include with USES.
function(cove_check_layers)
  set(table "")
  get_property(rooms GLOBAL PROPERTY COVE_ROOMS)
  foreach(room ${rooms})
    get_property(uses GLOBAL PROPERTY COVE_USES_${room})
    string(APPEND table "set(USES_${room} ${room} ${uses})\n")
  endforeach()
  string(APPEND table "set(ROOMS ${rooms})\n")
  file(WRITE ${CMAKE_BINARY_DIR}/layers.cmake "${table}")
  add_custom_target(check_layers ALL
    COMMAND ${CMAKE_COMMAND} -DTABLE=${CMAKE_BINARY_DIR}/layers.cmake -DROOT=${CMAKE_SOURCE_DIR}/src
            -P ${CMAKE_SOURCE_DIR}/tools/check_layers.cmake
    COMMENT "Checking that rooms include only what they name" VERBATIM)
endfunction()
