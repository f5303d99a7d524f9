# Every outside library the project uses, each looked up once. docs/building.md lists the Debian packages.
# The configs of gRPC and RocksDB look for re2 and zstd under names that pkg_check_modules leaves in the cache;
# without this the second configuration of a build folder fails.
unset(re2_FOUND CACHE)
unset(zstd_INCLUDE_DIRS CACHE)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(absl REQUIRED)
# The module, not CONFIG: Debian's protobuf package installs no CMake config.
find_package(Protobuf 3.21 REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_program(BRIGADA_GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)
find_package(RocksDB CONFIG REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(SQLite3 3.40 REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(re2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(utf8proc REQUIRED IMPORTED_TARGET libutf8proc)
if(BRIGADA_TESTS)
  find_package(GTest REQUIRED)
endif()
