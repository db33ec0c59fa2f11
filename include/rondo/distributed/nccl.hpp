// SPDX-License-Identifier: MIT
// Sums between GPUs by NCCL: gradients stay on the device, and the network between GPUs (NVLink, InfiniBand) carries
// them. Opt-in: link rondo::nccl.
//
//   rondo::MpiSession mpi;                        // starts the ranks, and carries what is not on a GPU
//   rondo::select_gpu(mpi.ranks());               // each rank of a machine its own GPU
//   rondo::NcclCommunicator ranks(mpi.ranks());
//   rondo::DataParallel<float, rondo::Cuda> parallel(model, ranks);
#pragma once

#include <rondo/cuda/context.hpp>
#include <rondo/distributed/communicator.hpp>
#include <rondo/distributed/launcher.hpp>

#include <cuda_runtime_api.h>
#include <nccl.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace rondo::inline RONDO_ABI {

namespace detail {

inline void require_nccl(ncclResult_t status, const char* function) {
  if (status != ncclSuccess) throw communication_error(std::string(function) + ": " + ncclGetErrorString(status));
}
inline void require_cuda(cudaError_t status, const char* function) {
  if (status != cudaSuccess) throw cuda::error(std::string(function) + ": " + cudaGetErrorString(status));
}

/// A stream beside that of the context, and an event on it.
class SideStream {
 public:
  SideStream() {
    require_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  }
  ~SideStream() { cudaStreamDestroy(stream_); }
  SideStream(const SideStream&) = delete;
  SideStream& operator=(const SideStream&) = delete;
  cudaStream_t get() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

/// What comes after it on one stream waits for what came before it on another.
class StreamOrder {
 public:
  StreamOrder() { require_cuda(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "cudaEventCreateWithFlags"); }
  ~StreamOrder() { cudaEventDestroy(event_); }
  StreamOrder(const StreamOrder&) = delete;
  StreamOrder& operator=(const StreamOrder&) = delete;
  void after(cudaStream_t stream) { require_cuda(cudaEventRecord(event_, stream), "cudaEventRecord"); }
  void before(cudaStream_t stream) { require_cuda(cudaStreamWaitEvent(stream, event_, 0), "cudaStreamWaitEvent"); }

 private:
  cudaEvent_t event_ = nullptr;
};

}  // namespace detail

/// Makes the n-th GPU the current device of the n-th rank on each machine. Before the first context of the rank.
/// Collective. Throws cuda::error if a machine has fewer GPUs than ranks, communication_error.
inline void select_gpu(Communicator& ranks) {
  const LocalRank local = local_rank(ranks);
  int count = 0;
  detail::require_cuda(cudaGetDeviceCount(&count), "cudaGetDeviceCount");
  if (local.rank >= count)
    throw cuda::error(detail::concat("select_gpu: rank ", ranks.rank(), " is number ", local.rank,
                                     " on its machine, which has ", count, " GPUs"));
  detail::require_cuda(cudaSetDevice(local.rank), "cudaSetDevice");
}

/// The ranks of another communicator with a GPU each.
class NcclCommunicator final : public Communicator {
 public:
  /// `ranks` carries what is in the memory of the host, and must outlive this object. The current device is that of
  /// this rank. Collective. Throws communication_error, cuda::error.
  explicit NcclCommunicator(Communicator& ranks) : ranks_(ranks) {
    ncclUniqueId id{};
    if (rank() == 0) detail::require_nccl(ncclGetUniqueId(&id), "ncclGetUniqueId");
    ranks.broadcast(std::as_writable_bytes(std::span(&id, 1)));
    detail::require_nccl(ncclCommInitRank(&comm_, size(), id, rank()), "ncclCommInitRank");
  }
  ~NcclCommunicator() override { ncclCommDestroy(comm_); }
  NcclCommunicator(const NcclCommunicator&) = delete;             ///< one per rank
  NcclCommunicator& operator=(const NcclCommunicator&) = delete;  ///< one per rank

  int rank() const override { return ranks_.rank(); }  ///< number of this process
  int size() const override { return ranks_.size(); }  ///< N

  /// In the memory of the host: that of the other communicator.
  std::unique_ptr<AllReduce> make_all_reduce(std::span<float> values, Precision precision) override {
    return ranks_.make_all_reduce(values, precision);
  }
  /// In the memory of the host: that of the other communicator.
  std::unique_ptr<AllReduce> make_all_reduce(std::span<double> values) override {
    return ranks_.make_all_reduce(values);
  }
  /// Sums in the memory of the GPU. start() and wait() order work on streams; the host does not wait. Equal N on equal
  /// machines give equal bits, but the order of ranks is NCCL's. Throws error unless the precision is fp32.
  std::unique_ptr<AllReduce> make_device_all_reduce(std::span<float> values, Precision precision) override {
    if (precision != Precision::fp32)
      throw error(detail::concat("NcclCommunicator: gradients travel between GPUs as fp32, not as ", name(precision)));
    return std::make_unique<Sum>(*this, values);
  }

  void broadcast(std::span<std::byte> bytes, int from) override { ranks_.broadcast(bytes, from); }  ///< by the host
  std::vector<std::byte> gather(std::span<const std::byte> bytes) override {
    return ranks_.gather(bytes);
  }                                                                                ///< by the host
  void fail(const std::string& reason) noexcept override { ranks_.fail(reason); }  ///< that of the other communicator
  std::size_t bytes_sent() const override { return ranks_.bytes_sent(); }          ///< those of the host

 private:
  class Sum final : public AllReduce {
   public:
    Sum(NcclCommunicator& ranks, std::span<float> values) : ranks_(ranks), values_(values) {}

    void start() override {
      const cudaStream_t side = ranks_.side_.get();
      ready_.after(cuda::Context::current().stream());
      ready_.before(side);
      detail::require_nccl(
          ncclAllReduce(values_.data(), values_.data(), values_.size(), ncclFloat, ncclSum, ranks_.comm_, side),
          "ncclAllReduce");
      done_.after(side);
    }
    void wait() override { done_.before(cuda::Context::current().stream()); }

   private:
    NcclCommunicator& ranks_;
    std::span<float> values_;
    detail::StreamOrder ready_, done_;
  };

  Communicator& ranks_;
  detail::SideStream side_;
  ncclComm_t comm_ = nullptr;
};

}  // namespace rondo::inline RONDO_ABI
