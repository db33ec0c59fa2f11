# The sources of rondo::cuda. They also compile for the host, kernels and all, against tests/support/host_cuda.
set(RONDO_CUDA_SOURCES
  context.cpp
  ops/columns.cu
  ops/dropout.cu
  ops/embedding.cu
  ops/gemm.cpp
  ops/losses.cu
  ops/memory.cpp
  ops/optim.cu)
list(TRANSFORM RONDO_CUDA_SOURCES PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
