# Installs the client library with everything a program needs to build against it: find_package(brigada), then link
# brigada::client. tests/consumer is such a program.
set(brigada_exported_targets
  brigada_proto brigada_grpc brigada_base brigada_territory brigada_crypto brigada_schema brigada_merge brigada_store
  brigada_sync brigada_query brigada_client)
install(TARGETS ${brigada_exported_targets} EXPORT brigadaTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT brigadaTargets NAMESPACE brigada:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/brigada)
install(DIRECTORY client_lib/include/brigada DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(DIRECTORY ${PROJECT_BINARY_DIR}/gen/brigada DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.pb.h" PATTERN "*.grpc.pb.h" EXCLUDE)
install(DIRECTORY proto/brigada DESTINATION ${CMAKE_INSTALL_DATADIR}/brigada/proto FILES_MATCHING PATTERN "*.proto")
# The few headers of replica/ that the public ones name.
foreach(header base/clock.h base/ids.h base/log.h base/random.h query/query_summary.h query/sql_value.h schema/registry.h schema/scope.h)
  get_filename_component(folder ${header} DIRECTORY)
  install(FILES replica/${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/replica/${folder})
endforeach()

configure_package_config_file(cmake/brigadaConfig.cmake.in ${PROJECT_BINARY_DIR}/brigadaConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/brigada)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/brigadaConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/brigadaConfig.cmake ${PROJECT_BINARY_DIR}/brigadaConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/brigada)
