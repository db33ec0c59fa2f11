# Settings of CPack. `cpack -G DEB` or `cpack -G TGZ` in the build folder packs the files of `cmake --install`.

set(CPACK_PACKAGE_NAME rondo)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "LSTM and GRU networks and a MIDI codec for C++20")
set(CPACK_PACKAGE_DESCRIPTION "Recurrent networks that train on the CPU, infer and stream with
the same weights, with kernels for AVX2 and AVX-512 chosen at run time;
safetensors with PyTorch's names and shapes; a reader and writer of
Standard MIDI Files. Headers, a static library, and files for CMake and
pkg-config.")
set(CPACK_PACKAGE_VENDOR "Rondo developers")
set(CPACK_PACKAGE_CONTACT "Rondo developers <rondo@localhost>")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_STRIP_FILES OFF)
set(CPACK_GENERATOR TGZ)

set(CPACK_DEBIAN_PACKAGE_NAME rondo-dev)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
if(RONDO_NN)
  set(CPACK_DEBIAN_PACKAGE_DEPENDS "libeigen3-dev (>= 3.4)")
else()
  set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE all)  # headers only
endif()
if(RONDO_IO)
  set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "nlohmann-json3-dev (>= 3.10)")  # needed only for rondo::io
endif()
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "cmake (>= 3.24), pkgconf")
configure_file(cmake/debian_docs.cmake.in ${PROJECT_BINARY_DIR}/debian_docs.cmake @ONLY)
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_BINARY_DIR}/debian_docs.cmake)
include(CPack)
