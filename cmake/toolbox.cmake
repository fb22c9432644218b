# cove-toolbox: PID 1 of every sandbox. Static, so that it runs on any root file system, and small,
# because every sandbox has one. It links the archives of its rooms and none of their libraries:
# what it does not use of them (TLS) is never pulled in.
add_executable(cove-toolbox ${CMAKE_SOURCE_DIR}/src/toolbox/main.cc)
target_compile_options(cove_toolbox PRIVATE -ffunction-sections -fdata-sections)
target_compile_options(cove-toolbox PRIVATE -Os)
if(COVE_SANITIZE)
  target_link_libraries(cove-toolbox PRIVATE cove_toolbox)  # sanitizers cannot link statically
else()
  target_link_libraries(cove-toolbox PRIVATE cove_flags)
  foreach(room toolbox init proto net async sys base)
    target_link_libraries(cove-toolbox PRIVATE $<TARGET_FILE:cove_${room}>)
    add_dependencies(cove-toolbox cove_${room})
  endforeach()
  target_link_options(cove-toolbox PRIVATE -static-pie -Wl,--gc-sections -s)
endif()
foreach(test cove_toolbox_test cove_sandbox_test cove_runner_test)
  if(TARGET ${test})
    add_dependencies(${test} cove-toolbox)  # they start it from beside themselves
  endif()
endforeach()
