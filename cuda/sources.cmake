# The sources of rondo::cuda. They also compile for the host, kernels and all, against tests/support/host_cuda.
set(RONDO_CUDA_SOURCES
  context.cpp
  lstm/choose.cpp
  lstm/graph.cpp
  lstm/lstm.cpp
  lstm/pass.cpp
  lstm/persistent_backward.cu
  lstm/persistent_forward.cu
  lstm/persistent_shape.cpp
  lstm/stepwise.cu
  lstm/wavefront.cpp
  lstm/words.cu
  ops/columns.cu
  ops/dropout.cu
  ops/embedding.cu
  ops/gemm.cpp
  ops/losses.cu
  ops/memory.cpp
  ops/optim.cu
  ops/pooling.cu
  ops/regression_losses.cu)
list(TRANSFORM RONDO_CUDA_SOURCES PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
