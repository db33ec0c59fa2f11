// SPDX-License-Identifier: MIT
// The inner kernels that do not depend on the cell, of all instruction-set levels.
#include <rondo/cpu/kernels.hpp>
#include <rondo/cpu/kernels.inl>
