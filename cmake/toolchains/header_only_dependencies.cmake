# For a compiler that must not read the headers of the build machine's C library in /usr/include: the header-only
# dependencies installed there, as links in a folder of their own. Included by a toolchain file.
set(dependencies ${CMAKE_CURRENT_LIST_DIR}/../../build/toolchains/headers)
file(MAKE_DIRECTORY ${dependencies})
foreach(name catch2 nlohmann CLI)
  if(EXISTS /usr/include/${name} AND NOT EXISTS ${dependencies}/${name})
    file(CREATE_LINK /usr/include/${name} ${dependencies}/${name} SYMBOLIC)
  endif()
endforeach()
set(CMAKE_CXX_STANDARD_INCLUDE_DIRECTORIES ${dependencies})
# After project(): CMake leaves /usr/include out, as it does with a native compiler's own folders.
set(CMAKE_PROJECT_rondo_INCLUDE ${CMAKE_CURRENT_LIST_DIR}/without_usr_include.cmake)
# find_package looks at this machine's packages.
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
