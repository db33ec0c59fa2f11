// SPDX-License-Identifier: MIT
// Contexts, and device memory.
#include "runtime.hpp"

#include <string>

namespace rondo::inline RONDO_ABI::cuda {

namespace {

thread_local Context* used = nullptr;

[[noreturn]] void fail(const char* call, const std::string& what, SourceLine where) {
  throw error(rondo::detail::concat(call, ": ", what, " (", where.file, ":", where.line, ")"));
}

int attribute(cudaDeviceAttr which, int device) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, which, device), "cudaDeviceGetAttribute");
  return value;
}

DeviceInfo describe() {
  int device = 0;
  check(cudaGetDevice(&device), "cudaGetDevice");
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
  DeviceInfo info;
  info.name = properties.name;
  info.major = attribute(cudaDevAttrComputeCapabilityMajor, device);
  info.minor = attribute(cudaDevAttrComputeCapabilityMinor, device);
  info.multiprocessors = attribute(cudaDevAttrMultiProcessorCount, device);
  info.shared_bytes = static_cast<std::size_t>(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, device));
  check(cudaDriverGetVersion(&info.driver), "cudaDriverGetVersion");
  check(cudaRuntimeGetVersion(&info.runtime), "cudaRuntimeGetVersion");
  return info;
}

/// Workspace of cuBLAS. NVIDIA recommends 32 MiB on Hopper, and a user-provided workspace where graphs are captured.
constexpr std::size_t kBlasWorkspace = std::size_t{32} << 20;

}  // namespace

void check(cudaError_t status, const char* call, SourceLine where) {
  if (status == cudaSuccess) [[likely]]
    return;
  cudaGetLastError();  // clears the error, which the next launch would report again
  fail(call, std::string(cudaGetErrorName(status)) + ", " + cudaGetErrorString(status), where);
}

void check(cublasStatus_t status, const char* call, SourceLine where) {
  if (status != CUBLAS_STATUS_SUCCESS) [[unlikely]]
    fail(call, cublasGetStatusString(status), where);
}

bool available() {
  int devices = 0;
  const bool answered = cudaGetDeviceCount(&devices) == cudaSuccess;
  if (!answered) cudaGetLastError();
  return answered && devices > 0;
}

const char* name(RecurrentAlgorithm algorithm) {
  switch (algorithm) {
    case RecurrentAlgorithm::automatic:
      return "automatic";
    case RecurrentAlgorithm::stepwise:
      return "stepwise";
    case RecurrentAlgorithm::graph:
      return "graph";
    case RecurrentAlgorithm::grid_persistent:
      return "grid_persistent";
    case RecurrentAlgorithm::cluster_persistent:
      return "cluster_persistent";
  }
  return "?";
}

Context::Context() : Context(nullptr) {
  check(cudaStreamCreateWithFlags(&impl_->stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  impl_->owns_stream = true;
  check(cublasSetStream(impl_->blas, impl_->stream), "cublasSetStream");
  check(cublasSetWorkspace(impl_->blas, impl_->blas_workspace.data(), impl_->blas_workspace.bytes()),
        "cublasSetWorkspace");
}

Context::Context(Stream stream) : impl_(std::make_unique<Impl>()) {
  impl_->device = describe();
  impl_->stream = stream;
  impl_->blas_workspace = detail::Memory(kBlasWorkspace);
  check(cublasCreate(&impl_->blas), "cublasCreate");
  check(cublasSetStream(impl_->blas, stream), "cublasSetStream");  // sets the workspace back to cuBLAS's own
  check(cublasSetWorkspace(impl_->blas, impl_->blas_workspace.data(), impl_->blas_workspace.bytes()),
        "cublasSetWorkspace");
}

Context::~Context() {  // a destructor cannot report errors: statuses are ignored
  if (!impl_) return;
  cudaStreamSynchronize(impl_->stream);
  if (impl_->blas) cublasDestroy(impl_->blas);
  if (impl_->owns_stream) cudaStreamDestroy(impl_->stream);
  if (used == this) used = nullptr;
}

Stream Context::stream() const { return impl_->stream; }
const DeviceInfo& Context::device() const { return impl_->device; }
void Context::synchronize() { check(cudaStreamSynchronize(impl_->stream), "cudaStreamSynchronize"); }
void Context::set_recurrent_algorithm(RecurrentAlgorithm algorithm) { impl_->algorithm = algorithm; }
RecurrentAlgorithm Context::recurrent_algorithm() const { return impl_->algorithm; }
RecurrentAlgorithm Context::last_algorithm() const { return impl_->last_algorithm; }

void Context::set_wavefront(Index steps) { impl_->wavefront = steps; }
Index Context::wavefront() const { return impl_->wavefront; }

Context& Context::current() {
  if (used) return *used;
  if (!available()) throw error("rondo::cuda: there is no GPU, or no CUDA driver");
  thread_local Context own;
  return own;
}

ContextGuard::ContextGuard(Context& context) : former_(used) { used = &context; }
ContextGuard::~ContextGuard() { used = former_; }

namespace detail {

Memory::Memory(std::size_t bytes) : bytes_(bytes) {
  if (bytes > 0) check(cudaMalloc(&data_, bytes), "cudaMalloc");
}

Memory::~Memory() {
  if (data_) cudaFree(data_);
}

void copy_bytes(const void* from, void* to, std::size_t bytes) {
  if (bytes > 0) check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, context().stream), "cudaMemcpyAsync");
}

}  // namespace detail

}  // namespace rondo::inline RONDO_ABI::cuda
