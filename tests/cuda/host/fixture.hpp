// SPDX-License-Identifier: MIT
// Shared code of the tests of the host executor: checked calls, device vectors, launches.
#pragma once

#include "support/catch.hpp"

#include <cuda_runtime.h>
#include <host_cuda.hpp>

#include <string>
#include <vector>

#define REQUIRE_CUDA(call) REQUIRE((call) == cudaSuccess)

namespace host_cuda_test {

using host_cuda::Order;
inline const std::vector<Order> kOrders = {Order::ascending, Order::descending, Order::shuffled(1), Order::shuffled(2)};

/// Each test starts with the default device and order.
struct Fresh {
  Fresh() { reset(); }
  ~Fresh() { reset(); }
  static void reset() {
    host_cuda::clear_failure();
    host_cuda::set_order(Order::ascending);
    host_cuda::set_device({});
  }
};

/// Device memory; both copies wait for completion.
template <class T>
class DeviceVector {
 public:
  explicit DeviceVector(std::size_t size) : size_(size) { REQUIRE_CUDA(cudaMalloc(&data_, size * sizeof(T))); }
  explicit DeviceVector(const std::vector<T>& host) : DeviceVector(host.size()) {
    REQUIRE_CUDA(cudaMemcpy(data_, host.data(), size_ * sizeof(T), cudaMemcpyHostToDevice));
  }
  ~DeviceVector() { cudaFree(data_); }
  DeviceVector(const DeviceVector&) = delete;
  DeviceVector& operator=(const DeviceVector&) = delete;

  T* data() const { return data_; }
  std::vector<T> host() const {
    std::vector<T> result(size_);
    REQUIRE_CUDA(cudaMemcpy(result.data(), data_, size_ * sizeof(T), cudaMemcpyDeviceToHost));
    return result;
  }

 private:
  std::size_t size_;
  T* data_ = nullptr;
};

struct Stream {
  explicit Stream(unsigned flags = cudaStreamNonBlocking) { REQUIRE_CUDA(cudaStreamCreateWithFlags(&handle, flags)); }
  ~Stream() { cudaStreamDestroy(handle); }
  cudaStream_t handle = nullptr;
};
struct Event {
  explicit Event(unsigned flags = cudaEventDefault) { REQUIRE_CUDA(cudaEventCreateWithFlags(&handle, flags)); }
  ~Event() { cudaEventDestroy(handle); }
  cudaEvent_t handle = nullptr;
};

struct Shape {
  dim3 blocks, threads;
  std::size_t shared = 0;
  unsigned cluster = 0;  // in x; 0: no attribute
  bool cooperative = false;
  cudaStream_t stream = nullptr;
};

template <class Kernel, class... Arguments>
cudaError_t launch(const Shape& shape, Kernel* kernel, Arguments... arguments) {
  cudaLaunchAttribute attributes[2]{};
  cudaLaunchConfig_t config{};
  config.gridDim = shape.blocks;
  config.blockDim = shape.threads;
  config.dynamicSmemBytes = shape.shared;
  config.stream = shape.stream;
  config.attrs = attributes;
  if (shape.cluster > 0) {
    attributes[config.numAttrs].id = cudaLaunchAttributeClusterDimension;
    attributes[config.numAttrs].val.clusterDim.x = shape.cluster;
    attributes[config.numAttrs].val.clusterDim.y = 1;
    attributes[config.numAttrs++].val.clusterDim.z = 1;
  }
  if (shape.cooperative) {
    attributes[config.numAttrs].id = cudaLaunchAttributeCooperative;
    attributes[config.numAttrs++].val.cooperative = 1;
  }
  return cudaLaunchKernelEx(&config, kernel, arguments...);
}

/// The executor's message for a failed kernel; clears the failure.
inline std::string failure_of(cudaError_t launched) {
  CHECK(launched == cudaErrorLaunchFailure);  // the legacy stream runs it immediately
  CHECK(cudaDeviceSynchronize() == cudaErrorLaunchFailure);
  CHECK(cudaGetLastError() == cudaErrorLaunchFailure);
  CHECK(cudaGetLastError() == cudaErrorLaunchFailure);  // sticky
  const std::string what = host_cuda::last_failure();
  host_cuda::clear_failure();
  CHECK(cudaGetLastError() == cudaSuccess);
  return what;
}

inline void expect(const std::string& text, const char* part) {
  INFO(text << "\ndoes not contain: " << part);
  CHECK(text.find(part) != std::string::npos);
}

}  // namespace host_cuda_test
