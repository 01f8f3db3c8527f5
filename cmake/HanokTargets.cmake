# How every target of the project is compiled, in one place.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(HANOK_CCACHE ccache)
if(HANOK_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${HANOK_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${HANOK_CCACHE})
endif()

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)

add_library(hanok_flags INTERFACE)
target_include_directories(hanok_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(hanok_flags INTERFACE HANOK_VERSION="${PROJECT_VERSION}")
target_compile_options(
  hanok_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Werror
                        $<$<COMPILE_LANGUAGE:CXX>:-Woverloaded-virtual>)
# Assertions stay in release builds: NDEBUG is never defined (see CMakePresets.json).

option(HANOK_SANITIZE "Build with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
if(HANOK_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=address,undefined)
endif()

# The many small files of a service or of a test program share translation units: JSON, coroutines and GoogleTest are parsed and
# instantiated once for several, which halves a clean build. 0 compiles each file alone, which clang-tidy wants.
set(HANOK_UNITY 8 CACHE STRING "Source files per translation unit")
function(hanok_share_units name)
  if(HANOK_UNITY GREATER 1)
    set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${HANOK_UNITY})
  endif()
endfunction()

# hanok_add_library(name [SHARE_UNITS] SOURCES a.cc b.cc LIBRARIES x y)
function(hanok_add_library name)
  cmake_parse_arguments(ARG "SHARE_UNITS" "" "SOURCES;LIBRARIES" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC hanok_flags ${ARG_LIBRARIES})
  if(ARG_SHARE_UNITS)
    hanok_share_units(${name})
  endif()
endfunction()

# hanok_add_program(hanok-x SOURCES main.cc LIBRARIES x y)
function(hanok_add_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE hanok_flags ${ARG_LIBRARIES})
endfunction()

# hanok_add_test(name SOURCES a_test.cc LIBRARIES x [LABEL unit]): one GoogleTest program, one ctest entry.
# The target unit_tests builds those of the label unit and nothing that they do not need.
add_custom_target(unit_tests)
function(hanok_add_test name)
  cmake_parse_arguments(ARG "" "LABEL" "SOURCES;LIBRARIES" ${ARGN})
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  find_package(GTest REQUIRED)
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE hanok_flags ${ARG_LIBRARIES} GTest::gmock GTest::gtest_main)
  hanok_share_units(${name})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT 120)
  if(ARG_LABEL STREQUAL unit)
    add_dependencies(unit_tests ${name})
  endif()
  target_compile_options(${name} PRIVATE -O0) # optimising GoogleTest's macros takes half of the time of compiling tests
  if(HANOK_SANITIZE)
    set_tests_properties(${name} PROPERTIES TIMEOUT 600)
  endif()
endfunction()

# The same tests of the data plane again, with the connections spread over two workers.
function(hanok_with_two_workers name)
  add_test(NAME ${name}_two_workers COMMAND ${name})
  get_test_property(${name} TIMEOUT timeout)
  set_tests_properties(${name}_two_workers PROPERTIES LABELS unit TIMEOUT ${timeout} ENVIRONMENT HANOK_TEST_WORKERS=2)
endfunction()
