# WebAssembly with Emscripten; programs run under Node.js with access to the file system.
include(/usr/share/emscripten/cmake/Modules/Platform/Emscripten.cmake)
set(CMAKE_CXX_FLAGS_INIT "-fexceptions")
# One file, because Emscripten 3.1.6 would load a second one by fetch, which Node.js 18 and later have only for URLs.
set(CMAKE_EXE_LINKER_FLAGS_INIT
  "-fexceptions -sNODERAWFS=1 -sALLOW_MEMORY_GROWTH=1 -sEXIT_RUNTIME=1 -sSINGLE_FILE=1")
include(${CMAKE_CURRENT_LIST_DIR}/header_only_dependencies.cmake)
