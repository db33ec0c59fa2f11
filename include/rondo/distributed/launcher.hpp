// SPDX-License-Identifier: MIT
// Whether a launcher of MPI has started this process as one of several, and which of its machine's it is.
#pragma once

#include <rondo/distributed/communicator.hpp>
#include <rondo/version.hpp>

#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <initializer_list>
#include <optional>

namespace rondo::inline RONDO_ABI {

/// The rank that mpirun, mpiexec or srun has given this process, by the variables that Open MPI, MPICH and its
/// relatives, and PMIx set in its environment; nothing if no launcher has started it.
inline std::optional<int> rank_of_launcher() {
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "MV2_COMM_WORLD_RANK"})
    if (const char* rank = std::getenv(name)) return std::atoi(rank);
  return {};
}

/// Where a rank stands among those of its machine.
struct LocalRank {
  int rank = 0;  ///< 0 .. size - 1, in the order of all ranks
  int size = 1;  ///< ranks on this machine
};

/// Which of its machine's ranks this one is, by the machines' host names. Collective. Throws communication_error.
inline LocalRank local_rank(Communicator& ranks) {
  std::array<char, 256> machine{};
  ::gethostname(machine.data(), machine.size() - 1);
  const auto all = gather_values(ranks, machine);
  LocalRank local{0, 0};
  for (std::size_t r = 0; r < all.size(); ++r) {
    if (all[r] != machine) continue;
    if (r < static_cast<std::size_t>(ranks.rank())) ++local.rank;
    ++local.size;
  }
  return local;
}

}  // namespace rondo::inline RONDO_ABI
