# 64-bit Windows with Debian's MinGW-w64 (g++-mingw-w64-x86-64) and POSIX threads; programs run under Wine. Programs are
# linked statically, so that they need no DLL of the compiler.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_CXX_COMPILER x86_64-w64-mingw32-g++-posix)
set(CMAKE_RC_COMPILER x86_64-w64-mingw32-windres)
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static")
find_program(RONDO_WINE NAMES wine64 wine wine-stable PATHS /usr/lib/wine)
if(RONDO_WINE)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${RONDO_WINE})
endif()
include(${CMAKE_CURRENT_LIST_DIR}/header_only_dependencies.cmake)
