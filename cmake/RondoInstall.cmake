# Rules for `cmake --install`: the components that were built, each with its targets, headers and .pc file. The installed
# folder can be moved.

include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/rondo)
set(components "")

# rondo_install_component(NAME TARGET...): installs those of the targets that exist, as component NAME of
# find_package(rondo).
function(rondo_install_component name)
  set(targets "")
  set(file_sets "")
  foreach(target IN LISTS ARGN)
    if(TARGET ${target})
      list(APPEND targets ${target})
      get_target_property(sets ${target} INTERFACE_HEADER_SETS)
      list(APPEND file_sets ${sets})
    endif()
  endforeach()
  list(REMOVE_ITEM file_sets sets-NOTFOUND)
  list(REMOVE_DUPLICATES file_sets)
  set(file_set_arguments "")
  foreach(set IN LISTS file_sets)
    list(APPEND file_set_arguments FILE_SET ${set} COMPONENT rondo)
  endforeach()
  install(TARGETS ${targets} EXPORT rondo-${name} COMPONENT rondo
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT rondo
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT rondo
    RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT rondo ${file_set_arguments})
  install(EXPORT rondo-${name} NAMESPACE rondo:: DESTINATION ${package_dir} COMPONENT rondo FILE rondo-${name}-targets.cmake)
  set(components ${components} ${name} PARENT_SCOPE)
endfunction()

rondo_install_component(midi rondo_midi)
rondo_install_component(music rondo_music)
rondo_install_component(embedded rondo_embedded)
if(RONDO_NN)
  rondo_install_component(nn rondo_nn_headers rondo_nn_header_only rondo_nn)
  rondo_install_component(rondo rondo_rondo)
endif()
if(RONDO_IO)
  rondo_install_component(io rondo_io_headers rondo_io)
endif()
if(RONDO_ONNX)
  rondo_install_component(onnx rondo_onnx)
endif()
if(RONDO_MPI)
  rondo_install_component(mpi rondo_mpi)
endif()
if(RONDO_CUDA)
  rondo_install_component(cuda rondo_cuda_headers rondo_cuda)
endif()

if(RONDO_NCCL)
  rondo_install_component(nccl rondo_nccl)
  install(FILES cmake/FindNCCL.cmake DESTINATION ${package_dir} COMPONENT rondo)
endif()

# ---- find_package(rondo) ---------------------------------------------------------------------------------------------

configure_package_config_file(cmake/rondo-config.cmake.in ${PROJECT_BINARY_DIR}/rondo-config.cmake
  INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
set(independent "")
if(NOT RONDO_NN)  # headers only
  set(independent ARCH_INDEPENDENT)
endif()
write_basic_package_version_file(${PROJECT_BINARY_DIR}/rondo-config-version.cmake
  COMPATIBILITY SameMinorVersion ${independent})
install(FILES ${PROJECT_BINARY_DIR}/rondo-config.cmake ${PROJECT_BINARY_DIR}/rondo-config-version.cmake
  DESTINATION ${package_dir} COMPONENT rondo)

# ---- pkg-config ------------------------------------------------------------------------------------------------------

# Paths are relative to the folder of the .pc file, so that the installed folder can be moved.
set(pc_dir ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig)
cmake_path(RELATIVE_PATH CMAKE_INSTALL_FULL_LIBDIR BASE_DIRECTORY ${pc_dir} OUTPUT_VARIABLE pc_libdir)
cmake_path(RELATIVE_PATH CMAKE_INSTALL_FULL_INCLUDEDIR BASE_DIRECTORY ${pc_dir} OUTPUT_VARIABLE pc_includedir)

# rondo_pkgconfig(NAME DESCRIPTION text [REQUIRES names] [LIBS flags] [CFLAGS flags])
function(rondo_pkgconfig name)
  cmake_parse_arguments(arg "" "DESCRIPTION;REQUIRES;LIBS;CFLAGS" "" ${ARGN})
  set(text "libdir=\${pcfiledir}/${pc_libdir}\nincludedir=\${pcfiledir}/${pc_includedir}\n\n")
  string(APPEND text "Name: ${name}\nDescription: ${arg_DESCRIPTION}\nVersion: ${PROJECT_VERSION}\n")
  if(arg_REQUIRES)
    string(APPEND text "Requires: ${arg_REQUIRES}\n")
  endif()
  if(arg_LIBS)
    string(APPEND text "Libs: ${arg_LIBS}\n")
  endif()
  string(STRIP "-I\${includedir} ${arg_CFLAGS}" cflags)
  string(APPEND text "Cflags: ${cflags}\n")
  file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/${name}.pc CONTENT "${text}")
  install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT rondo)
endfunction()

rondo_pkgconfig(rondo-midi DESCRIPTION "Standard MIDI Files: bytes, events, notes (C++20, headers only)")
rondo_pkgconfig(rondo-music DESCRIPTION "Tokens, grammar and data sets of music (C++20, headers only)" REQUIRES rondo-midi)
rondo_pkgconfig(rondo-embedded DESCRIPTION "LSTM and GRU networks for microcontrollers (C++20, headers only, freestanding)")
if(RONDO_NN)
  set(openmp "")
  if(OpenMP_CXX_FOUND)
    list(JOIN OpenMP_CXX_FLAGS " " openmp)
  endif()
  set(definitions $<TARGET_PROPERTY:rondo_nn,INTERFACE_COMPILE_DEFINITIONS>)
  rondo_pkgconfig(rondo-nn DESCRIPTION "LSTM and GRU networks: training, inference, streaming (C++20)"
    REQUIRES "eigen3 >= 3.4" LIBS "-L\${libdir} -l$<TARGET_FILE_BASE_NAME:rondo_nn> ${openmp}"
    CFLAGS "$<$<BOOL:${definitions}>:-D$<JOIN:${definitions}, -D>>")
  rondo_pkgconfig(rondo-nn-header-only
    DESCRIPTION "LSTM and GRU networks: training, inference, streaming (C++20, headers only)"
    REQUIRES "eigen3 >= 3.4" LIBS "${openmp}" CFLAGS "${openmp}")
endif()
if(RONDO_IO)
  rondo_pkgconfig(rondo-io DESCRIPTION "Model files for rondo-nn: safetensors, checkpoints, formats of other programs (C++20)"
    REQUIRES "rondo-nn = ${PROJECT_VERSION}, nlohmann_json >= 3.10")
endif()
