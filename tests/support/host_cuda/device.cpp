// SPDX-License-Identifier: MIT
// The simulated device, and the last error of calls. Figures of the architectures: CUDA Programming Guide, "Technical
// Specifications per Compute Capability".
#include "device_limits.hpp"

#include <algorithm>
#include <cstdio>

namespace host_cuda {

State& state() {
  static State all;
  return all;
}

cudaError_t& last_error() {
  thread_local cudaError_t error = cudaSuccess;
  return error;
}

int& current_device() {
  thread_local int device = 0;
  return device;
}

void set_device(Device device, int devices) {
  const std::lock_guard guard(state().lock);
  state().device = device;
  state().devices = devices;
  current_device() = 0;
}

DeviceLimits limits() {
  const Device& d = state().device;
  const int capability = 10 * d.major + d.minor;
  DeviceLimits l;
  const bool large = capability == 80 || (capability >= 90 && capability < 120);  // data centre GPUs
  l.shared_of_multiprocessor = std::size_t{capability >= 90 && large ? 228u : large ? 164u : 100u} << 10;
  l.threads_of_multiprocessor = large ? 2048 : 1536;
  l.blocks_of_multiprocessor = large ? 32 : capability == 86 ? 16 : 24;
  l.largest_cluster = capability < 90 ? 1 : large ? 16 : 8;
  return l;
}

}  // namespace host_cuda

using namespace host_cuda;

const char* cudaGetErrorName(cudaError_t error) {
#define HOST_CUDA_CASE(name, value, text) \
  case name:                              \
    return #name;
  switch (error) { HOST_CUDA_ERRORS(HOST_CUDA_CASE) }
#undef HOST_CUDA_CASE
  return "unrecognized error code";
}

const char* cudaGetErrorString(cudaError_t error) {
#define HOST_CUDA_CASE(name, value, text) \
  case name:                              \
    return text;
  switch (error) { HOST_CUDA_ERRORS(HOST_CUDA_CASE) }
#undef HOST_CUDA_CASE
  return "unrecognized error code";
}

cudaError_t cudaPeekAtLastError() {
  const std::lock_guard guard(state().lock);
  return state().sticky != cudaSuccess ? state().sticky : last_error();
}

cudaError_t cudaGetLastError() {
  const cudaError_t error = cudaPeekAtLastError();
  last_error() = cudaSuccess;
  return error;
}

cudaError_t cudaGetDeviceCount(int* count) {
  return call([&] {
    *count = state().devices;
    return cudaSuccess;
  });
}

cudaError_t cudaGetDevice(int* device) {
  *device = current_device();
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  return call([&] {
    if (device < 0 || device >= state().devices) return cudaErrorInvalidDevice;
    current_device() = device;
    return cudaSuccess;
  });
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  return call([&] {
    if (device < 0 || device >= state().devices) return cudaErrorInvalidDevice;
    const DeviceLimits l = limits();
    cudaDeviceProp p{};
    std::snprintf(p.name, sizeof p.name, "host executor");
    p.totalGlobalMem = DeviceLimits::memory;
    p.sharedMemPerBlock = DeviceLimits::shared_of_block;
    p.sharedMemPerBlockOptin = l.shared_of_block_opt_in();
    p.sharedMemPerMultiprocessor = l.shared_of_multiprocessor;
    p.reservedSharedMemPerBlock = DeviceLimits::shared_reserved;
    p.major = state().device.major;
    p.minor = state().device.minor;
    p.multiProcessorCount = state().device.multiprocessors;
    p.warpSize = 32;
    p.maxThreadsPerBlock = DeviceLimits::threads_of_block;
    p.maxThreadsPerMultiProcessor = l.threads_of_multiprocessor;
    p.maxBlocksPerMultiProcessor = l.blocks_of_multiprocessor;
    p.regsPerBlock = p.regsPerMultiprocessor = 65536;
    p.l2CacheSize = 50 << 20;
    p.cooperativeLaunch = 1;
    p.clusterLaunch = l.largest_cluster > 1;
    std::copy_n(DeviceLimits::block, 3, p.maxThreadsDim);
    std::copy_n(DeviceLimits::grid, 3, p.maxGridSize);
    *properties = p;
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  cudaDeviceProp p{};
  if (const cudaError_t error = cudaGetDeviceProperties(&p, device)) return error;
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
      *value = p.maxThreadsPerBlock;
      break;
    case cudaDevAttrMaxGridDimX:
      *value = p.maxGridSize[0];
      break;
    case cudaDevAttrMaxGridDimY:
      *value = p.maxGridSize[1];
      break;
    case cudaDevAttrMaxGridDimZ:
      *value = p.maxGridSize[2];
      break;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      *value = static_cast<int>(p.sharedMemPerBlock);
      break;
    case cudaDevAttrWarpSize:
      *value = p.warpSize;
      break;
    case cudaDevAttrMultiProcessorCount:
      *value = p.multiProcessorCount;
      break;
    case cudaDevAttrL2CacheSize:
      *value = p.l2CacheSize;
      break;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      *value = p.maxThreadsPerMultiProcessor;
      break;
    case cudaDevAttrComputeCapabilityMajor:
      *value = p.major;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = p.minor;
      break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      *value = static_cast<int>(p.sharedMemPerMultiprocessor);
      break;
    case cudaDevAttrMaxRegistersPerMultiprocessor:
      *value = p.regsPerMultiprocessor;
      break;
    case cudaDevAttrCooperativeLaunch:
      *value = p.cooperativeLaunch;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = static_cast<int>(p.sharedMemPerBlockOptin);
      break;
    case cudaDevAttrMaxBlocksPerMultiprocessor:
      *value = p.maxBlocksPerMultiProcessor;
      break;
    case cudaDevAttrReservedSharedMemoryPerBlock:
      *value = static_cast<int>(p.reservedSharedMemPerBlock);
      break;
    case cudaDevAttrClusterLaunch:
      *value = p.clusterLaunch;
      break;
    default:
      return call([] { return cudaErrorInvalidValue; });
  }
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
