// SPDX-License-Identifier: MIT
// The runtime of the host executor: asynchronous work, checks of arguments, limits of launches.
#include "fixture.hpp"

#include <rondo_ptx.cuh>
#include <sanitizers.hpp>

#include <cstring>
#include <memory>
#include <string>

extern "C" [[gnu::weak]] int __asan_address_is_poisoned(const volatile void* address);

using namespace host_cuda_test;

namespace {

__global__ void add(int* x, int value) { *x += value; }
__global__ void scale(int* x, int value) { *x *= value; }
__global__ void fails() { host_cuda::fail("on purpose"); }
__global__ void nothing() {}

constexpr std::size_t kInt = sizeof(int);

// ---- copies and streams ---------------------------------------------------------------------------------------------

TEST_CASE("work runs only when something waits for it") {
  const Fresh fresh;
  const Stream stream;
  const DeviceVector<int> x(1);
  auto source = std::make_unique<int>(20);
  REQUIRE_CUDA(cudaMemcpyAsync(x.data(), source.get(), kInt, cudaMemcpyHostToDevice, stream.handle));
  *source = 0;
  source.reset();  // pageable memory was read by the call
  REQUIRE_CUDA(launch({.blocks = 1, .threads = 1, .stream = stream.handle}, add, x.data(), 3));
  int result = -1;
  REQUIRE_CUDA(cudaMemcpyAsync(&result, x.data(), kInt, cudaMemcpyDeviceToHost, stream.handle));
  CHECK(result == -1);
  CHECK(cudaStreamQuery(stream.handle) == cudaErrorNotReady);  // runs one operation
  CHECK(result == -1);
  CHECK(cudaGetLastError() == cudaSuccess);
  REQUIRE_CUDA(cudaStreamSynchronize(stream.handle));
  CHECK(result == 23);
  CHECK(cudaStreamQuery(stream.handle) == cudaSuccess);
}

TEST_CASE("a loop that polls a stream ends") {
  const Fresh fresh;
  const Stream stream;
  const Event event;
  const DeviceVector<int> x(std::vector<int>{1});
  for (int i = 0; i < 5; ++i)
    REQUIRE_CUDA(launch({.blocks = 1, .threads = 1, .stream = stream.handle}, add, x.data(), 1));
  REQUIRE_CUDA(cudaEventRecord(event.handle, stream.handle));
  int asked = 1;
  while (cudaEventQuery(event.handle) == cudaErrorNotReady) ++asked;
  CHECK(asked == 7);
  CHECK(x.host()[0] == 6);
}

TEST_CASE("pinned memory is read when the stream runs the copy") {
  const Fresh fresh;
  const Stream stream;
  const DeviceVector<int> x(1);
  int* pinned = nullptr;
  REQUIRE_CUDA(cudaMallocHost(&pinned, kInt));
  *pinned = 1;
  REQUIRE_CUDA(cudaMemcpyAsync(x.data(), pinned, kInt, cudaMemcpyDefault, stream.handle));
  *pinned = 2;
  REQUIRE_CUDA(cudaStreamSynchronize(stream.handle));
  CHECK(x.host()[0] == 2);
  REQUIRE_CUDA(cudaFreeHost(pinned));
}

TEST_CASE("the legacy stream waits for blocking streams only") {
  const Fresh fresh;
  const Stream blocking(cudaStreamDefault), free(cudaStreamNonBlocking);
  const DeviceVector<int> x(std::vector<int>{1, 1});
  REQUIRE_CUDA(launch({.blocks = 1, .threads = 1, .stream = blocking.handle}, add, x.data(), 5));
  REQUIRE_CUDA(launch({.blocks = 1, .threads = 1, .stream = free.handle}, add, x.data() + 1, 5));
  CHECK(x.host() == std::vector<int>{6, 1});
  REQUIRE_CUDA(cudaDeviceSynchronize());
  CHECK(x.host() == std::vector<int>{6, 6});
}

TEST_CASE("cudaFree and cudaStreamDestroy wait for queued work") {
  const Fresh fresh;
  int result = 0;
  int* x = nullptr;
  REQUIRE_CUDA(cudaMalloc(&x, kInt));
  {
    const Stream stream;
    REQUIRE_CUDA(cudaMemsetAsync(x, 0, kInt, stream.handle));
    REQUIRE_CUDA(launch({.blocks = 1, .threads = 1, .stream = stream.handle}, add, x, 4));
    REQUIRE_CUDA(cudaMemcpyAsync(&result, x, kInt, cudaMemcpyDeviceToHost, stream.handle));
    REQUIRE_CUDA(cudaFree(x));
    CHECK(result == 4);
    REQUIRE_CUDA(cudaMalloc(&x, kInt));
    REQUIRE_CUDA(cudaMemsetAsync(x, 0, kInt, stream.handle));
    REQUIRE_CUDA(cudaMemcpyAsync(&result, x, kInt, cudaMemcpyDeviceToHost, stream.handle));
    CHECK(result == 4);
  }
  CHECK(result == 0);
  REQUIRE_CUDA(cudaFree(x));
}

TEST_CASE("copies and fills of rectangles do not change memory outside them") {
  const Fresh fresh;
  const DeviceVector<int> x(std::vector<int>(15, 7));  // 3 rows with pitch 5
  const std::vector<int> rows = {1, 2, 3, 4, 5, 6};    // 3 rows of 2
  REQUIRE_CUDA(cudaMemcpy2DAsync(x.data() + 1, 5 * kInt, rows.data(), 2 * kInt, 2 * kInt, 3, cudaMemcpyHostToDevice));
  CHECK(x.host() == std::vector<int>{7, 1, 2, 7, 7, 7, 3, 4, 7, 7, 7, 5, 6, 7, 7});
  REQUIRE_CUDA(cudaMemset2DAsync(x.data() + 3, 5 * kInt, 0, kInt, 2));
  CHECK(x.host() == std::vector<int>{7, 1, 2, 0, 7, 7, 3, 4, 0, 7, 7, 5, 6, 7, 7});
  std::vector<int> back(4, -1);
  REQUIRE_CUDA(cudaMemcpy2DAsync(back.data(), 2 * kInt, x.data() + 6, 5 * kInt, 2 * kInt, 2, cudaMemcpyDeviceToHost));
  CHECK(back == std::vector<int>{3, 4, 5, 6});
  CHECK(cudaMemcpy2DAsync(x.data(), kInt, rows.data(), 2 * kInt, 2 * kInt, 3, cudaMemcpyHostToDevice) ==
        cudaErrorInvalidPitchValue);
}

TEST_CASE("both addresses of a copy are checked") {
  const Fresh fresh;
  const DeviceVector<int> x(4);
  int host[4] = {};
  CHECK(cudaMemcpy(x.data(), host, 4 * kInt, cudaMemcpyDeviceToHost) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(host, x.data(), 4 * kInt, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(x.data() + 1, host, 4 * kInt, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(x.data() + 1, host, 3 * kInt, cudaMemcpyHostToDevice) == cudaSuccess);
  CHECK(cudaMemsetAsync(host, 0, kInt) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(x.data(), host, 0, cudaMemcpyDeviceToHost) == cudaSuccess);
  CHECK(cudaGetLastError() == cudaErrorInvalidValue);
  CHECK(cudaGetLastError() == cudaSuccess);
}

TEST_CASE("device memory is limited, filled with NaN, and poisoned for the host") {
  const Fresh fresh;
  void* pointer = &pointer;
  CHECK(cudaMalloc(&pointer, std::size_t{1} << 40) == cudaErrorMemoryAllocation);
  CHECK(pointer == nullptr);
  CHECK(cudaMalloc(&pointer, 0) == cudaSuccess);
  CHECK(pointer == nullptr);
  CHECK(cudaFree(nullptr) == cudaSuccess);
  int on_host = 0;
  CHECK(cudaFree(&on_host) == cudaErrorInvalidValue);
  const DeviceVector<float> x(5);
  for (const float v : x.host()) CHECK(std::isnan(v));
  if (host_cuda::address_sanitizer()) {
    CHECK(__asan_address_is_poisoned(x.data()));
    CHECK(__asan_address_is_poisoned(x.data() + 4));
  }
}

// ---- events ---------------------------------------------------------------------------------------------------------

TEST_CASE("a stream waits for the last record of another stream's event") {
  const Fresh fresh;
  const Stream a, b;
  const Event event(cudaEventDisableTiming);
  const DeviceVector<int> x(std::vector<int>{1});
  REQUIRE_CUDA(launch({.blocks = 1, .threads = 1, .stream = a.handle}, add, x.data(), 2));
  REQUIRE_CUDA(cudaEventRecord(event.handle, a.handle));
  REQUIRE_CUDA(launch({.blocks = 1, .threads = 1, .stream = a.handle}, scale, x.data(), 100));  // after the event
  REQUIRE_CUDA(cudaStreamWaitEvent(b.handle, event.handle));
  REQUIRE_CUDA(launch({.blocks = 1, .threads = 1, .stream = b.handle}, scale, x.data(), 5));
  REQUIRE_CUDA(cudaStreamSynchronize(b.handle));
  CHECK(x.host()[0] == 15);
  REQUIRE_CUDA(cudaStreamSynchronize(a.handle));
  CHECK(x.host()[0] == 1500);
}

TEST_CASE("events measure elapsed time after both have completed") {
  const Fresh fresh;
  const Stream stream;
  const Event start, end, untimed(cudaEventDisableTiming);
  float milliseconds = -1;
  CHECK(cudaEventElapsedTime(&milliseconds, start.handle, end.handle) ==
        cudaErrorInvalidResourceHandle);  // not recorded
  REQUIRE_CUDA(cudaEventRecord(start.handle, stream.handle));
  REQUIRE_CUDA(launch({.blocks = 500, .threads = 100, .stream = stream.handle}, nothing));
  REQUIRE_CUDA(cudaEventRecord(end.handle, stream.handle));
  REQUIRE_CUDA(cudaEventRecord(untimed.handle, stream.handle));
  CHECK(cudaEventElapsedTime(&milliseconds, start.handle, end.handle) == cudaErrorNotReady);
  REQUIRE_CUDA(cudaEventSynchronize(end.handle));
  REQUIRE_CUDA(cudaEventElapsedTime(&milliseconds, start.handle, end.handle));
  CHECK(milliseconds > 0);
  CHECK(milliseconds < 60000);
  CHECK(cudaEventElapsedTime(&milliseconds, start.handle, untimed.handle) == cudaErrorInvalidResourceHandle);
}

// ---- errors ---------------------------------------------------------------------------------------------------------

TEST_CASE("a kernel's failure is reported by the call that waits, is sticky, and discards queued work") {
  const Fresh fresh;
  const Stream stream;
  const DeviceVector<int> x(std::vector<int>{1});
  REQUIRE_CUDA(launch({.blocks = 2, .threads = 2, .stream = stream.handle}, fails));
  REQUIRE_CUDA(launch({.blocks = 1, .threads = 1, .stream = stream.handle}, add, x.data(), 1));
  CHECK(host_cuda::last_failure().empty());
  CHECK(cudaStreamSynchronize(stream.handle) == cudaErrorLaunchFailure);
  CHECK(launch({.blocks = 1, .threads = 1, .stream = stream.handle}, nothing) == cudaErrorLaunchFailure);
  int* memory = nullptr;
  CHECK(cudaMalloc(&memory, 4) == cudaErrorLaunchFailure);
  CHECK(memory == nullptr);
  expect(host_cuda::last_failure(), "thread (0, 0, 0) of block (0, 0, 0): on purpose");
  host_cuda::clear_failure();
  CHECK(x.host()[0] == 1);
}

TEST_CASE("invalid handles are rejected") {
  const Fresh fresh;
  cudaStream_t stream = nullptr;
  REQUIRE_CUDA(cudaStreamCreate(&stream));
  REQUIRE_CUDA(cudaStreamDestroy(stream));
  CHECK(cudaStreamSynchronize(stream) == cudaErrorInvalidResourceHandle);
  CHECK(cudaStreamDestroy(stream) == cudaErrorInvalidResourceHandle);
  CHECK(cudaStreamDestroy(nullptr) == cudaErrorInvalidResourceHandle);
  CHECK(cudaEventRecord(nullptr, nullptr) == cudaErrorInvalidResourceHandle);
  CHECK(std::string(cudaGetErrorName(cudaErrorInvalidResourceHandle)) == "cudaErrorInvalidResourceHandle");
  CHECK(std::strlen(cudaGetErrorString(cudaErrorInvalidResourceHandle)) > 0);
}

// ---- limits ---------------------------------------------------------------------------------------------------------

TEST_CASE("grids and blocks have the limits of a GPU") {
  const Fresh fresh;
  CHECK(launch({1, 1024}, nothing) == cudaSuccess);
  CHECK(launch({1, 1025}, nothing) == cudaErrorInvalidConfiguration);
  CHECK(launch({1, dim3(32, 33)}, nothing) == cudaErrorInvalidConfiguration);
  CHECK(launch({1, dim3(1, 1, 65)}, nothing) == cudaErrorInvalidConfiguration);
  CHECK(launch({0, 1}, nothing) == cudaErrorInvalidConfiguration);
  CHECK(launch({1, 0}, nothing) == cudaErrorInvalidConfiguration);
  CHECK(launch({70000, 1}, nothing) == cudaSuccess);
  CHECK(launch({dim3(1, 65535), 1}, nothing) == cudaSuccess);
  CHECK(launch({dim3(1, 65536), 1}, nothing) == cudaErrorInvalidConfiguration);
  CHECK(launch({dim3(1, 1, 65536), 1}, nothing) == cudaErrorInvalidConfiguration);
}

template <int>  // one kernel per test, since attributes of a kernel persist
__global__ void asks() {}

TEST_CASE("dynamic shared memory over 48 KB requires an attribute, up to the device's limit") {
  const Fresh fresh;
  CHECK(launch({1, 1, 48 * 1024}, asks<0>) == cudaSuccess);
  CHECK(launch({1, 1, 48 * 1024 + 1}, asks<0>) == cudaErrorInvalidValue);
  const auto ask = [](int bytes) {
    return cudaFuncSetAttribute(asks<0>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  };
  CHECK(ask(227 * 1024 + 1) == cudaErrorInvalidValue);
  CHECK(ask(227 * 1024) == cudaSuccess);
  CHECK(launch({1, 1, 227 * 1024}, asks<0>) == cudaSuccess);
  CHECK(launch({1, 1, 227 * 1024}, asks<1>) == cudaErrorInvalidValue);
  host_cuda::set_device({8, 6, 4});
  CHECK(ask(99 * 1024 + 1) == cudaErrorInvalidValue);
  CHECK(ask(99 * 1024) == cudaSuccess);
}

TEST_CASE("clusters have up to 8 blocks, 16 with an attribute, on devices that support them") {
  const Fresh fresh;
  const auto with_cluster = [](unsigned blocks, unsigned cluster) {
    return launch({.blocks = blocks, .threads = 1, .cluster = cluster}, asks<2>);
  };
  CHECK(with_cluster(16, 8) == cudaSuccess);
  CHECK(with_cluster(12, 8) == cudaErrorInvalidClusterSize);
  CHECK(with_cluster(32, 16) == cudaErrorInvalidClusterSize);
  REQUIRE_CUDA(cudaFuncSetAttribute(asks<2>, cudaFuncAttributeNonPortableClusterSizeAllowed, 1));
  CHECK(with_cluster(32, 16) == cudaSuccess);
  CHECK(with_cluster(34, 17) == cudaErrorInvalidClusterSize);
  host_cuda::set_device({12, 0, 8});
  CHECK(with_cluster(32, 16) == cudaErrorInvalidClusterSize);
  host_cuda::set_device({8, 0, 8});
  CHECK(with_cluster(4, 2) == cudaErrorNotSupported);
}

TEST_CASE("a cooperative grid must fit on the device at once") {
  const Fresh fresh;
  REQUIRE_CUDA(cudaFuncSetAttribute(asks<3>, cudaFuncAttributeMaxDynamicSharedMemorySize, 120 * 1024));
  const auto cooperative = [](unsigned blocks, std::size_t shared) {
    return launch({.blocks = blocks, .threads = 512, .shared = shared, .cooperative = true}, asks<3>);
  };
  int fit = 0;
  REQUIRE_CUDA(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&fit, asks<3>, 512, 0));
  CHECK(fit == 4);  // 2048 threads per multiprocessor
  REQUIRE_CUDA(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&fit, asks<3>, 512, 120 * 1024));
  CHECK(fit == 1);  // 228 KB
  host_cuda::set_device({9, 0, 2});
  CHECK(cooperative(9, 0) == cudaErrorCooperativeLaunchTooLarge);
  CHECK(cooperative(2, 120 * 1024) == cudaSuccess);
  CHECK(cooperative(3, 120 * 1024) == cudaErrorCooperativeLaunchTooLarge);
  host_cuda::set_device({9, 0, 1});
  CHECK(cooperative(4, 0) == cudaSuccess);
  CHECK(cooperative(5, 0) == cudaErrorCooperativeLaunchTooLarge);
}

TEST_CASE("the device has the properties of set_device") {
  const Fresh fresh;
  int value = 0;
  REQUIRE_CUDA(cudaGetDeviceCount(&value));
  CHECK(value == 1);
  CHECK(cudaSetDevice(1) == cudaErrorInvalidDevice);
  const auto attribute = [&](cudaDeviceAttr which) {
    REQUIRE_CUDA(cudaDeviceGetAttribute(&value, which, 0));
    return value;
  };
  CHECK(attribute(cudaDevAttrComputeCapabilityMajor) == 9);
  CHECK(attribute(cudaDevAttrMultiProcessorCount) == 8);
  CHECK(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin) == 227 * 1024);
  CHECK(attribute(cudaDevAttrClusterLaunch) == 1);
  host_cuda::set_device({8, 6, 20});
  CHECK(attribute(cudaDevAttrComputeCapabilityMinor) == 6);
  CHECK(attribute(cudaDevAttrMultiProcessorCount) == 20);
  CHECK(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin) == 99 * 1024);
  CHECK(attribute(cudaDevAttrClusterLaunch) == 0);
  cudaDeviceProp properties{};
  REQUIRE_CUDA(cudaGetDeviceProperties(&properties, 0));
  CHECK(std::string(properties.name) == "host executor");
  CHECK(properties.multiProcessorCount == 20);
  CHECK(cudaGetDeviceProperties(&properties, 1) == cudaErrorInvalidDevice);

  cudaLaunchAttribute cluster{};
  cluster.id = cudaLaunchAttributeClusterDimension;
  cluster.val.clusterDim.x = 4, cluster.val.clusterDim.y = cluster.val.clusterDim.z = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(8), config.blockDim = dim3(1024), config.attrs = &cluster, config.numAttrs = 1;
  host_cuda::set_device({9, 0, 8});
  REQUIRE_CUDA(cudaOccupancyMaxActiveClusters(&value, nothing, &config));
  CHECK(value == 4);
}

}  // namespace
