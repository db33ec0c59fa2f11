// SPDX-License-Identifier: MIT
// Programs that train in several processes: `mpirun -np 4 program …`. Only this file depends on whether they were built
// with MPI (RONDO_EXAMPLES_MPI, which CMake sets if it links rondo::mpi).
#pragma once

#include "device.hpp"

#include <rondo/distributed/communicator.hpp>
#include <rondo/distributed/launcher.hpp>
#ifdef RONDO_EXAMPLES_MPI
#include <rondo/distributed/mpi.hpp>
#endif
#ifdef RONDO_EXAMPLES_NCCL
#include <rondo/distributed/nccl.hpp>
#endif

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <functional>
#include <stdexcept>
#include <thread>
#include <type_traits>

namespace examples {

struct RankOptions {
  double timeout = 120;             // seconds that a rank may take to answer
  std::function<bool()> stop = {};  // whether the program was told to end
};

/// Calls f(communicator): that of all ranks if a launcher started this process, else that of a single one. If f throws,
/// the other ranks get the reason, every rank prints it, and the launcher ends them all. Throws std::runtime_error if
/// this program was built without MPI but started as one of several.
template <class F>
void with_ranks(const RankOptions& options, F&& f) {
  if (!rondo::rank_of_launcher()) {
    rondo::SingleProcess alone;
    f(static_cast<rondo::Communicator&>(alone));
    return;
  }
#ifdef RONDO_EXAMPLES_MPI
  const std::chrono::duration<double> timeout(options.timeout);
  rondo::MpiSession mpi(
      {.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(timeout), .stop = options.stop});
  rondo::MpiCommunicator& ranks = mpi.ranks();
  try {
    f(static_cast<rondo::Communicator&>(ranks));
  } catch (const std::exception& e) {
    ranks.fail(e.what());
    std::fprintf(stderr, "rank %d of %d: %s\n", ranks.rank(), ranks.size(), e.what());
    std::fflush(stderr);
  }
#else
  static_cast<void>(options);
  throw std::runtime_error("started as one of several processes, but built without MPI; configure with -DRONDO_MPI=ON");
#endif
}

/// Calls f(device, communicator) with the tag of the device in `o`. On GPUs each rank of a machine has its own, and
/// sums are there if the program was built with NCCL (RONDO_EXAMPLES_NCCL, which CMake sets if it links rondo::nccl).
template <class F>
void with_device(const DeviceOptions& o, rondo::Communicator& ranks, F&& f) {
#ifdef RONDO_EXAMPLES_NCCL
  if (o.device == "cuda" && ranks.size() > 1) rondo::select_gpu(ranks);
#endif
  with_device(o, [&]<class Device>(Device device) {
#ifdef RONDO_EXAMPLES_NCCL
    if constexpr (std::is_same_v<Device, rondo::Cuda>)
      if (ranks.size() > 1) {
        rondo::NcclCommunicator gpus(ranks);
        f(device, static_cast<rondo::Communicator&>(gpus));
        return;
      }
#endif
    f(device, ranks);
  });
}

/// The threads of a rank: an equal part of its machine's, if the launcher has not bound it to some. Collective.
inline int threads_per_rank(rondo::Communicator& ranks, int threads) {
  const int on_machine = rondo::local_rank(ranks).size;
  const bool bound = threads < static_cast<int>(std::thread::hardware_concurrency());
  return bound ? threads : std::max(1, threads / on_machine);
}

}  // namespace examples
