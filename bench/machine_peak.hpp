// SPDX-License-Identifier: MIT
// Peak rates of this machine, measured in the same run. They bound every benchmark here: its time is at least its
// operations / peak_fma and its bytes / peak_bandwidth.
#pragma once

namespace bench {

/// Registers, for 1 and 2 threads: peak_fma/threads:N, counter GFLOP/s (fp32, a multiply-add counts as two), and
/// peak_bandwidth/from:L2|L3|memory/threads:N, counter GB/s (10^9 bytes read per second by all threads together).
void add_machine_peaks();

}  // namespace bench
