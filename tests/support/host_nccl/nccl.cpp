// SPDX-License-Identifier: MIT
#include <nccl.h>

#include <atomic>
#include <barrier>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace {

struct Group {
  explicit Group(int ranks) : barrier(ranks), values(static_cast<std::size_t>(ranks)) {}
  std::barrier<> barrier;
  std::vector<std::vector<float>> values;  // of each rank
};

std::mutex g_mutex;
std::map<long, std::weak_ptr<Group>> g_groups;
std::atomic<long> g_next{1};

}  // namespace

struct ncclComm {
  std::shared_ptr<Group> group;
  int rank;
  std::vector<float*> sums = {};  // pinned; streams may still read them
};

const char* ncclGetErrorString(ncclResult_t result) { return result == ncclSuccess ? "no error" : "invalid argument"; }

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  const long number = g_next++;
  std::memcpy(id->internal, &number, sizeof number);
  return ncclSuccess;
}

ncclResult_t ncclCommInitRank(ncclComm_t* comm, int ranks, ncclUniqueId id, int rank) {
  long number = 0;
  std::memcpy(&number, id.internal, sizeof number);
  if (number == 0 || rank < 0 || rank >= ranks) return ncclInvalidArgument;
  std::shared_ptr<Group> group;
  {
    const std::lock_guard lock(g_mutex);
    group = g_groups[number].lock();
    if (!group) g_groups[number] = group = std::make_shared<Group>(ranks);
  }
  group->barrier.arrive_and_wait();
  *comm = new ncclComm{group, rank};
  return ncclSuccess;
}

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  cudaDeviceSynchronize();
  for (float* sum : comm->sums) cudaFreeHost(sum);
  delete comm;
  return ncclSuccess;
}

// As NCCL may do: everything before it on the stream has run, nothing on other streams need have; the result arrives
// when the stream goes on.
ncclResult_t ncclAllReduce(const void* from, void* to, std::size_t count, ncclDataType_t, ncclRedOp_t, ncclComm_t comm,
                           cudaStream_t stream) {
  Group& group = *comm->group;
  auto& own = group.values[static_cast<std::size_t>(comm->rank)];
  own.resize(count);
  cudaStreamSynchronize(stream);
  cudaMemcpy(own.data(), from, count * sizeof(float), cudaMemcpyDeviceToHost);
  group.barrier.arrive_and_wait();
  float* sum = nullptr;
  if (cudaMallocHost(reinterpret_cast<void**>(&sum), count * sizeof(float)) != cudaSuccess) return ncclInvalidArgument;
  comm->sums.push_back(sum);
  std::memset(sum, 0, count * sizeof(float));
  bool same = true;
  for (const auto& values : group.values) {
    same = same && values.size() == count;
    for (std::size_t n = 0; same && n < count; ++n) sum[n] += values[n];
  }
  group.barrier.arrive_and_wait();
  if (!same) return ncclInvalidArgument;
  cudaMemcpyAsync(to, sum, count * sizeof(float), cudaMemcpyHostToDevice, stream);
  return ncclSuccess;
}
