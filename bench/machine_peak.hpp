// SPDX-License-Identifier: MIT
// What this machine can do at most, measured in the same run: the floor under the time of any benchmark here is its
// operations over peak_fma, or its bytes over peak_bandwidth, whichever is longer.
#pragma once

namespace bench {

/// Registers, for 1 and 2 threads: peak_fma/threads:N, counter GFLOP/s (fp32, a multiply-add counts as two), and
/// peak_bandwidth/from:L2|L3|memory/threads:N, counter GB/s (10^9 bytes read a second by all threads together).
void add_machine_peaks();

}  // namespace bench
