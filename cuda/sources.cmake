# The sources of rondo::cuda. They also compile for the host, including kernels, with tests/support/host_cuda.
set(RONDO_CUDA_SOURCES
  context.cpp
  recurrent/algorithm_selection.cpp
  recurrent/choice.cpp
  recurrent/choice_store.cpp
  recurrent/cost_model.cpp
  recurrent/directions.cpp
  recurrent/graph.cpp
  recurrent/operands.cu
  recurrent/pass.cpp
  recurrent/persistent_backward.cu
  recurrent/persistent_forward.cu
  recurrent/persistent_shape.cpp
  recurrent/recurrent.cpp
  recurrent/stepwise.cu
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
