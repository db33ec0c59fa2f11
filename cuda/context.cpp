// SPDX-License-Identifier: MIT
// Contexts, and device memory.
#include "runtime.hpp"

#include "memory_calls.hpp"

#include <atomic>
#include <map>
#include <memory>
#include <string>

namespace rondo::inline RONDO_ABI::cuda {

namespace {

thread_local Context* used = nullptr;

/// The contexts of a thread without a guard, by device.
using DefaultContexts = std::map<int, std::unique_ptr<Context>>;

/// Null before the thread's first context, and from the end of the thread on: memory that is freed then, that of these
/// contexts among it, must not look into a map that is being destroyed.
thread_local DefaultContexts* existing_defaults = nullptr;

DefaultContexts& default_contexts() {
  struct Owner {
    DefaultContexts contexts;
    Owner() { existing_defaults = &contexts; }
    ~Owner() { existing_defaults = nullptr; }
    Owner(const Owner&) = delete;
    Owner& operator=(const Owner&) = delete;
  };
  thread_local Owner owner;
  return owner.contexts;
}

int current_device() {
  int device = 0;
  check(cudaGetDevice(&device), "cudaGetDevice");
  return device;
}

/// The calling thread's context, if it has one yet.
Context* existing_context() {
  if (used) return used;
  int device = 0;
  if (!existing_defaults || cudaGetDevice(&device) != cudaSuccess) return nullptr;
  const auto found = existing_defaults->find(device);
  return found == existing_defaults->end() ? nullptr : found->second.get();
}

[[noreturn]] void fail(const char* call, const std::string& what, SourceLine where) {
  throw error(rondo::detail::concat(call, ": ", what, " (", where.file, ":", where.line, ")"));
}

int attribute(cudaDeviceAttr which, int device) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, which, device), "cudaDeviceGetAttribute");
  return value;
}

DeviceInfo describe(int device) {
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

bool is_captured(cudaStream_t stream) {
  if (defers_calls()) return true;
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  const cudaError_t answer = cudaStreamIsCapturing(stream, &status);
  if (answer == cudaErrorStreamCaptureImplicit) {  // the legacy stream, while a stream that it waits for is captured
    cudaGetLastError();
    return true;
  }
  check(answer, "cudaStreamIsCapturing");
  return status != cudaStreamCaptureStatusNone;
}

void copy_from_host(void* device, const void* host, std::size_t bytes) {
  if (bytes == 0) return;
  if (const void* staged = stage_in_step(host, bytes)) return detail::copy_bytes(staged, device, bytes);
  const cudaStream_t stream = context().stream;
  if (is_captured(stream))
    throw error(
        "rondo::cuda: a copy from the host to the device, of tokens, lengths or weights of steps, is not possible "
        "while its stream is captured");
  check(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream), "cudaMemcpyAsync");
  cudaPointerAttributes attributes{};
  check(cudaPointerGetAttributes(&attributes, host), "cudaPointerGetAttributes");
  // From pageable memory the bytes are staged when the call returns; pinned memory is read when the stream gets there.
  if (attributes.type != cudaMemoryTypeUnregistered) check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
}

void Context::Impl::set_stream(cudaStream_t to) {
  stream = to;
  check(cublasSetStream(blas, to), "cublasSetStream");  // sets the workspace back to cuBLAS's own
  check(cublasSetWorkspace(blas, blas_workspace.data(), blas_workspace.bytes()), "cublasSetWorkspace");
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
    case RecurrentAlgorithm::dataflow_persistent:
      return "dataflow_persistent";
  }
  return "?";
}

Context::Context() : Context(nullptr) {
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  impl_->owns_stream = true;
  impl_->set_stream(stream);
}

Context::Context(Stream stream) : impl_(std::make_unique<Impl>()) {
  static std::atomic<std::uint64_t> contexts{0};
  impl_->number = ++contexts;
  impl_->device_index = current_device();
  impl_->device = describe(impl_->device_index);
  impl_->blas_workspace = detail::Memory(kBlasWorkspace);
  check(cublasCreate(&impl_->blas), "cublasCreate");
  impl_->set_stream(stream);
}

Context::~Context() {  // a destructor cannot report errors: statuses are ignored
  if (!impl_) return;
  int former = 0;
  cudaGetDevice(&former);
  if (former != impl_->device_index) cudaSetDevice(impl_->device_index);
  cudaStreamSynchronize(impl_->stream);
  if (impl_->blas) cublasDestroy(impl_->blas);
  if (impl_->capture_stream) cudaStreamDestroy(impl_->capture_stream);
  if (impl_->owns_stream) cudaStreamDestroy(impl_->stream);
  for (void* memory : impl_->replaced_in_capture) cudaFree(memory);
  impl_->contexts.clear();  // on their device
  if (former != impl_->device_index) cudaSetDevice(former);
  if (used == this) used = nullptr;
}

Stream Context::stream() const { return impl_->stream; }
const DeviceInfo& Context::device() const { return impl_->device; }
void Context::synchronize() {
  require_no_wait("waits for the device");
  check(cudaStreamSynchronize(impl_->stream), "cudaStreamSynchronize");
}
void Context::set_recurrent_algorithm(RecurrentAlgorithm algorithm) { impl_->algorithm = algorithm; }
void Context::set_algorithm_choice(AlgorithmChoice choice) { impl_->choice = choice; }
RecurrentAlgorithm Context::recurrent_algorithm() const { return impl_->algorithm; }
RecurrentAlgorithm Context::last_algorithm() const { return impl_->last_algorithm; }

Context& Context::current() {
  if (used) return *used;
  if (!available()) throw error("rondo::cuda: there is no GPU, or no CUDA driver");
  auto& own = default_contexts()[current_device()];
  if (!own) own = std::make_unique<Context>();
  return *own;
}

ContextGuard::ContextGuard(Context& context) : former_(used), former_device_(current_device()) {
  if (const int device = context.impl().device_index; device != former_device_)
    check(cudaSetDevice(device), "cudaSetDevice");
  used = &context;
}
ContextGuard::~ContextGuard() {
  used = former_;
  cudaSetDevice(former_device_);
}

namespace detail {

Memory::Memory(std::size_t bytes) : bytes_(bytes) {
  const RelaxedCapture relaxed;
  if (bytes > 0) check(cudaMalloc(&data_, bytes), "cudaMalloc");
}

Memory::~Memory() {
  if (!data_ || keep_in_step(data_)) return;
  if (Context* const context = existing_context())
    if (cudaStreamCaptureStatus status{}; cudaStreamIsCapturing(context->impl().stream, &status) == cudaSuccess &&
                                          status != cudaStreamCaptureStatusNone) {
      context->impl().replaced_in_capture.push_back(data_);  // the graph uses it; cudaFree would end the capture
      return;
    }
  cudaFree(data_);
}

void copy_bytes(const void* from, void* to, std::size_t bytes) {
  if (bytes > 0) check(issue(CopyCall{to, bytes, from, bytes, bytes, 1}), "cudaMemcpyAsync");
}

}  // namespace detail

}  // namespace rondo::inline RONDO_ABI::cuda
