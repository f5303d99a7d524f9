# One target per layer: brigada_library(NAME store SRCS ... HDRS ... DEPS ...) makes brigada_store and the
# alias brigada::store. Headers are included by their path from the root of the tree.
include(CMakePackageConfigHelpers)

function(brigada_library)
  cmake_parse_arguments(ARG "" "NAME" "SRCS;HDRS;DEPS;PRIVATE_DEPS" ${ARGN})
  set(target brigada_${ARG_NAME})
  if(ARG_SRCS)
    add_library(${target} STATIC ${ARG_SRCS} ${ARG_HDRS})
    target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
    target_link_libraries(${target} PUBLIC ${ARG_DEPS}
      PRIVATE ${ARG_PRIVATE_DEPS} $<BUILD_INTERFACE:brigada_build_flags> $<BUILD_INTERFACE:brigada_warnings>)
    target_compile_features(${target} PUBLIC cxx_std_20)
    # The sanitizer and linker flags must reach whatever links this library inside the build.
    target_link_options(${target} INTERFACE
      $<BUILD_INTERFACE:$<TARGET_PROPERTY:brigada_build_flags,INTERFACE_LINK_OPTIONS>>)
  else()
    add_library(${target} INTERFACE)
    target_include_directories(${target} INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
    target_link_libraries(${target} INTERFACE ${ARG_DEPS})
  endif()
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${ARG_NAME})
  add_library(brigada::${ARG_NAME} ALIAS ${target})
endfunction()

# brigada_executable(NAME brigada-server SRCS ... DEPS ...)
function(brigada_executable)
  cmake_parse_arguments(ARG "" "NAME" "SRCS;DEPS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SRCS})
  target_include_directories(${ARG_NAME} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_DEPS} brigada_build_flags brigada_warnings)
endfunction()

# brigada_test(NAME base_hlc_test SRCS ... DEPS ... LABELS unit [TIMEOUT seconds] [ENVIRONMENT K=V ...])
function(brigada_test)
  cmake_parse_arguments(ARG "" "NAME;TIMEOUT" "SRCS;DEPS;LABELS;ENVIRONMENT" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  add_executable(${ARG_NAME} ${ARG_SRCS})
  target_include_directories(${ARG_NAME} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${ARG_NAME} PRIVATE
    ${ARG_DEPS} GTest::gmock GTest::gtest_main brigada_build_flags brigada_warnings)
  # tests_LABEL builds the executables of one label and no more: tools/test --label uses it.
  foreach(label ${ARG_LABELS})
    if(NOT TARGET tests_${label})
      add_custom_target(tests_${label})
    endif()
    add_dependencies(tests_${label} ${ARG_NAME})
  endforeach()
  # One CTest entry per executable: starting a process per case costs more than most cases do.
  add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME})
  set_tests_properties(${ARG_NAME} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
  set(environment "TSAN_OPTIONS=ignore_noninstrumented_modules=1" ${ARG_ENVIRONMENT})
  set_tests_properties(${ARG_NAME} PROPERTIES ENVIRONMENT "${environment}")
endfunction()
