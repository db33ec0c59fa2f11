# Included by toolchain files. A cross compiler must not use /usr/include, which contains the build machine's C library, so
# the header-only dependencies installed there are linked into a separate folder.
set(dependencies ${CMAKE_CURRENT_LIST_DIR}/../../build/toolchains/headers)
file(MAKE_DIRECTORY ${dependencies})
foreach(name catch2 nlohmann CLI)
  if(EXISTS /usr/include/${name} AND NOT EXISTS ${dependencies}/${name})
    file(CREATE_LINK /usr/include/${name} ${dependencies}/${name} SYMBOLIC)
  endif()
endforeach()
set(CMAKE_CXX_STANDARD_INCLUDE_DIRECTORIES ${dependencies})
# After project(), CMake then does not add /usr/include, as it does not add the implicit folders of a native compiler.
set(CMAKE_PROJECT_rondo_INCLUDE ${CMAKE_CURRENT_LIST_DIR}/without_usr_include.cmake)
# find_package uses the packages of the build machine.
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
