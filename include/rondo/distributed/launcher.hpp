// SPDX-License-Identifier: MIT
// Whether a launcher of MPI has started this process as one of several.
#pragma once

#include <rondo/version.hpp>

#include <cstdlib>
#include <initializer_list>

namespace rondo::inline RONDO_ABI {

/// Whether mpirun, mpiexec or srun has started this process, by the variables that Open MPI, MPICH and its relatives,
/// and PMIx set in its environment.
inline bool started_by_mpi() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK", "MV2_COMM_WORLD_SIZE"})
    if (std::getenv(name)) return true;
  return false;
}

}  // namespace rondo::inline RONDO_ABI
