# SPDX-License-Identifier: Apache-2.0
# kiln_library(NAME [EDGES folder...] [LIBRARIES target...])
# The folder's sources become the static library kiln_NAME, its *_test.cc the test program NAME_test.
# EDGES are the folders it may use: the same edges as in ARCHITECTURE.md.
include(GoogleTest)
function(kiln_library name)
  cmake_parse_arguments(ARG "" "" "EDGES;LIBRARIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$|/main\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  add_library(kiln_${name} STATIC ${sources})
  target_include_directories(kiln_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(kiln_${name} PRIVATE kiln_source_warnings PUBLIC fmt::fmt)
  if(ARG_LIBRARIES)
    target_link_libraries(kiln_${name} ${ARG_LIBRARIES})
  endif()
  foreach(edge ${ARG_EDGES})
    target_link_libraries(kiln_${name} PUBLIC kiln_${edge})
  endforeach()
  if(tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE kiln_${name} kiln_test_warnings GTest::gmock GTest::gtest_main)
    # A test's own code need not be fast, but be built fast.
    target_compile_options(${name}_test PRIVATE $<$<CONFIG:Release>:-O0>)
    # A compiler cache has little use for sources that begin with a precompiled header, and makes up for it.
    if(NOT CMAKE_CXX_COMPILER_LAUNCHER AND name STREQUAL base)
      target_precompile_headers(base_test PRIVATE <gmock/gmock.h> <gtest/gtest.h> <fmt/format.h>
        <nlohmann/json.hpp> <expected> <filesystem> <functional> <map> <memory> <optional> <span> <string>
        <string_view> <thread> <vector>)
    elseif(NOT CMAKE_CXX_COMPILER_LAUNCHER)
      target_precompile_headers(${name}_test REUSE_FROM base_test)
    endif()
    gtest_discover_tests(${name}_test DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 120)
  endif()
endfunction()
