# cove-escape: attempts to get out of a sandbox. tests/e2e/escape.test.mjs uploads it and runs it
# inside, so it is static.
if(COVE_TESTS)
  file(GLOB escape_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/escape/*.cc)
  add_executable(cove-escape ${escape_sources})
  target_link_libraries(cove-escape PRIVATE cove_flags)
  if(NOT COVE_SANITIZE)
    target_link_options(cove-escape PRIVATE -static-pie -s)
  endif()
endif()
